"""SOAP faults, in both versions, with reasons in Chinese and English.

1.1  <soap:Fault><faultcode>soap:Client</faultcode><faultstring>中文 / English</faultstring>
       <detail><q:fault xmlns:q="…"><q:code/><q:field/><q:rule/><q:line/><q:message-id/></q:fault></detail>
1.2  <soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode>…</soap:Subcode></soap:Code>
       <soap:Reason><soap:Text xml:lang="zh">…</soap:Text><soap:Text xml:lang="en">…</soap:Text></soap:Reason>
       <soap:Detail>as above</soap:Detail>
"""

from __future__ import annotations

from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from gateway.transports.soap.violations import Violation

FaultCode = Literal["Client", "Server", "VersionMismatch", "MustUnderstand"]

_IN_V12: Final = {"Client": "Sender", "Server": "Receiver"}


class SoapFault(Exception):
    """A handler's or the service's refusal of a request.

    Attributes:
        code: whose fault it is, by SOAP 1.1 names.
        reason_zh, reason_en: for people; never a value of the message.
        subcode: stable, for programs: an XML name such as `schema` or `unknown-operation`.
        field, rule, line: what must be changed, where that is known.
        message_id: by which we know the message, for inquiries.
    """

    def __init__(
        self,
        code: FaultCode,
        reason_zh: str,
        reason_en: str,
        *,
        subcode: str = "",
        field: str = "",
        rule: str = "",
        line: int = 0,
        message_id: str = "",
    ) -> None:
        super().__init__(f"{reason_zh} / {reason_en}")
        self.code = code
        self.reason_zh = reason_zh
        self.reason_en = reason_en
        self.subcode = subcode
        self.field = field
        self.rule = rule
        self.line = line
        self.message_id = message_id


def schema_fault(violation: Violation) -> SoapFault:
    """The sender's fault that a schema violation is."""
    return SoapFault(
        "Client",
        violation.zh,
        violation.en,
        subcode="schema",
        field=violation.field,
        rule=violation.rule,
        line=violation.line,
    )


def fault_v11(fault: SoapFault, namespace: str) -> bytes:
    """The Fault element of SOAP 1.1; the detail is in `namespace`."""
    text = escape(f"{fault.reason_zh} / {fault.reason_en}")
    return (
        f"<soap:Fault><faultcode>soap:{fault.code}</faultcode><faultstring>{text}</faultstring>"
        f"{_detail(fault, namespace, 'detail')}</soap:Fault>"
    ).encode()


def fault_v12(fault: SoapFault, namespace: str) -> bytes:
    """The Fault element of SOAP 1.2; subcode and detail are in `namespace`."""
    code = f"<soap:Value>soap:{_IN_V12.get(fault.code, fault.code)}</soap:Value>"
    if fault.subcode:
        value = f"<soap:Value xmlns:q={quoteattr(namespace)}>q:{escape(fault.subcode)}</soap:Value>"
        code += f"<soap:Subcode>{value}</soap:Subcode>"
    return (
        f"<soap:Fault><soap:Code>{code}</soap:Code><soap:Reason>"
        f'<soap:Text xml:lang="zh">{escape(fault.reason_zh)}</soap:Text>'
        f'<soap:Text xml:lang="en">{escape(fault.reason_en)}</soap:Text></soap:Reason>'
        f"{_detail(fault, namespace, 'soap:Detail')}</soap:Fault>"
    ).encode()


def _detail(fault: SoapFault, namespace: str, tag: str) -> str:
    """SOAP 1.1 allows a detail only about the Body's content; our own element serves every case."""
    parts = {
        "code": fault.subcode,
        "field": fault.field,
        "rule": fault.rule,
        "line": str(fault.line or ""),
        "message-id": fault.message_id,
    }
    elements = "".join(f"<q:{name}>{escape(text)}</q:{name}>" for name, text in parts.items() if text)
    if not elements:
        return ""
    return f"<{tag}><q:fault xmlns:q={quoteattr(namespace)}>{elements}</q:fault></{tag}>"

"""What a hospital is told when its request is not answered: a SOAP fault in the version it speaks.

1.1  <soap:Fault><faultcode>soap:Client</faultcode><faultstring>中文 / English</faultstring><detail>…</detail>
1.2  <soap:Fault><soap:Code>…soap:Sender…</soap:Code><soap:Reason>zh, en</soap:Reason><soap:Detail>…</soap:Detail>

     <hos:Refused xmlns:hos="urn:tongqu:hospital:v1">      every child may be missing but the code
       <hos:code>invalid</hos:code> <hos:field>feedetail[2]/cnt</hos:field> <hos:name>数量</hos:name>
       <hos:rule>decimal</hos:rule> <hos:line>1</hos:line> <hos:refusal_id>…</hos:refusal_id>
       <hos:message_id>…</hos:message_id> <hos:infcode>-1</hos:infcode> <hos:err_msg>…</hos:err_msg>
     </hos:Refused>

What stood in a field is never repeated; only what the platform wrote is passed on, to whom it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from gateway.transports.http import Response
from gateway.transports.soap import Version, wrap

NAMESPACE = "urn:tongqu:hospital:v1"

#: The children of `Refused` in their order; the WSDL is made from it too.
DETAILS = ("code", "field", "name", "rule", "line", "refusal_id", "message_id", "infcode", "err_msg")

#: Whose turn it is: Client must change the message, Server means "the same message again".
Side = Literal["Client", "Server", "VersionMismatch", "MustUnderstand"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_V12 = {"Client": "Sender", "Server": "Receiver"}


@dataclass(kw_only=True, eq=False)
class Fault(Exception):
    """Ends a request. `record` says whether it is input that was not accepted, to be audited."""

    code: str  #: stable: `malformed`, `invalid`, `signature`, `replay`, `duplicate-msgid`, `pending`, …
    zh: str
    en: str
    side: Side = "Client"
    field: str = ""
    name: str = ""
    rule: str = ""
    line: int = 0
    record: bool = True
    version: Version | None = None  #: to answer in, where the envelope said it
    msgid: str | None = None
    refusal_id: str = ""
    message_id: str = ""
    infcode: str = ""
    err_msg: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.field} {self.rule}".strip()


def response(announced: Version, fault: Fault) -> Response:
    """The fault as an HTTP answer, in the envelope's version if it got so far, else as announced."""
    version = fault.version or announced
    if version is Version.V11:  # its HTTP binding knows one status for all faults
        return Response(500, wrap(version, _v11(fault)), version.content_type)
    status = 400 if fault.side == "Client" else 500
    return Response(status, wrap(version, _v12(fault)), version.content_type)


def _text(value: str) -> str:
    """Element content. What the platform wrote came as JSON and may hold what XML cannot."""
    return escape(_NOT_XML.sub("\ufffd", value))


def _v11(fault: Fault) -> bytes:
    return (
        f"<soap:Fault><faultcode>soap:{fault.side}</faultcode>"
        f"<faultstring>{_text(f'{fault.zh} / {fault.en}')}</faultstring>"
        f"<detail>{_detail(fault)}</detail></soap:Fault>"
    ).encode()


def _v12(fault: Fault) -> bytes:
    return (
        f"<soap:Fault><soap:Code><soap:Value>soap:{_IN_V12.get(fault.side, fault.side)}</soap:Value></soap:Code><soap:Reason>"
        f'<soap:Text xml:lang="zh">{_text(fault.zh)}</soap:Text>'
        f'<soap:Text xml:lang="en">{_text(fault.en)}</soap:Text></soap:Reason>'
        f"<soap:Detail>{_detail(fault)}</soap:Detail></soap:Fault>"
    ).encode()


def _detail(fault: Fault) -> str:
    values = ((name, str(getattr(fault, name))) for name in DETAILS if getattr(fault, name))
    children = "".join(f"<hos:{name}>{_text(value)}</hos:{name}>" for name, value in values)
    return f'<hos:Refused xmlns:hos="{NAMESPACE}">{children}</hos:Refused>'

"""A fault as SOAP says it, in the version the hospital speaks.

1.1  <soap:Fault><faultcode>soap:Client</faultcode><faultstring>中文 / English</faultstring><detail>…</detail>
1.2  <soap:Fault><soap:Code>…soap:Sender…</soap:Code><soap:Reason>zh, en</soap:Reason><soap:Detail>…</soap:Detail>

     <hos:Refused xmlns:hos="urn:tongqu:hospital:v1">      every child may be missing but the code
       <hos:code>invalid</hos:code> <hos:field>feedetail[2]/cnt</hos:field> <hos:name>数量</hos:name>
       <hos:rule>decimal</hos:rule> <hos:line>1</hos:line> <hos:refusal_id>…</hos:refusal_id>
       <hos:message_id>…</hos:message_id> <hos:infcode>-1</hos:infcode> <hos:err_msg>…</hos:err_msg>
     </hos:Refused>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from adapters.hospital.door import retry_after
from adapters.hospital.faults import Fault
from gateway.transports.http import Response
from gateway.transports.soap import Version, wrap

NAMESPACE = "urn:tongqu:hospital:v1"

#: The children of `Refused` in their order; the WSDL is made from it too.
DETAILS = ("code", "field", "name", "rule", "line", "refusal_id", "message_id", "infcode", "err_msg")

#: Characters that XML cannot hold.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_V12 = {"Client": "Sender", "Server": "Receiver"}


@dataclass(kw_only=True, eq=False)
class EnvelopeFault(Fault):
    """The envelope is wrong: SOAP has codes of its own for some of that."""

    side: str = "Client"
    version: Version | None = None  #: to answer in, where the envelope said it


def response(version: Version, fault: Fault) -> Response:
    """The fault as an HTTP answer."""
    side = fault.side if isinstance(fault, EnvelopeFault) else "Server" if fault.ours else "Client"
    # The HTTP binding of 1.1 knows one status for all faults.
    status = 400 if side == "Client" and version is Version.V12 else 500
    body = _v11(fault, side) if version is Version.V11 else _v12(fault, side)
    too_often = fault.after is not None
    return Response(
        429 if too_often else status, wrap(version, body), version.content_type, retry_after(fault)
    )


def _text(value: str) -> str:
    """Element content. What the platform wrote came as JSON and may hold what XML cannot."""
    return escape(NOT_XML.sub("\ufffd", value))


def _v11(fault: Fault, side: str) -> bytes:
    return (
        f"<soap:Fault><faultcode>soap:{side}</faultcode>"
        f"<faultstring>{_text(f'{fault.zh} / {fault.en}')}</faultstring>"
        f"<detail>{_detail(fault)}</detail></soap:Fault>"
    ).encode()


def _v12(fault: Fault, side: str) -> bytes:
    return (
        f"<soap:Fault><soap:Code><soap:Value>soap:{_IN_V12.get(side, side)}</soap:Value></soap:Code><soap:Reason>"
        f'<soap:Text xml:lang="zh">{_text(fault.zh)}</soap:Text>'
        f'<soap:Text xml:lang="en">{_text(fault.en)}</soap:Text></soap:Reason>'
        f"<soap:Detail>{_detail(fault)}</soap:Detail></soap:Fault>"
    ).encode()


def _detail(fault: Fault) -> str:
    values = ((name, str(getattr(fault, name))) for name in DETAILS if getattr(fault, name))
    children = "".join(f"<hos:{name}>{_text(value)}</hos:{name}>" for name, value in values)
    return f'<hos:Refused xmlns:hos="{NAMESPACE}">{children}</hos:Refused>'

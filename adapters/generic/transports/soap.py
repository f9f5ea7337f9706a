"""SOAP 1.1 and 1.2: the document is the one element of the Body; what is served has a WSDL of its mappings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Final, Literal
from xml.sax.saxutils import escape

import msgspec
from lxml import etree
from pydantic import Field, StringConstraints

from adapters.generic.answers import Proof, judge
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.operations import AnswerSettings, Codes
from adapters.generic.refusals import Refused
from adapters.generic.transports.http import Suffix, inquiries, unknown_calls
from adapters.generic.transports.web import WebInbound, WebLink, WebOutbound, WebReceiver, incomplete
from gateway.canonical import Body
from gateway.contract import ConfigError, Context, Rejected, Settings, Unknown
from gateway.transports.http import Request, Response
from gateway.transports.soap import (
    NotSoap,
    PeerFault,
    SoapFault,
    SoapRequest,
    SoapService,
    Version,
    read_answer,
    wrap,
)
from gateway.transports.soap.client import fields
from gateway.transports.soap.envelope import version_of_media
from gateway.transports.soap.wsdl import Described, Service, flat_element
from mappings import Mapping
from mappings.xsd import schema_for

_RECEIPT: Final = "Receipt"
_FAULT: Final = "fault"
_VERSIONS: Final = {version.label: version for version in Version}


class SoapCall(Settings):
    """一项操作如何调用。 / How one operation is called."""

    action: Annotated[str, StringConstraints(pattern=r'^[^"\s]*$')] = Field(
        default="", description="SOAPAction 的值 / its SOAPAction", examples=["urn:agency:Notify"]
    )
    path: Suffix = Field(default="", description="接在 base_url 之后 / after base_url")


class SoapInbound(WebInbound):
    """对方以 SOAP 送来；WSDL 由映射生成，在 路径?wsdl。 / The partner calls us by SOAP; the WSDL is made from the mappings."""

    kind: Literal["soap"] = Field(description="经 SOAP 1.1 或 1.2 / by SOAP 1.1 or 1.2")

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """XML mappings of one namespace, and a root element for each operation."""
        forms = formats.going("inbound")
        try:
            _schema(forms)
        except ValueError:
            zh = "SOAP 的映射须为同一命名空间的 XML，且只用这一个命名空间"
            en = "mappings for SOAP must be XML of one namespace, and of no other"
            yield ConfigError(zh, en, path="kind")
            return
        roots = [root_of(form.request) for form in forms]
        if len(set(roots)) != len(roots) or not namespace_of(forms[0].request):
            zh = "每项操作须有自己的根元素，且有命名空间"
            en = "each operation needs a root element of its own, in a namespace"
            yield ConfigError(zh, en, path="kind")

    def serve(self, desk: Desk) -> SoapReceiver:
        return SoapReceiver(self, desk)


class SoapOutbound(WebOutbound):
    """我方以 SOAP 送去。 / We call the partner by SOAP."""

    kind: Literal["soap"] = Field(description="经 SOAP / by SOAP")
    version: Literal["1.1", "1.2"] = Field(default="1.1", description="SOAP 版本 / SOAP version")
    calls: dict[str, SoapCall] = Field(
        default={},
        description="各操作的 SOAPAction 与路径；查询、冲正写作 名称.query、名称.reversal / by operation; also name.query, name.reversal",
    )
    rejecting_faults: Codes = Field(
        default=(),
        description="表示拒绝且未生效的 Fault 代码，其他 Fault 视为结果不明 / fault codes that mean no, without effect; any other leaves the outcome unknown",
        examples=[["Client", "Sender"]],
    )

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """XML mappings, and calls that name operations."""
        forms = formats.going("outbound")
        names = [form.name for form in forms]
        yield from unknown_calls(self.calls, [*names, *inquiries(names)])
        for form in forms:
            options = form.request.plan.definition.codec
            if options.kind != "xml" or getattr(options, "declaration", False):
                zh = f"操作 {form.name} 的映射须为不带 XML 声明的 XML"
                en = f"the mapping of {form.name} must be XML without declaration"
                yield ConfigError(zh, en, path="kind")

    def link(self, formats: Formats, context: Context) -> SoapLink:
        del formats
        return SoapLink(self, context)


class SoapReceiver(WebReceiver):
    """One service at one path."""

    settings: SoapInbound

    def __init__(self, settings: SoapInbound, desk: Desk) -> None:
        super().__init__(settings, desk)
        forms = desk.formats.going("inbound")
        namespace = namespace_of(forms[0].request)
        described = tuple(_described(form) for form in forms)
        self._namespace = namespace
        self._service = SoapService(
            wsdl=Service("Partner", namespace, "par", _FAULT, described).wsdl(_schema(forms)),
            location=settings.location,
            operations={
                f"{{{namespace}}}{root_of(form.request)}": partial(self._operation, form) for form in forms
            },
            fault_namespace=namespace,
            guard=self._guard,
            record=self._record,
        )

    def handlers(self) -> dict[str, Any]:
        return {self.settings.path: self._service}

    async def refused_by_http(self, request: Request, status: int) -> Response:
        version = version_of_media(request.headers.get("content-type")) or Version.V11
        refused = self._service.refuse(version, _fault(incomplete(status)), request)
        answer = refused if isinstance(refused, Response) else await refused
        return Response(status, answer.body, answer.content_type, close=True)

    async def _guard(self, request: Request) -> None:
        try:
            await self.admitted(request)
        except Refused as refused:
            raise _fault(refused) from refused

    async def _record(self, fault: SoapFault, request: Request) -> str:
        refused = fault.__cause__ if isinstance(fault.__cause__, Refused) else _refusal(fault)
        try:
            await self.desk.record(refused, request.body)
        except Refused as later:
            raise _fault(later) from later
        return refused.refusal_id or refused.message_id

    async def _operation(self, form: Format, request: SoapRequest) -> bytes:
        raw = request.http.body
        try:
            trace = request.http.headers.get("traceparent")
            answer = await self.desk.take(form, request.payload, raw, trace)
            written = self.desk.written(form, answer)
        except Refused as refused:
            own = refused.written(form)
            if own is None:
                raise _fault(refused) from refused
            try:
                await self.desk.record(refused, raw)
            except Refused as later:
                raise _fault(later) from later
            return own
        return written if written is not None else self._receipt(answer)

    def _receipt(self, answer: Body) -> bytes:
        facts: dict[str, str] = msgspec.structs.asdict(answer)
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in facts.items())
        return f'<{_RECEIPT} xmlns="{escape(self._namespace)}">{inner}</{_RECEIPT}>'.encode()


class SoapLink(WebLink):
    """Implements `Link`."""

    settings: SoapOutbound

    async def send(
        self,
        form: Format,
        reference: str,
        content: bytes,
        asked: str = "",
        answer: AnswerSettings | None = None,
    ) -> Proof:
        own = self.settings
        version = _VERSIONS[own.version]
        call = own.calls.get(f"{form.name}.{asked}".rstrip(".")) or SoapCall()
        response = await self.request(
            "POST", call.path, fields(version, call.action), reference, wrap(version, content)
        )
        if isinstance(response, Unknown):
            return response
        wanted = answer or form.settings.answer
        try:
            payload = read_answer(response)
        except PeerFault as fault:
            if fault.code in own.rejecting_faults:
                return Rejected(code=fault.code, reason=fault.reason, raw=response.body)
            return Unknown(
                reason="对方返回 SOAP Fault / the partner answered with a fault", raw=response.body
            )
        except NotSoap:
            if response.status in (*wanted.rejected_statuses, *wanted.retry_statuses):
                return judge(wanted, response.status, response.body)
            return Unknown(
                reason=f"应答不是 SOAP / no SOAP answer, HTTP {response.status}", raw=response.body
            )
        return judge(wanted, response.status, response.body, payload)


def root_of(mapping: Mapping) -> str:
    """Its root element, without namespace."""
    return mapping.plan.definition.codec.root


def namespace_of(mapping: Mapping) -> str:
    return str(getattr(mapping.plan.definition.codec, "namespace", ""))


def _described(form: Format) -> Described:
    title = form.settings.title
    reply = _RECEIPT if form.reply is None else root_of(form.reply)
    return Described(form.name, f"{title.zh} / {title.en}", root_of(form.request), reply)


def _schema(forms: tuple[Format, ...]) -> etree._Element:
    """Of every request and answer. Raises ValueError where they do not fit into one."""
    found = {
        root_of(m): m for form in forms for m in (form.request, form.reply, form.refusal) if m is not None
    }
    root = etree.fromstring(schema_for(list(found.values())))
    root.append(flat_element(_RECEIPT, ("message_id", "partner_message_id", "state"), needed=3))
    root.append(flat_element(_FAULT, ("code", "field", "rule", "line", "message-id"), needed=0))
    return root


def _fault(refused: Refused) -> SoapFault:
    fault = SoapFault(
        "Server" if refused.ours else "Client",
        *refused.told,
        subcode=refused.code,
        field=refused.field,
        rule=refused.rule,
        line=refused.line,
        message_id=refused.refusal_id or refused.message_id,
    )
    fault.__cause__ = refused
    return fault


def _refusal(fault: SoapFault) -> Refused:
    """What the SOAP service itself refused: XML, envelope, unknown operation."""
    code = fault.subcode if fault.subcode == "unknown-operation" else "malformed"
    return Refused(code=code, zh=fault.reason_zh, en=fault.reason_en, rule=fault.subcode, line=fault.line)

"""Style `hip`: registrations of patients, taken now and delivered later. Every answer is an acknowledgement.

<urn:HIPMessageServer xmlns:urn="urn:hl7-org:v3">
  <action>PatientInfoRegister</action> <message><![CDATA[<PRPA_IN201311UV02 …>]]></message>
"""

from __future__ import annotations

from typing import Final

from lxml import etree
from msgspec import structs

from adapters.hospital.clerk import Clerk, Inquiry
from adapters.hospital.faults import Fault, invalid
from adapters.hospital.formats import Formats, field_names
from adapters.hospital.soap.faults import response
from adapters.hospital.soap.hip.documents import (
    INTERACTIONS,
    NAMESPACE,
    Interaction,
    Letterhead,
    acknowledgement,
    letterhead,
)
from adapters.hospital.soap.settings import SoapFace, StyleName
from adapters.hospital.soap.style import cdata, document, parameter
from gateway.canonical.care import Registration
from gateway.contract import Context, Unavailable
from gateway.transports.http import Request, Response
from gateway.transports.soap import SoapRequest, wrap
from gateway.transports.soap.wsdl import Described, Service, flat_schema
from mappings import MappingError
from mappings.catalogue import NoMapping, china_day
from mappings.lenses_times import CHINA

_SERVER: Final = "HIPMessageServer"
_ANSWER: Final = f"{_SERVER}Response"
_TITLE: Final = "互联互通：个人信息注册、更新 / registration of patients, and its updates"


class HipStyle:
    """
    Raises:
        ConfigError: a mapping is wrong.
    """

    name: StyleName = "hip"

    def __init__(self, face: SoapFace, context: Context, clerk: Clerk, formats: Formats) -> None:
        self.face = face
        self.clock = context.clock
        self.clerk = clerk
        self.formats = formats
        formats.compile(kind.mapping for kind in INTERACTIONS.values())

    def asked(self, request: Request, soap: SoapRequest) -> HipTalk | None:
        known = soap.payload.tag == f"{{{NAMESPACE}}}{_SERVER}"
        return HipTalk(self, request, soap) if known else None

    def wsdl(self) -> bytes:
        elements = ((_SERVER, ("action", "message")), (_ANSWER, (self.face.hip.result,)))
        offered = (Described(_SERVER, _TITLE, _SERVER, _ANSWER),)
        service = Service(_SERVER, NAMESPACE, "urn", "", offered, bindings=("soap12",))
        return service.wsdl(flat_schema(NAMESPACE, elements, qualified=False))


class HipTalk:
    """One request."""

    def __init__(self, style: HipStyle, request: Request, soap: SoapRequest) -> None:
        self._style = style
        self._clerk = style.clerk
        self._hip = style.face.hip
        self._request = request
        self._soap = soap
        self._letterhead = Letterhead()

    async def answer(self) -> bytes:
        receipt = await self._clerk.take(self._inquiry())
        text = "重复报文，已受理 / accepted before" if receipt.repeated else "已受理 / accepted"
        return self._written(ok=True, text=text, message_id=receipt.message_id)

    def msgid(self) -> str | None:
        return self._letterhead.message_id or None

    def refusal(self, fault: Fault) -> Response:
        """An acknowledgement, too. Where nothing is decided, it is a SOAP fault: nobody can take that for a no."""
        if fault.ours:
            return response(self._soap.version, fault)
        about = [part for part in (fault.name, fault.field, fault.rule) if part and part not in fault.zh]
        text = f"[{fault.code}] {fault.zh} / {fault.en}" + (f" ({' '.join(about)})" if about else "")
        written = self._written(ok=False, text=text, message_id=fault.refusal_id or fault.message_id)
        version = self._soap.version
        return Response(200, wrap(version, written), version.content_type)

    def _written(self, *, ok: bool, text: str, message_id: str) -> bytes:
        at = self._style.clock.now().astimezone(CHINA)
        said = acknowledgement(
            self._letterhead, self._hip.device, ok=ok, text=text, message_id=message_id, at=at
        )
        result = self._hip.result
        inner = f"<{result}>{cdata(said)}</{result}>"
        return f'<urn:{_ANSWER} xmlns:urn="{NAMESPACE}">{inner}</urn:{_ANSWER}>'.encode()

    def _inquiry(self) -> Inquiry:
        """What is asked for. Raises Fault and Unavailable."""
        payload = self._soap.payload
        root = document(parameter(payload, "message"), "message", self._style.face.body_limit)
        self._letterhead = letterhead(root)
        kind = self._kind(parameter(payload, "action").strip(), root)
        self._clerk.may(kind.operation, etree.QName(root).localname)
        return self._read(kind, root)

    def _kind(self, action: str, root: etree._Element) -> Interaction:
        interaction = self._hip.actions.get(action, action)
        kind = INTERACTIONS.get(interaction)
        if kind is None:
            zh, en = "未开通的 action", "an action that is not served"
            raise Fault(code="unknown-operation", zh=zh, en=en, field="action", rule="action")
        if root.tag != f"{{{NAMESPACE}}}{interaction}":
            zh = f"message 的根元素应为 {interaction}，命名空间 {NAMESPACE}"
            en = f"the root of message must be {interaction} in the namespace {NAMESPACE}"
            raise Fault(code="invalid", zh=zh, en=en, field="message", rule="root")
        return kind

    def _read(self, kind: Interaction, root: etree._Element) -> Inquiry:
        clerk, http = self._clerk, self._request
        try:
            mapping = self._style.formats.find(kind.mapping, china_day(self._style.clock.now()))
        except NoMapping as error:
            raise Unavailable(error.zh, error.en) from None
        try:
            body = mapping.decode_tree(root, treatment_region=clerk.region)
            msgid = mapping.read_envelope(root)["@extension"]
        except MappingError as error:
            raise invalid(error, lambda field: field_names(mapping).get(field, "")) from None
        assert isinstance(body, Registration)
        code = body.institution_code
        institution = self._hip.organisations.get(code, code)
        return Inquiry(
            operation=kind.operation,
            body=structs.replace(body, institution_code=institution),
            msgid=msgid,
            institution=institution,
            mapping=f"{mapping.name}@{mapping.version}",
            raw=http.body,
            trace=http.headers.get("traceparent"),
        )

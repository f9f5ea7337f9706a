"""Style `param-xml`: national transactions in a text parameter, answered in a text.

    <ns:AppCheckList xmlns:ns="…"><ns:paramXml><![CDATA[<any><infno>2207</infno>…</any>]]></ns:paramXml>

A refusal is the answer of the national interface that says so (infcode, err_msg). Where nothing is decided (the
outcome is open, nothing was taken) the answer is a SOAP fault: nobody can take that for a no.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from lxml import etree
from msgspec import structs

from adapters.hospital.clerk import Clerk, Inquiry
from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.national import answers, envelope
from adapters.hospital.national.formats import NationalFormats
from adapters.hospital.national.transactions import ROUTED, Transaction
from adapters.hospital.soap.faults import response
from adapters.hospital.soap.param_xml import esb
from adapters.hospital.soap.param_xml.notation import JsonNotation, Tree, XmlNotation
from adapters.hospital.soap.settings import ParamXml, SoapFace, StyleName
from adapters.hospital.soap.style import cdata, document, parameter
from gateway.contract import Context
from gateway.transports.http import Request, Response
from gateway.transports.soap import SoapRequest, wrap
from gateway.transports.soap.wsdl import Described, Service, flat_schema
from mappings import MappingError
from mappings.lenses_times import CHINA

_TITLE: Final = "医保交易，报文在文本参数内 / national transactions in a text parameter"


class ParamXmlStyle:
    """
    Args:
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.

    Raises:
        ConfigError: a mapping is wrong.
    """

    name: StyleName = "param-xml"

    def __init__(
        self, face: SoapFace, context: Context, clerk: Clerk, formats: Formats, line_tolerance: int | None
    ) -> None:
        self.settings = face.param_xml
        self.limit = face.body_limit
        self.clock = context.clock
        self.clerk = clerk
        self.formats = NationalFormats(formats)
        self.line_tolerance = line_tolerance
        self.xml = XmlNotation(self.settings.parameter, self.settings.root, self.limit)
        self.json = JsonNotation(self.settings.parameter, self.limit)
        self._tag = f"{{{self.settings.namespace}}}{self.settings.operation}"

    def asked(self, request: Request, soap: SoapRequest) -> ParamXmlTalk | None:
        return ParamXmlTalk(self, request, soap) if soap.payload.tag == self._tag else None

    def wsdl(self) -> bytes:
        it = self.settings
        elements = ((it.operation, (it.parameter,)), (it.answer_name, (it.result_name,)))
        offered = (Described(it.operation, _TITLE, it.operation, it.answer_name),)
        service = Service(it.operation, it.namespace, "tns", "", offered, bindings=("soap11",))
        return service.wsdl(flat_schema(it.namespace, elements, qualified=it.qualified))


class ParamXmlTalk:
    """One request."""

    def __init__(self, style: ParamXmlStyle, request: Request, soap: SoapRequest) -> None:
        self._style = style
        self._settings: ParamXml = style.settings
        self._request = request
        self._soap = soap
        self._arrival = answers.Arrival(style.clerk.region, style.clock.now())
        self._header = esb.Header()
        self._tree: Tree = {}

    async def answer(self) -> bytes:
        self._tree = self._read()
        it, style, arrival = self._settings, self._style, self._arrival
        asked = envelope.read(self._tree, it)
        transaction, inquiry = self._inquiry(asked)
        answered = await style.clerk.ask(inquiry)
        try:
            body, seed = answered.body, answered.message_id
            output = style.formats.output(transaction, asked, body, arrival.at, echo=it.echo_msgid)
            return self._written(answers.success(it, arrival, style.clock.now(), seed, output).body)
        except (MappingError, TypeError) as error:
            raise self._style.clerk.unspeakable(answered, error) from None

    def msgid(self) -> str | None:
        return envelope.msgid_of(self._tree)

    def refusal(self, fault: Fault) -> Response:
        if fault.ours:
            return response(self._soap.version, fault)
        said = answers.refusal(self._settings, self._arrival, self._style.clock.now(), fault)
        version = self._soap.version
        return Response(200, wrap(version, self._written(said.body, fault)), version.content_type)

    # -- in ------------------------------------------------------------------------------------------

    def _read(self) -> Tree:
        """What the parameter holds, as the national interface has it. Raises Fault."""
        it, style = self._settings, self._style
        text = parameter(self._soap.payload, it.parameter)
        if it.content == "json":
            return style.json.read(text)
        if it.esb is None:
            return style.xml.read(text)
        root = document(text, it.parameter, style.limit)
        self._header = esb.header(root)
        return style.xml.tree(esb.opened(root, it.esb, style.limit))

    def _inquiry(self, asked: envelope.Envelope) -> tuple[Transaction, Inquiry]:
        """Raises Fault and Unavailable."""
        style, http = self._style, self._request
        transaction = ROUTED.get(asked.infno)
        if transaction is None:
            zh, en = "未知的交易编号", "unknown transaction"
            raise Fault(code="unknown-operation", zh=zh, en=en, field="infno", rule="infno")
        if self._settings.esb is not None:
            esb.agrees(self._header.fid, asked.infno, self._settings.esb)
        style.clerk.may(transaction.operation, asked.infno)
        if self._settings.content == "xml":
            items = style.formats.mapping(transaction.input, self._arrival.at).plan.items
            asked = structs.replace(asked, input=style.xml.shaped(asked.input, items))
        inquiry = style.formats.inquiry(
            transaction,
            asked,
            self._arrival.at,
            tolerance=style.line_tolerance,
            raw=http.body,
            trace=http.headers.get("traceparent"),
        )
        return transaction, inquiry

    # -- out -----------------------------------------------------------------------------------------

    def _written(self, answer: bytes, fault: Fault | None = None) -> bytes:
        """The payload around an answer of the national interface."""
        it = self._settings
        name, result = f"tns:{it.answer_name}", f"tns:{it.result_name}" if it.qualified else it.result_name
        inner = f"<{result}>{cdata(self._text(answer, fault))}</{result}>"
        tns = etree.QName(self._soap.payload).namespace
        return f'<{name} xmlns:tns="{tns}">{inner}</{name}>'.encode()

    def _text(self, answer: bytes, fault: Fault | None) -> str:
        it, style = self._settings, self._style
        if it.content == "json":
            return style.json.write(answer)
        if it.esb is None:
            return style.xml.write(answer)
        at: dt.datetime = style.clock.now().astimezone(CHINA)
        text = "成功 / done" if fault is None else answers.reason(fault, it.err_msg_length)
        content = style.xml.element(answer)
        return esb.answered(self._header, it.esb, content, ok=fault is None, text=text, at=at)

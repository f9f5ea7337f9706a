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

from adapters.hospital.clerk import Answered, Clerk, Inquiry
from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.national import answers, checks, envelope
from adapters.hospital.national.formats import NationalFormats
from adapters.hospital.national.transactions import ROUTED, Transaction
from adapters.hospital.soap.faults import response
from adapters.hospital.soap.param_xml import esb
from adapters.hospital.soap.param_xml.notation import JsonNotation, Tree, XmlNotation
from adapters.hospital.soap.settings import ParamXml, SoapFace, StyleName
from adapters.hospital.soap.style import cdata, document, parameter
from gateway.canonical.settlement import ClaimSettled
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
        transaction, inquiry = self._inquiry(envelope.read(self._tree, self._settings))
        answered = await self._style.clerk.ask(inquiry)
        try:
            output = self._output(transaction, inquiry, answered)
            at, seed = self._style.clock.now(), answered.message_id
            return self._written(answers.success(self._settings, self._arrival, at, seed, output).body)
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
        mapping = style.formats.mapping(transaction.input, self._arrival.at)
        if self._settings.content == "xml":
            asked = structs.replace(asked, input=style.xml.shaped(asked.input, mapping.plan.items))
        body = style.formats.read(transaction.input, asked, self._arrival.at)
        checks.check(body, style.line_tolerance)
        return transaction, Inquiry(
            operation=transaction.operation,
            body=body,
            msgid=asked.msgid,
            institution=asked.institution_code,
            mapping=f"{mapping.name}@{mapping.version}",
            raw=http.body,
            trace=http.headers.get("traceparent"),
        )

    # -- out -----------------------------------------------------------------------------------------

    def _output(self, transaction: Transaction, inquiry: Inquiry, answered: Answered) -> bytes:
        if transaction.output is None:
            return answers.EMPTY
        body = answered.body
        if self._settings.echo_msgid and isinstance(body, ClaimSettled):
            body = structs.replace(body, sender_message_id=inquiry.msgid)
        return self._style.formats.write(transaction.output, body, self._arrival.at)

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

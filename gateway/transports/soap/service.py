"""A SOAP service as an HTTP handler: serves its WSDL, and dispatches requests by payload element."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from lxml import etree
from twisted.internet.defer import Deferred

from gateway.transports.http.messages import Request, Response, media_type
from gateway.transports.soap.envelope import SoapRequest, Version, read_envelope, version_of_media, wrap
from gateway.transports.soap.faults import SoapFault, fault_v11, fault_v12, schema_fault
from gateway.transports.soap.violations import violations
from gateway.transports.soap.xml import XmlError, parse

#: Gets a request whose payload is valid; answers with the serialised payload of the reply, UTF-8, no XML
#: declaration; raises `SoapFault` to refuse.
Operation = Callable[[SoapRequest], "bytes | Deferred[bytes] | Awaitable[bytes]"]

Guard = Callable[[Request], Awaitable[None]]
Recording = Callable[[SoapFault, Request], Awaitable[str]]

_PLAIN = "text/plain; charset=utf-8"
_XML = "text/xml; charset=utf-8"


class SoapService:
    """Answers SOAP 1.1 and 1.2 on one path. Callable as the handler of an `HttpServer`.

    Args:
        wsdl: the document or its file; `{location}` in it becomes the service's address.
        location: that address, as partners reach it.
        operations: handlers by the qualified name of the request's payload, `{namespace}local`.
        schema: what payloads must conform to; None leaves that to the handlers.
        fault_namespace: of the detail element in faults.
        documents: what the WSDL imports, by the name given in `?xsd=name`.
        understood: names of header blocks that the operations handle, `{namespace}local`.
        guard: asked before a POST is read; raises `SoapFault` to refuse it.
        record: puts a refusal on record and returns the id by which it is found, for the fault's detail;
            raises `SoapFault` where that cannot be done.
    """

    def __init__(
        self,
        *,
        wsdl: bytes | Path,
        location: str,
        operations: Mapping[str, Operation],
        fault_namespace: str,
        schema: etree.XMLSchema | None = None,
        documents: Mapping[str, bytes] | None = None,
        understood: frozenset[str] = frozenset(),
        guard: Guard | None = None,
        record: Recording | None = None,
    ) -> None:
        text = wsdl.read_bytes() if isinstance(wsdl, Path) else wsdl
        self._wsdl = text.replace(b"{location}", escape(location, {'"': "&quot;"}).encode())
        self._documents = dict(documents or {})
        self._operations = dict(operations)
        self._schema = schema
        self._fault_namespace = fault_namespace
        self._understood = understood
        self._guard = guard
        self._record = record

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        if request.method == "POST":
            return self._post(request)
        if request.method in {"GET", "HEAD"}:
            return self._get(request.query)
        text = "只支持POST和GET / only POST and GET are supported\n"
        return Response(405, text.encode(), _PLAIN, (("Allow", "GET, HEAD, POST"),))

    def _get(self, query: str) -> Response:
        names = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
        document = self._documents.get(names["xsd"]) if "xsd" in names else None
        if "wsdl" in names:
            document = self._wsdl
        if document is not None:
            return Response(200, document, _XML)
        if "xsd" in names:
            return Response(404, "没有该文档 / no such document\n".encode(), _PLAIN)
        text = "请用POST提交SOAP请求，接口定义见?wsdl / POST SOAP requests here; the WSDL is at ?wsdl\n"
        return Response(405, text.encode(), _PLAIN, (("Allow", "POST"),))

    def _post(self, request: Request) -> Response | Awaitable[Response]:
        version = version_of_media(request.headers.get("content-type"))
        if version is None:
            text = "Content-Type应为text/xml或application/soap+xml / use text/xml or application/soap+xml\n"
            return Response(415, text.encode(), _PLAIN)
        if self._guard is not None:
            return self._guarded(version, request, self._guard)
        return self._answer(version, request)

    async def _guarded(self, version: Version, request: Request, guard: Guard) -> Response:
        try:
            await guard(request)
        except SoapFault as fault:
            refused = self.refuse(version, fault, request)
            return refused if isinstance(refused, Response) else await refused
        answer = self._answer(version, request)
        return answer if isinstance(answer, Response) else await answer

    def _answer(self, version: Version, request: Request) -> Response | Awaitable[Response]:
        try:
            root = _parse(request)
            version = _spoken(root, version)
            soap = read_envelope(root, request, self._understood)
            result = self._dispatch(soap)
        except SoapFault as fault:
            return self.refuse(version, fault, request)
        if isinstance(result, bytes):
            return _reply(version, result)
        return self._later(version, result, request)

    def _dispatch(self, soap: SoapRequest) -> bytes | Deferred[bytes] | Awaitable[bytes]:
        operation = self._operations.get(soap.payload.tag)
        if operation is None:
            name = etree.QName(soap.payload).localname
            raise SoapFault(
                "Client",
                f"未知的业务 {name}",
                f"unknown operation {name}",
                subcode="unknown-operation",
                field=name,
            )
        if self._schema is not None:
            found = violations(self._schema, soap.payload)
            if found:
                raise schema_fault(found[0])
        return operation(soap)

    async def _later(
        self, version: Version, result: Deferred[bytes] | Awaitable[bytes], request: Request
    ) -> Response:
        try:
            return _reply(version, await result)
        except SoapFault as fault:
            refused = self.refuse(version, fault, request)
            return refused if isinstance(refused, Response) else await refused

    def refuse(self, version: Version, fault: SoapFault, request: Request) -> Response | Awaitable[Response]:
        """The fault as an answer, after it is on record."""
        if self._record is None:
            return self._fault(version, fault)
        return self._recorded(version, fault, request, self._record)

    async def _recorded(
        self, version: Version, fault: SoapFault, request: Request, record: Recording
    ) -> Response:
        try:
            fault.message_id = await record(fault, request)
        except SoapFault as later:
            return self._fault(version, later)
        return self._fault(version, fault)

    def _fault(self, version: Version, fault: SoapFault) -> Response:
        if version is Version.V11:  # its HTTP binding knows one status for all faults
            return Response(500, wrap(version, fault_v11(fault, self._fault_namespace)), version.content_type)
        status = 400 if fault.code == "Client" else 500
        return Response(status, wrap(version, fault_v12(fault, self._fault_namespace)), version.content_type)


def _parse(request: Request) -> etree._Element:
    charset = media_type(request.headers.get("content-type"))[1].get("charset")
    try:
        return parse(request.body, charset, max_bytes=len(request.body))  # the server has bounded the size
    except XmlError as error:
        zh, _, en = str(error).partition(" / ")
        raise SoapFault("Client", zh, en, subcode="xml", line=error.line) from None


def _spoken(root: etree._Element, announced: Version) -> Version:
    """The version to answer in: the envelope's own, else what the Content-Type announced."""
    namespace = etree.QName(root).namespace
    return next((version for version in Version if version.namespace == namespace), announced)


def _reply(version: Version, payload: bytes) -> Response:
    return Response(200, wrap(version, payload), version.content_type)

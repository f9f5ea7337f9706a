"""Hospitals call us by SOAP. Every request ends in an answer or a no, and what is refused is on record first.

limits ─► XML ─► SOAP ─► which style ─► who ─► the style's own reading ─► clerk ─► answer
  └────────┴───────┴──────────┴──────────┴────────────────┴─────────────────┴──► clerk.record ─► fault
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from urllib.parse import parse_qsl

from adapters.hospital.clerk import Clerk
from adapters.hospital.door import Door, by_http
from adapters.hospital.faults import Fault, later
from adapters.hospital.formats import Formats
from adapters.hospital.mounting import Mounting
from adapters.hospital.soap.envelope import announced, opened
from adapters.hospital.soap.faults import EnvelopeFault, response
from adapters.hospital.soap.settings import SoapFace
from adapters.hospital.soap.style import Style, Talk
from adapters.hospital.soap.styles import made
from adapters.hospital.soap.wsdl import located
from gateway.contract import Context, Unavailable
from gateway.transports.http import Request, Response
from gateway.transports.soap import SoapRequest, Version, wrap

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")
_NO_GET = Response(
    405,
    "请用 POST 提交 SOAP 请求，接口定义见 ?wsdl / POST SOAP requests here; the WSDL is at ?wsdl\n".encode(),
    headers=(("Allow", "GET, HEAD, POST"),),
)
_FORBIDDEN = Response(403, "客户端地址不在允许范围内 / the client's address is not let in\n".encode())


class SoapServer:
    """Serves the interface at one path.

    Args:
        operations: names of what is offered.
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.
    """

    def __init__(
        self,
        face: SoapFace,
        context: Context,
        clerk: Clerk,
        formats: Formats,
        operations: frozenset[str],
        line_tolerance: int | None,
    ) -> None:
        self._face = face
        self._context = context
        self._clerk = clerk
        self._door = Door(face, context)
        self._styles: dict[str, Style] = {
            style.name: style for style in made(face, context, clerk, formats, operations, line_tolerance)
        }
        self._mounting = Mounting(face, context.listeners)

    async def start(self) -> None:
        face = self._face
        # Twice the limit still gets a SOAP fault that says so; beyond that HTTP refuses it while it arrives.
        await self._mounting.open(face.path, self._handle, self._refused_by_http, 2 * face.body_limit)

    async def stop(self) -> None:
        await self._mounting.close()

    @property
    def url(self) -> str:
        """Where it is served; with the real port, where 0 was asked for."""
        return self._mounting.url

    def _handle(self, request: Request) -> Response | Awaitable[Response]:
        if request.method == "POST":
            return self._post(request)
        return self._get(request) if self._clerk.knows(request.peer) else _FORBIDDEN

    # -- the WSDL ------------------------------------------------------------------------------------

    def _get(self, request: Request) -> Response:
        asked = {name.lower(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
        style = self._styles.get(asked.get("wsdl") or self._face.styles[0])
        if request.method not in ("GET", "HEAD") or "wsdl" not in asked or style is None:
            return _NO_GET
        return Response(200, located(style.wsdl(), self._location(request)), "text/xml; charset=utf-8")

    def _location(self, request: Request) -> str:
        if self._face.public_url is not None:
            return self._face.public_url
        host = request.headers.get("host")
        scheme = "https" if self._face.tls else "http"
        return f"{scheme}://{host}{request.path}" if _HOST.fullmatch(host) else self.url

    # -- requests ------------------------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        """Whatever is refused is on record before it is said."""
        version, talk = announced(request), None
        try:
            try:
                soap = await self._open(request)
                version, talk = soap.version, self._talk(request, soap)
                return Response(200, wrap(version, await self._answer(request, talk)), version.content_type)
            except Fault as refused:
                fault = refused
                if isinstance(fault, EnvelopeFault):
                    version = fault.version or version
                if talk is not None:
                    fault.msgid = fault.msgid or talk.msgid()
                await self._clerk.record(fault, request.body)
        except Unavailable as error:
            fault = later(error)
        return response(version, fault) if talk is None else talk.refusal(fault)

    async def _open(self, request: Request) -> SoapRequest:
        await self._clerk.enter(request.peer)
        self._door.size(request)
        return opened(request, self._face.body_limit)

    def _talk(self, request: Request, soap: SoapRequest) -> Talk | None:
        talks = (style.asked(request, soap) for style in self._styles.values())
        return next((talk for talk in talks if talk is not None), None)

    async def _answer(self, request: Request, talk: Talk | None) -> bytes:
        """The payload of the answer."""
        await self._door.authenticate(request.headers)
        if talk is None:
            zh, en = "未知的业务或命名空间不符", "unknown operation, or in another namespace"
            raise Fault(code="unknown-operation", zh=zh, en=en, rule="element")
        return await talk.answer()

    async def _refused_by_http(self, request: Request, status: int) -> Response:
        """What HTTP refuses before it is complete (a body beyond all limits) is on record like all else."""
        if not self._clerk.knows(request.peer):
            return _FORBIDDEN
        version: Version = announced(request)
        try:
            fault = await self._clerk.counted(by_http(status), request.peer)
            await self._clerk.record(fault, b"")
        except Unavailable as error:
            return response(version, later(error))
        answer = response(version, fault)
        return Response(
            status if fault.after is None else answer.status,
            answer.body,
            answer.content_type,
            answer.headers,
            close=True,
        )

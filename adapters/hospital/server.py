"""Hospitals call us. Every request ends in an answer or a fault, and what is refused is on record first.

limits ─► XML ─► SOAP ─► who ─► operation ─► schema, mapping, sums ─► institution ─► inbox ─► answer
  └────────┴───────┴──────┴────────┴──────────────┴─────────────────────┴──► inbox.refuse ─► fault
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qsl

from lxml import etree

from adapters.hospital.clerk import Clerk, later
from adapters.hospital.codec import HospitalCodec, Inquiry, msgid_of
from adapters.hospital.documents import CALLS
from adapters.hospital.door import Door
from adapters.hospital.faults import Fault, response
from adapters.hospital.settings import HospitalSettings
from adapters.hospital.wsdl import located, wsdl
from gateway.contract import Context, Manifest, Unavailable
from gateway.transports.http import Request, Response, ServerLimits, ServerTls
from gateway.transports.soap import wrap

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")
_NO_GET = Response(
    405,
    "请用 POST 提交 SOAP 请求，接口定义见 ?wsdl / POST SOAP requests here; the WSDL is at ?wsdl\n".encode(),
    headers=(("Allow", "GET, HEAD, POST"),),
)
_FORBIDDEN = Response(403, "客户端地址不在允许范围内 / the client's address is not let in\n".encode())
_HTTP = {
    408: ("请求接收超时", "the request did not arrive in time"),
    413: ("请求体过大", "the request body is too large"),
    431: ("请求头过大", "the request header is too large"),
}


class HospitalReceiver:
    """Serves the interface at one path."""

    def __init__(self, settings: HospitalSettings, context: Context, manifest: Manifest) -> None:
        self._settings = settings
        self._context = context
        self._door = Door(settings, context)
        self._codec = HospitalCodec(settings.mappings, settings.line_tolerance)
        self._clerk = Clerk(settings, context, self._codec)
        titles = {o.name: f"{o.title.zh} / {o.title.en}" for o in manifest.operations}
        offered = [call for call in CALLS if call.operation in settings.operations]
        self._wsdl = wsdl(offered, self._codec.schema, titles)
        self._mount: Any = None

    async def start(self) -> None:
        settings = self._settings
        # Twice the limit still gets a SOAP fault that says so; beyond that HTTP refuses it while it arrives.
        limits = ServerLimits(max_body=2 * settings.body_limit)
        tls = settings.tls and ServerTls(
            cert_file=settings.tls.certificate, key_file=settings.tls.key, client_ca=settings.tls.client_ca
        )
        self._mount = await self._context.listeners.mount(
            settings.listen, settings.path, self._handle, limits, tls, self._refused_by_http
        )

    async def stop(self) -> None:
        if self._mount is not None:
            mount, self._mount = self._mount, None
            await mount.unmount()

    @property
    def url(self) -> str:
        """Where it is served; with the real port, where 0 was asked for."""
        scheme = "https" if self._settings.tls else "http"
        host = self._settings.listen.rpartition(":")[0]
        return f"{scheme}://{host}:{self._mount.port}{self._settings.path}"

    def _handle(self, request: Request) -> Response | Awaitable[Response]:
        if request.method == "POST":
            return self._post(request)
        return self._get(request) if self._door.knows(request) else _FORBIDDEN

    def _get(self, request: Request) -> Response:
        asked = {name.lower() for name, _ in parse_qsl(request.query, keep_blank_values=True)}
        if request.method not in ("GET", "HEAD") or "wsdl" not in asked:
            return _NO_GET
        return Response(200, located(self._wsdl, self._location(request)), "text/xml; charset=utf-8")

    def _location(self, request: Request) -> str:
        if self._settings.public_url is not None:
            return self._settings.public_url
        host = request.headers.get("host")
        scheme = "https" if self._settings.tls else "http"
        return f"{scheme}://{host}{request.path}" if _HOST.fullmatch(host) else self.url

    async def _post(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except Fault as fault:
            return response(self._door.announced(request), fault)
        except Unavailable as error:
            return response(self._door.announced(request), later(error))

    async def _answer(self, request: Request) -> Response:
        soap = None
        try:
            soap = await self._door.open(request)
            answer = await self._clerk.answer(self._read(soap.payload), request)
        except Fault as fault:
            if soap is not None:
                fault.version = soap.version
                fault.msgid = fault.msgid or msgid_of(soap.payload)
            if fault.record:
                await self._clerk.record(fault, request.body)
            raise
        return Response(200, wrap(soap.version, answer), soap.version.content_type)

    async def _refused_by_http(self, request: Request, status: int) -> Response:
        """What HTTP refuses before it is complete (a body beyond all limits) is on record like all else."""
        if not self._door.knows(request):
            return _FORBIDDEN
        code = "too-large" if status in (413, 431) else "malformed"
        zh, en = _HTTP.get(status, ("请求不完整或格式错误", "the request is incomplete or malformed"))
        fault = Fault(code=code, zh=zh, en=en, rule=f"http {status}")
        try:
            await self._clerk.record(fault, b"")
        except Unavailable as error:
            return response(self._door.announced(request), later(error))
        answer = response(self._door.announced(request), fault)
        return Response(status, answer.body, answer.content_type, close=True)

    def _read(self, payload: etree._Element) -> Inquiry:
        call = self._codec.call_of(payload)
        if call.operation not in self._settings.operations:
            zh, en = f"未开通业务 {call.operation}", f"operation {call.operation} is not open to this caller"
            raise Fault(code="operation-not-allowed", zh=zh, en=en, rule="operations")
        inquiry = self._codec.read(call, payload)
        if inquiry.institution not in self._settings.institutions:
            raise _foreign(inquiry)
        return inquiry


def _foreign(inquiry: Inquiry) -> Fault:
    return Fault(
        code="institution",
        zh="不允许代表该定点医药机构",
        en="may not speak for this institution",
        field="fixmedins_code",
        name="定点医药机构编号",
        rule="institutions",
        msgid=inquiry.msgid,
    )

"""Hospitals call us by the national interface. Every request ends in an envelope, and what is refused is on record first.

limits ─► who ─► JSON ─► envelope ─► session, operation ─► mapping, lines ─► clerk or local ─► answer
  └────────┴──────┴─────────┴────────────────┴──────────────────┴──────────────┴──► clerk.record ─► infcode
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from msgspec import structs

from adapters.hospital.clerk import Answered, Clerk
from adapters.hospital.door import Door, by_http
from adapters.hospital.faults import Fault, later
from adapters.hospital.formats import Formats
from adapters.hospital.mounting import Mounting
from adapters.hospital.national.answers import Arrival, refusal, success
from adapters.hospital.national.details import Details
from adapters.hospital.national.envelope import Envelope, is_gbk, msgid_of, parse, read, wrong
from adapters.hospital.national.files import in_thread
from adapters.hospital.national.formats import NationalFormats
from adapters.hospital.national.local import Local, not_signed_in
from adapters.hospital.national.settings import NationalFace
from adapters.hospital.national.transactions import DOWNLOAD, ROUTED, SIGN_IN, SIGN_OUT, UPLOAD, Transaction
from gateway.contract import Context, Handled, Unavailable
from gateway.transports.http import Request, Response, media_type
from mappings import MappingError

_NO_GET = Response(
    405, "请用 POST 提交 JSON 请求 / POST JSON requests here\n".encode(), headers=(("Allow", "POST"),)
)
_FORBIDDEN = Response(403, "客户端地址不在允许范围内 / the client's address is not let in\n".encode())
#: How many characters of base64 or JSON a byte of a file takes, at most about.
_PER_BYTE = 5


class NationalServer:
    """Serves the interface at one path, or at one below it for each transaction.

    Args:
        region: of this receiver, for the numbers it gives out.
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.
    """

    def __init__(
        self,
        face: NationalFace,
        context: Context,
        clerk: Clerk,
        formats: Formats,
        region: str,
        line_tolerance: int | None,
    ) -> None:
        self._face = face
        self._context = context
        self._clerk = clerk
        self._region = region
        self._tolerance = line_tolerance
        self._limit = face.body_limit + (face.files.max_size * _PER_BYTE if face.files else 0)
        self._door = Door(face, context, self._limit)
        self._formats = NationalFormats(formats)
        self._local = Local(face, context, self._formats, region)
        files = self._local.files
        self._details = Details(files, self._formats, context.reactor) if files is not None else None
        self._mounting = Mounting(face, context.listeners)

    async def start(self) -> None:
        face = self._face
        path = face.path if face.url_style == "one-url" else f"{face.path}/"
        # Somewhat more than the limit still gets an answer of the interface; beyond, HTTP refuses it as it arrives.
        await self._mounting.open(path, self._handle, self._refused_by_http, self._limit + face.body_limit)

    async def stop(self) -> None:
        await self._mounting.close()

    @property
    def url(self) -> str:
        """Where it is served; with the real port, where 0 was asked for."""
        return self._mounting.url

    def _handle(self, request: Request) -> Response | Awaitable[Response]:
        return self._post(request) if request.method == "POST" else _NO_GET

    async def _post(self, request: Request) -> Response:
        """Whatever is refused is on record before it is said."""
        arrival = Arrival(self._region, self._context.clock.now())
        tree: dict[str, Any] = {}
        try:
            try:
                await self._open(request)
                charset = media_type(request.headers.get("content-type"))[1].get("charset", "")
                arrival = structs.replace(arrival, gbk=is_gbk(charset))
                tree = await self._parsed(request.body, charset)
                return await self._answer(tree, request, arrival)
            except Fault as refused:
                fault = refused
                fault.msgid = fault.msgid or msgid_of(tree)
                await self._clerk.record(fault, request.body)
        except Unavailable as error:
            fault = later(error)
        return refusal(self._face, arrival, self._context.clock.now(), fault)

    async def _open(self, request: Request) -> None:
        """Whatever it asks."""
        await self._clerk.enter(request.peer)
        self._door.size(request)
        await self._door.authenticate(request.headers)

    async def _parsed(self, body: bytes, charset: str) -> dict[str, Any]:
        """Raises Fault."""
        if len(body) <= self._face.body_limit:
            return parse(body, charset, self._limit)
        # Only a file can be as large: nobody else waits for it.
        return await in_thread(self._context.reactor, parse, body, charset, self._limit)

    async def _answer(self, tree: dict[str, Any], request: Request, arrival: Arrival) -> Response:
        asked = read(tree, self._face)
        self._check_place(asked, request)
        self._clerk.speaks_for(asked.institution_code, asked.msgid)
        transaction = ROUTED.get(asked.infno)
        if transaction is not None:
            self._clerk.may(transaction.operation, asked.infno)
        elif not self._local.knows(asked.infno):
            raise _unknown(asked)
        self._check_session(asked, arrival)
        if transaction is None:
            return await self._answer_locally(asked, request, arrival)
        return await self._answer_from_afar(transaction, asked, request, arrival)

    def _check_place(self, asked: Envelope, request: Request) -> None:
        if self._face.url_style == "per-infno" and request.path.rpartition("/")[2] != asked.infno:
            raise wrong("infno", "与地址中的交易编号不符", "is not the one in the address", "address")
        if asked.infno != UPLOAD and len(request.body) > self._face.body_limit:
            zh, en = (
                f"请求体超过 {self._face.body_limit} 字节",
                f"the body is larger than {self._face.body_limit} bytes",
            )
            raise Fault(code="too-large", zh=zh, en=en, rule=f"max {self._face.body_limit}")

    def _check_session(self, asked: Envelope, arrival: Arrival) -> None:
        if not self._face.sign_in.required or asked.infno in (SIGN_IN, SIGN_OUT):
            return
        if not self._local.sessions.holds(asked.sign_no, asked.institution_code, arrival.at):
            raise not_signed_in()

    # -- answers -------------------------------------------------------------------------------------

    async def _answer_locally(self, asked: Envelope, request: Request, arrival: Arrival) -> Response:
        output = await self._local.answer(asked, arrival.at)
        handled = Handled(kind=asked.infno, raw=request.body, partner_message_id=asked.msgid)
        record = await self._context.inbox.handled(handled)
        if asked.infno == DOWNLOAD:
            return Response(200, output, "application/octet-stream")
        return success(self._face, arrival, self._context.clock.now(), record, output)

    async def _answer_from_afar(
        self, transaction: Transaction, asked: Envelope, request: Request, arrival: Arrival
    ) -> Response:
        inquiry = self._formats.inquiry(
            transaction,
            asked,
            arrival.at,
            tolerance=self._tolerance,
            raw=request.body,
            trace=request.headers.get("traceparent"),
        )
        if self._details is None or self._face.files is None:
            answered = await self._clerk.ask(inquiry)
        else:
            inquiry = await self._details.opened(inquiry, asked, arrival.at)
            answered = await self._clerk.ask(inquiry)
            answered = await self._details.stored(answered, asked, arrival.at, self._face.files.keep)
        output = self._written(transaction, asked, answered, arrival)
        return success(self._face, arrival, self._context.clock.now(), answered.message_id, output)

    def _written(
        self, transaction: Transaction, asked: Envelope, answered: Answered, arrival: Arrival
    ) -> bytes:
        echo = self._face.echo_msgid
        try:
            return self._formats.output(transaction, asked, answered.body, arrival.at, echo=echo)
        except (MappingError, TypeError) as error:
            raise self._clerk.unspeakable(answered, error) from None

    async def _refused_by_http(self, request: Request, status: int) -> Response:
        """What HTTP refuses before it is complete (a body beyond all limits) is on record like all else."""
        if not self._clerk.knows(request.peer):
            return _FORBIDDEN
        arrival = Arrival(self._region, self._context.clock.now())
        try:
            fault = await self._clerk.counted(by_http(status), request.peer)
            await self._clerk.record(fault, b"")
        except Unavailable as error:
            return refusal(self._face, arrival, arrival.at, later(error))
        answer = refusal(self._face, arrival, arrival.at, fault)
        return Response(
            status if fault.after is None else answer.status,
            answer.body,
            answer.content_type,
            answer.headers,
            close=True,
        )


def _unknown(asked: Envelope) -> Fault:
    return Fault(
        code="unknown-operation",
        zh=f"未知或未开通的交易 {asked.infno}",
        en=f"transaction {asked.infno} is unknown or not open",
        field="infno",
        name="交易编号",
        rule="infno",
        msgid=asked.msgid,
    )

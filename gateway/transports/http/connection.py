"""One server connection: bytes to the reader, requests to the handler, answers out, in order.

Requests are answered one at a time. While a handler is at work, or the peer does not read its answers,
at most one read's worth of further bytes is held and reading stops; so neither pipelining nor slow
reading makes us buffer without bound. `reader.py` has the states of reading; here there are two
conditions, which may hold together: *busy* (a handler owes an answer) and *blocked* (the peer does not
read). Requests are taken from the reader only while neither holds.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from gateway.transports.http.deadlines import NEVER, Deadlines
from gateway.transports.http.immediate import write_now
from gateway.transports.http.limits import ServerLimits
from gateway.transports.http.messages import Request, Response, encode_response
from gateway.transports.http.reactor import current_failure
from gateway.transports.http.reader import Phase, RequestReader
from gateway.transports.http.tls import peer_subject

Handler = Callable[[Request], "Response | Deferred[Response] | Awaitable[Response]"]
#: Says how a request that HTTP itself refuses is to be answered: its head (no body), and the status.
Refusing = Callable[[Request, int], Coroutine[Any, Any, Response]]

_REFUSALS = {
    400: ("请求格式错误", "malformed request"),
    408: ("请求接收超时", "the request did not arrive in time"),
    413: ("请求体过大", "the request body is too large"),
    417: ("不支持的Expect", "unsupported expectation"),
    431: ("请求头过大", "the request header is too large"),
    500: ("内部错误，请稍后查询处理结果", "internal error; query the outcome later"),
    501: ("不支持的方法", "unsupported method"),
    503: ("连接或请求过多，请稍后重试", "too many connections or requests; try again later"),
}


def refusal(status: int) -> Response:
    """A short text, Chinese first, that ends the connection."""
    zh, en = _REFUSALS[status]
    return Response(status, f"{zh} / {en}\n".encode(), close=True)


@dataclass(slots=True, kw_only=True)
class Site:
    """What all connections of one server share."""

    handler: Handler
    limits: ServerLimits
    deadlines: Deadlines
    received_at: Callable[[], int]
    report: Callable[[Request, Failure], None]
    refused: Refusing | None = None
    closing: bool = False
    connections: set[ServerConnection] = field(default_factory=set)
    drained: Callable[[], None] = lambda: None  #: called when the last connection has gone


@implementer(IHalfCloseableProtocol, IPushProducer)
class ServerConnection(Protocol):
    """Made by the server for each accepted connection."""

    transport: Any

    def __init__(self, site: Site) -> None:
        self._site = site
        self._limits = site.limits
        self._now = site.deadlines.now
        self._reader = RequestReader(site.limits, self._now, site.received_at)
        self._busy = False
        self._blocked = False
        self._gone = False
        self._held: list[bytes] = []
        self._discarded = 0
        self._secure = False
        self.deadline = self._reader.deadline

    # -- what the transport reports ------------------------------------------------------------------

    def connectionMade(self) -> None:
        site = self._site
        crowd = len(site.connections)
        if crowd >= 2 * self._limits.max_connections:
            self.transport.abortConnection()
            return
        site.connections.add(self)
        site.deadlines.watch(self)
        address = self.transport.getPeer()
        self._reader.peer = f"{getattr(address, 'host', '')}:{getattr(address, 'port', '')}"
        self._secure = ISSLTransport.providedBy(self.transport)
        self.transport.registerProducer(self, True)
        if crowd >= self._limits.max_connections or site.closing:
            self._reader.refuse(503)
            self._pump()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._gone = True
        self._forget()
        site = self._site
        site.deadlines.forget(self)
        site.connections.discard(self)
        if not site.connections:
            site.drained()

    def readConnectionLost(self) -> None:
        """The peer has sent all it will, and may still wait for answers."""
        self._reader.phase = Phase.DEAF
        if not (self._busy or self._reader.ready):
            self._hang_up()

    def writeConnectionLost(self) -> None:
        """Our half is closed after a refusal; `linger_timeout` bounds what follows."""

    def dataReceived(self, data: bytes) -> None:
        if self._busy or self._blocked:
            self._held.append(data)
            self.transport.pauseProducing()
        elif self._reader.phase is Phase.DEAF:
            self._discard(len(data))
        else:
            self._read(data)

    def pauseProducing(self) -> None:
        """The peer is not reading its answers."""
        self._blocked = True
        self.deadline = self._now() + self._limits.write_timeout

    def resumeProducing(self) -> None:
        """It has caught up."""
        self._blocked = False
        if not self._busy:
            self._rearm()
            self._go_on()

    def stopProducing(self) -> None:
        """The transport is gone; `connectionLost` follows."""

    # -- what the server asks for --------------------------------------------------------------------

    def drain(self) -> None:
        """Answer what has begun, then close."""
        reader = self._reader
        if reader.phase is Phase.IDLE and not (self._busy or reader.ready or self._held):
            self._hang_up()

    def abort(self) -> None:
        self.transport.abortConnection()

    def expire(self) -> None:
        phase = self._reader.phase
        if self._blocked or phase is Phase.DEAF:
            self.transport.abortConnection()
        elif phase is Phase.IDLE:
            self._hang_up()
        else:
            self._reader.refuse(408)
            self._pump()

    # -- requests to the handler ---------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        reader = self._reader
        if self._secure and reader.subject is None:  # known only after the handshake
            reader.subject = peer_subject(self.transport)
        reader.feed(data)
        self.deadline = reader.deadline
        self._pump()
        if reader.continue_owed:
            self._say_continue()

    def _pump(self) -> None:
        reader = self._reader
        while not (self._busy or self._blocked):
            if reader.ready:
                self._serve(*reader.ready.popleft())
            else:
                if reader.refused:
                    self._refuse(reader.refused)
                return

    def _serve(self, request: Request, keep: bool) -> None:
        try:
            result = self._site.handler(request)
        except Exception:
            self._fail(request, current_failure())
            return
        if isinstance(result, Response):
            self._answer(request, keep, result)
            return
        self._busy = True
        self.deadline = NEVER
        _as_deferred(result).addCallbacks(
            self._handled, self._failed, callbackArgs=(request, keep), errbackArgs=(request,)
        )

    def _handled(self, response: object, request: Request, keep: bool) -> None:
        self._busy = False
        if not isinstance(response, Response):
            self._fail(request, _not_a_response())
        elif not self._gone:
            self._answer(request, keep, response)
            self._go_on()

    def _failed(self, failure: Failure, request: Request) -> None:
        self._busy = False
        self._fail(request, failure)

    def _go_on(self) -> None:
        """After a pause: first what is ready, then the bytes that were held."""
        self._pump()
        while self._held and not (self._busy or self._blocked):
            self.dataReceived(self._held.pop(0))
        if not (self._busy or self._blocked or self._gone):
            self.transport.resumeProducing()
            if self._reader.continue_owed:
                self._say_continue()

    # -- answers to the peer -------------------------------------------------------------------------

    def _answer(self, request: Request, keep: bool, response: Response) -> None:
        keep = keep and not response.close and not self._site.closing
        told = b"close" if not keep else b"keep-alive" if "connection" in request.headers else b""
        try:
            wire = encode_response(response, head_only=request.method == "HEAD", connection=told)
        except Exception:
            self._site.report(request, current_failure())
            keep, wire = False, encode_response(refusal(500), connection=b"close")
        write_now(self.transport, wire)
        if keep:
            self._rearm()
        else:
            self._hang_up()

    def _fail(self, request: Request, failure: Failure) -> None:
        self._site.report(request, failure)
        if not self._gone:
            self._answer(request, False, refusal(500))

    def _say_continue(self) -> None:
        reader = self._reader
        if not (self._busy or self._blocked or reader.ready):
            reader.continue_owed = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _rearm(self) -> None:
        if not self._blocked:
            self._reader.rearm()
            self.deadline = self._reader.deadline

    # -- ending --------------------------------------------------------------------------------------

    def _refuse(self, status: int) -> None:
        """Ask whoever the request was for how to say it; say it plainly where that is nobody."""
        reader, ask = self._reader, self._site.refused
        head = reader.head()
        reader.refused = 0
        if ask is None or head is None:
            self._send_refusal(refusal(status))
            return
        self._busy = True
        self.deadline = NEVER
        answer = Deferred.fromCoroutine(ask(head, status))
        answer.addErrback(self._not_said, head, status)
        answer.addCallback(self._refusal_said)

    def _not_said(self, failure: Failure, head: Request, status: int) -> Response:
        self._site.report(head, failure)
        return refusal(status)

    def _refusal_said(self, response: Response) -> None:
        self._busy = False
        if not self._gone:
            self._send_refusal(response)

    def _send_refusal(self, response: Response) -> None:
        """Answer, close our half, and let the peer read it: closing at once would reset its unread data."""
        self.transport.write(encode_response(response, connection=b"close"))
        self._leave(self._limits.linger_timeout)
        if self._secure:  # TLS has no half-closed state
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.linger_bytes:
            self.transport.pauseProducing()

    def _hang_up(self) -> None:
        self._leave(self._limits.write_timeout)
        self.transport.loseConnection()

    def _leave(self, patience: float) -> None:
        self._forget()
        self._blocked = False
        self.deadline = self._now() + patience
        self.transport.unregisterProducer()

    def _forget(self) -> None:
        self._reader.phase = Phase.DEAF
        self._reader.refused = 0
        self._reader.ready.clear()
        self._held.clear()


def _as_deferred(result: Deferred[Response] | Awaitable[Response]) -> Deferred[Response]:
    if isinstance(result, Deferred):
        return result
    if not isinstance(result, Coroutine):
        result = _await(result)
    return Deferred.fromCoroutine(cast("Coroutine[Deferred[Response], Any, Response]", result))


async def _await(result: Awaitable[Response]) -> Response:
    return await result


def _not_a_response() -> Failure:
    try:
        raise TypeError("the handler's result is no Response")
    except TypeError:
        return current_failure()

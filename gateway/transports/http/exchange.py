"""One request on its way, and the client connection that carries it.

CONNECTING ──ready──► IDLE ◄──answer complete── BUSY
     │                 │ ───────send──────────►  │
     └───── lost, too slow, unusable ────────────┴──► CLOSED
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from socket import MSG_DONTWAIT, MSG_PEEK
from typing import Any, Protocol

import httptools
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from gateway.transports.http.deadlines import NEVER
from gateway.transports.http.errors import BadAnswer, HttpError, NoAnswer, NotSent
from gateway.transports.http.immediate import write_now
from gateway.transports.http.limits import ClientLimits
from gateway.transports.http.messages import Headers, HttpResponse


class Exchange:
    """A request with the Deferred of its answer; on a connection once that has been written to."""

    __slots__ = ("_cancelled", "answer", "connection", "deadline", "ends", "is_head", "wire")

    def __init__(
        self, wire: bytes, is_head: bool, ends: float, deadline: float, cancelled: Callable[[Exchange], None]
    ) -> None:
        self.wire = wire
        self.is_head = is_head
        self.ends = ends  #: when the caller wants an answer at the latest
        self.deadline = deadline  #: for finding a connection
        self.connection: ClientConnection | None = None
        self._cancelled = cancelled
        self.answer: Deferred[HttpResponse] = Deferred(self._cancel)

    def _cancel(self, _: Deferred[HttpResponse]) -> None:
        self._cancelled(self)

    def expire(self) -> None:
        """No connection became free in time (while on a connection, that one watches the deadline)."""
        self._cancelled(self)


class State(Enum):
    CONNECTING = "TCP or TLS not finished"
    IDLE = "may carry a request"
    BUSY = "a request was written"
    CLOSED = "of no further use"


class Pool(Protocol):
    """What a connection tells its pool."""

    peer: str
    limits: ClientLimits
    now: Callable[[], float]

    def connected(self, connection: ClientConnection) -> None: ...
    def failed(self, error: NotSent) -> None: ...
    def free(self, connection: ClientConnection) -> None: ...
    def lost(self, connection: ClientConnection) -> None: ...


class _Unusable(Exception):
    """Leaves the parser's callbacks; the cause is in `ClientConnection._unusable`."""


@implementer(IHandshakeListener)
class ClientConnection(StreamProtocol):
    """Carries one exchange at a time; the `on_…` methods are the response parser's callbacks."""

    transport: Any
    _received: bool  # anything of the present answer
    _in_body: bool  # its header is complete, and it is not an interim one
    _framed: bool  # its length does not depend on the end of the connection
    _complete: bool

    def __init__(self, pool: Pool, *, secure: bool) -> None:
        self._pool = pool
        self._limits = pool.limits
        self._secure = secure
        self._socket: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._unusable = ""
        self.state = State.CONNECTING
        self.deadline = NEVER
        self._begin()

    # -- life ----------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if self._secure:
            self._socket = self.transport.transport.socket
            self.deadline = self._pool.now() + self._limits.connect_timeout
        else:
            self._socket = self.transport.socket
            self._ready()

    def handshakeCompleted(self) -> None:
        """Nothing is written before TLS has proved who is there: until now every failure is NotSent."""
        self._ready()

    def _ready(self) -> None:
        self.state = State.IDLE
        self.rest()
        self._pool.connected(self)

    def rest(self) -> None:
        self.deadline = self._pool.now() + self._limits.idle_timeout

    def connectionLost(self, reason: Failure | None = None) -> None:
        state, exchange = self.state, self._exchange
        self.state, self._exchange = State.CLOSED, None
        self._pool.lost(self)
        if state is State.CONNECTING:
            self._pool.failed(NotSent("tls", self._pool.peer, _tls_reason(reason)))
        elif exchange is not None:
            self._conclude(exchange, reason)

    def _conclude(self, exchange: Exchange, reason: Failure | None) -> None:
        """The connection ended before the answer was known to be complete."""
        clean = reason is not None and isinstance(reason.value, ConnectionDone)
        if clean and self._in_body and not self._framed:
            exchange.answer.callback(self._response())  # the end of the connection is the end of the body
        elif self._received:
            exchange.answer.errback(NoAnswer("truncated", self._pool.peer))
        else:
            exchange.answer.errback(NoAnswer("closed" if clean else "reset", self._pool.peer))

    def close(self) -> None:
        """End it now; an exchange under way fails with its present knowledge."""
        if self.state is not State.CLOSED:
            self.transport.abortConnection()

    def expire(self) -> None:
        if self.state is State.BUSY:
            self.give_up(NoAnswer("timeout", self._pool.peer))
        else:
            self.close()

    def give_up(self, error: HttpError) -> None:
        """Fail the exchange; its late answer must never be taken for the next one's, so close."""
        exchange, self._exchange = self._exchange, None
        self.state = State.CLOSED
        self.transport.abortConnection()
        if exchange is not None:
            exchange.answer.errback(error)

    def is_open(self) -> bool:
        """Whether the peer has kept it open, asked of the socket: its end may not have been read yet."""
        if self.state is not State.IDLE:
            return False
        try:
            waiting = self._socket.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return bool(waiting) and self._secure  # TLS sends tickets unasked; in HTTP nothing may be waiting

    def _was_reset(self) -> bool:
        """Whether a reset came together with the last bytes.

        libuv reports such bytes and the error as one event and then stops watching the socket, so that
        nobody would tell us of the reset before the time-out.
        """
        try:
            self._socket.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    # -- one exchange --------------------------------------------------------------------------------

    def send(self, exchange: Exchange) -> None:
        self._begin()
        self.state = State.BUSY
        self._exchange = exchange
        exchange.connection = self
        self.deadline = exchange.ends
        write_now(self.transport, exchange.wire)

    def dataReceived(self, data: bytes) -> None:
        if self.state is not State.BUSY:
            self.close()  # nobody asked for anything
            return
        inside_head = self._received and not self._in_body
        self._received = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._unusable = "upgrade"
        except httptools.HttpParserError as error:
            if not self._unusable and isinstance(error, httptools.HttpParserCallbackError):
                raise
            self._unusable = self._unusable or "not-http"
        if self._complete:
            self._finish()
            return
        if inside_head and not self._in_body:
            self._head_fed += len(data)
            if self._head_fed > self._limits.max_header_bytes:
                self._unusable = "headers-too-large"
        if self._unusable:
            self.give_up(BadAnswer(self._unusable, self._pool.peer))
        elif self._was_reset():
            self.give_up(NoAnswer("truncated", self._pool.peer))

    def _finish(self) -> None:
        exchange, response = self._exchange, self._response()
        self._exchange = None
        if self._reusable and not self._unusable:
            self.state = State.IDLE
            self.rest()
            self._pool.free(self)
        else:
            self.state = State.CLOSED
            self.transport.loseConnection()
        assert exchange is not None
        exchange.answer.callback(response)

    def _response(self) -> HttpResponse:
        body = self._body
        return HttpResponse(
            self._status, Headers(self._headers), body[0] if len(body) == 1 else b"".join(body)
        )

    # -- the parser's callbacks ----------------------------------------------------------------------

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._head_fed = 0
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0
        self._received = False
        self._in_body = False
        self._framed = False
        self._complete = False
        self._reusable = False

    def _stop(self, kind: str) -> None:
        self._unusable = kind
        raise _Unusable

    def on_message_begin(self) -> None:
        if self._complete:  # more than was asked for: keep the answer, not the connection
            self._stop("not-http")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return  # a trailer
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.max_header_bytes:
            self._stop("headers-too-large")
        key = name.lower()
        if key in self._headers:
            value = self._headers[key] + b", " + value
        self._headers[key] = value

    def on_headers_complete(self) -> None:
        self._status = status = self._parser.get_status_code()
        if status == 101:
            self._stop("upgrade")
        if status < 200:
            return  # interim; the answer proper follows
        headers = self._headers
        self._in_body = True
        if b"content-length" in headers:
            self._framed = True
            if int(headers[b"content-length"]) > self._limits.max_body and not self._is_head():
                self._stop("body-too-large")
        elif headers.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
            self._framed = True
        else:
            self._framed = status in {204, 304}
        if self._is_head():  # the parser cannot know that no body follows: this connection ends here
            self._complete = True
            self._stop("head")

    def _is_head(self) -> bool:
        return self._exchange is not None and self._exchange.is_head

    def on_body(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limits.max_body:
            self._stop("body-too-large")
        self._body.append(part)

    def on_message_complete(self) -> None:
        if self._in_body:
            self._complete = True
            self._reusable = self._framed and self._parser.should_keep_alive()
        else:
            self._headers = {}


def _tls_reason(reason: Failure | None) -> str:
    """OpenSSL's own words, such as `certificate verify failed`; they hold nothing of the message."""
    if reason is None or isinstance(reason.value, ConnectionDone | ConnectionLost):
        return "closed during the handshake"
    value = reason.value
    details = getattr(value, "args", ())
    first = details[0] if details else None
    if isinstance(first, list) and first and isinstance(first[0], tuple):
        return str(first[0][-1])
    return type(value).__name__

"""The MLLP client: one message, its acknowledgement, over a connection that is kept or made anew.

A message is never sent twice: a kept connection that the peer has closed is noticed before anything is written, and
one that dies afterwards is `NoAnswer`.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from gateway.transports.http.reactor import installed_reactor
from gateway.transports.http.tls import ClientTls, client_creator
from gateway.transports.mllp.frames import BadFrame, Frames, frame


class MllpError(Exception):
    """A message without an acknowledgement.

    Attributes:
        kind: stable code of the cause.
        peer: `host:port`.
    """

    def __init__(self, kind: str, peer: str) -> None:
        super().__init__(f"{kind}: {peer}")
        self.kind = kind
        self.peer = peer


class NotSent(MllpError):
    """Nothing of the message was written; the peer cannot have acted on it."""


class NoAnswer(MllpError):
    """The message was written in whole or in part and no acknowledgement came: outcome unknown."""


class BadAnswer(MllpError):
    """Something came that is no frame: outcome unknown."""


class MllpClient:
    """Sends messages to one peer, one after another.

    Args:
        keep: the connection is kept for the next message; otherwise each has its own.
        timeout: seconds until the acknowledgement.
        limit: bytes of the largest acknowledgement.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        keep: bool = True,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        limit: int = 1 << 20,
        tls: ClientTls | None = None,
        reactor: Any = None,
    ) -> None:
        self.peer = f"{host}:{port}"
        self._reactor = reactor or installed_reactor()
        self._keep = keep
        self._timeout = timeout
        self._limit = limit
        endpoint: Any = HostnameEndpoint(self._reactor, host, port, timeout=connect_timeout)
        self._endpoint: Any = endpoint if tls is None else wrapClientTLS(client_creator(tls, host), endpoint)
        self._turn = DeferredLock()
        self._line: _Line | None = None

    async def send(self, message: bytes) -> bytes:
        """The acknowledgement's message.

        Raises:
            NotSent, NoAnswer, BadAnswer: there is none.
        """
        await self._turn.acquire()
        try:
            line = self._line if self._line is not None and self._line.usable else await self._connect()
            try:
                return await line.ask(message, self._timeout)
            finally:
                if not self._keep or not line.usable:
                    line.close()
                    self._line = None
        finally:
            self._turn.release()

    async def close(self) -> None:
        """Closes a kept connection; a message under way loses its acknowledgement."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _connect(self) -> _Line:
        factory = Factory.forProtocol(lambda: _Line(self.peer, self._limit, self._reactor))
        factory.noisy = False
        try:
            line: _Line = await self._endpoint.connect(factory)
        except Exception as error:
            raise NotSent(type(error).__name__, self.peer) from None
        line.transport.setTcpNoDelay(True)
        self._line = line
        return line


class _Line(Protocol):
    """One connection with at most one message under way."""

    transport: Any

    def __init__(self, peer: str, limit: int, reactor: Any) -> None:
        self._peer = peer
        self._frames = Frames(limit)
        self._reactor = reactor
        self._waiting: Deferred[bytes] | None = None
        self.usable = True

    def ask(self, message: bytes, timeout: float) -> Deferred[bytes]:
        """Writes it and waits."""
        waiting: Deferred[bytes] = Deferred()
        self._waiting = waiting
        timer = self._reactor.callLater(timeout, self._fail, NoAnswer("timeout", self._peer))
        self.transport.write(frame(message))

        def done(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return waiting.addBoth(done)

    def dataReceived(self, data: bytes) -> None:
        self._frames.add(data)
        try:
            answer = self._frames.next()
        except BadFrame as bad:
            self._fail(BadAnswer(bad.reason, self._peer))
            return
        if answer is None:
            return
        waiting, self._waiting = self._waiting, None
        if waiting is None:  # nobody asked: whatever it answers, the next answer would be taken for another's
            self.usable = False
            self.close()
        else:
            waiting.callback(answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fail(NoAnswer("closed", self._peer))

    def close(self) -> None:
        self.usable = False
        self.transport.loseConnection()

    def _fail(self, error: MllpError) -> None:
        self.usable = False
        self.transport.abortConnection()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(error)

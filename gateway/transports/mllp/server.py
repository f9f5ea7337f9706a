"""The MLLP server: reads one message at a time from each connection, answers it, reads the next.

A frame that is none is answered once more, if the handler has words for it, and its connection is closed; the
listener and all other connections go on. Nothing is read from a connection while its message is worked on, so that a
peer that does not wait for its acknowledgements fills its own buffers, not ours.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from gateway.transports.http.reactor import Port, Reactor, ServerEndpoint, Timer, installed_reactor
from gateway.transports.mllp.frames import BadFrame, Frames, Reason, frame

_log = structlog.get_logger(__name__)
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class MllpLimits:
    """What a peer may ask of us. Times in seconds, sizes in bytes."""

    message: int = 4 << 20
    connections: int = 100
    idle: float = 600.0  #: between two messages of a connection
    arrival: float = 10.0  #: from a message's first byte to its last
    one_message: bool = False  #: close after the first answer, as some systems expect it


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    host: str
    port: int

    def within(self, networks: tuple[Network, ...]) -> bool:
        """Whether its address is in one of the networks."""
        address = ipaddress.ip_address(self.host)
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in networks)


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that is no message; `data` is what came of it."""

    reason: Reason
    data: bytes


#: Takes a message, or what is none, and gives the answer's message; None: no answer.
Handler = Callable[[bytes | Broken, Peer], Awaitable[bytes | None]]
Closing = Literal["peer", "idle", "frame", "handler", "one-message", "stop"]


class MllpServer:
    """Serves one handler on one endpoint.

    Args:
        handler: its work is never cancelled, not even when the peer goes away: it may be in mid-commit. If it
            fails, the connection is closed without an answer, and the peer sends the message again.
        networks: peers from elsewhere are not let in; empty lets all in.
    """

    def __init__(
        self,
        handler: Handler,
        limits: MllpLimits | None = None,
        *,
        networks: tuple[Network, ...] = (),
        reactor: Reactor | None = None,
    ) -> None:
        self.handler = handler
        self.limits = limits or MllpLimits()
        self.reactor = reactor or installed_reactor()
        self.open: set[_Connection] = set()
        self._networks = networks
        self._port: Port | None = None
        self._empty: Deferred[None] | None = None

    async def listen(self, endpoint: ServerEndpoint) -> int:
        """Accepts connections; returns the port."""
        self._port = await endpoint.listen(_Connections(self))
        assert self._port is not None
        port: int = self._port.getHost().port
        return port

    async def stop(self, grace: float = 10.0) -> None:
        """Accepts nothing new, gives messages under way `grace` seconds to be answered, cuts what is left."""
        if self._port is not None and (stopped := self._port.stopListening()) is not None:
            await stopped
        self._port = None
        for connection in list(self.open):
            connection.drain()
        if not self.open:
            return
        self._empty = Deferred()
        timer = self.reactor.callLater(grace, self._cut)
        await self._empty
        if timer.active():
            timer.cancel()

    def _cut(self) -> None:
        for connection in list(self.open):
            connection.cut()

    def welcome(self, peer: Peer) -> bool:
        """Whether a connection from there may be kept."""
        if len(self.open) >= self.limits.connections:
            _log.warning("mllp.full", peer=peer.host, connections=len(self.open))
            return False
        if self._networks and not peer.within(self._networks):
            _log.warning("mllp.stranger", peer=peer.host)
            return False
        return True

    def gone(self, connection: _Connection) -> None:
        """A connection has ended."""
        self.open.discard(connection)
        if not self.open and self._empty is not None and not self._empty.called:
            self._empty.callback(None)


class _Connections(Factory):
    noisy = False

    def __init__(self, server: MllpServer) -> None:
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> _Connection | None:
        peer = Peer(getattr(addr, "host", ""), getattr(addr, "port", 0))
        return _Connection(self._server, peer) if self._server.welcome(peer) else None


class _Connection(Protocol):
    """One connection: reading, or at work on one message, or closing."""

    transport: Any

    def __init__(self, server: MllpServer, peer: Peer) -> None:
        self._server = server
        self._peer = peer
        self._frames = Frames(server.limits.message)
        self._busy = False
        self._closing = False
        self._timer: Timer | None = None
        self._arriving = False  #: the timer is that of a message on its way

    def connectionMade(self) -> None:
        self._server.open.add(self)
        self._wait()

    def dataReceived(self, data: bytes) -> None:
        self._frames.add(data)
        if not self._busy and not self._closing:
            self._pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closing = True
        self._stop_timer()
        # A message that was cut off was never acknowledged, so the peer sends it again: nothing to record.
        if self._frames.begun and not self._busy:
            clean = reason.type is ConnectionDone
            _log.info("mllp.cut", peer=self._peer.host, clean=clean, bytes=len(self._frames.rest))
        if not self._busy:
            self._server.gone(self)

    def drain(self) -> None:
        """Ends as soon as no message is under way."""
        self._closing = True
        if not self._busy:
            self._end()

    def cut(self) -> None:
        """Ends now; work under way goes on, its answer has nowhere to go."""
        self._busy = False
        self.transport.abortConnection()
        self._server.gone(self)

    def _pump(self) -> None:
        """Takes up the next message, if it is there."""
        try:
            message = self._frames.next()
        except BadFrame as bad:
            self._closing = True
            self._work_on(Broken(bad.reason, bad.data))
            return
        if message is None:
            self._wait()
        else:
            self._work_on(message)

    def _work_on(self, what: bytes | Broken) -> None:
        self._stop_timer()
        self._busy = True
        self.transport.pauseProducing()
        done = Deferred.fromCoroutine(self._ask(what))
        done.addCallbacks(self._answered, self._failed)

    async def _ask(self, what: bytes | Broken) -> bytes | None:
        return await self._server.handler(what, self._peer)

    def _answered(self, answer: bytes | None) -> None:
        if not self._busy:
            return  # it was cut
        self._busy = False
        if not self.transport.connected:
            self._server.gone(self)
            return
        if answer is not None:
            self.transport.write(frame(answer))
        if self._closing or self._server.limits.one_message:
            self._end()
            return
        self.transport.resumeProducing()
        self._pump()

    def _failed(self, failure: Failure) -> None:
        """A defect of ours: no answer, so that the peer sends it again. Its text may quote the message."""
        _log.error("mllp.handler_failed", error=getattr(failure.type, "__name__", "?"), peer=self._peer.host)
        self._closing = True
        self._answered(None)

    def _end(self) -> None:
        self._closing = True
        self._stop_timer()
        self.transport.loseConnection()
        self._timer = self._server.reactor.callLater(
            self._server.limits.arrival, self.transport.abortConnection
        )

    # Time limits

    def _wait(self) -> None:
        limits = self._server.limits
        if self._frames.begun and self._arriving and self._timer is not None:
            return  # each byte does not buy a message more time
        self._stop_timer()
        self._arriving = self._frames.begun
        seconds = limits.arrival if self._arriving else limits.idle
        self._timer = self._server.reactor.callLater(seconds, self._too_late)

    def _too_late(self) -> None:
        self._timer = None
        if not self._frames.begun:
            self._end()
            return
        self._closing = True
        self._work_on(Broken("incomplete", self._frames.rest))

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

"""The HTTP server: listens, hands complete requests to one handler, and stops without dropping work."""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from gateway.transports.http.connection import Handler, Refusing, ServerConnection, Site
from gateway.transports.http.deadlines import Deadlines
from gateway.transports.http.limits import ServerLimits
from gateway.transports.http.messages import Request
from gateway.transports.http.reactor import Port, Reactor, ServerEndpoint, installed_reactor

_log = structlog.get_logger(__name__)


def log_failure(request: Request, failure: Failure) -> None:
    """Say where a handler failed, without the exception's text: it may quote the message's data."""
    frames = failure.frames or [("?", "?", 0, (), ())]
    function, filename, line = frames[-1][:3]
    _log.error(
        "http handler failed",
        error=getattr(failure.type, "__name__", "?"),
        where=f"{Path(filename).name}:{line} {function}",
        method=request.method,
        path=request.path,
    )


class HttpServer:
    """Serves one handler on any number of endpoints.

    Args:
        handler: gets a complete request; answers with a `Response`, a Deferred or a coroutine of one.
            Its work is never cancelled, not even when the peer goes away: it may be in mid-commit.
        limits: what a peer may ask of us.
        refused: asked how to answer what is refused before it is complete (a body beyond its limit, a
            malformed head); None answers with a short text.
        reactor: for timers; None takes the installed one.
        report: told of handler failures; the peer sees only a generic 500.
        received_at: stamps requests, unix nanoseconds.
        monotonic: the clock of time limits, seconds.
    """

    def __init__(
        self,
        handler: Handler,
        limits: ServerLimits | None = None,
        *,
        refused: Refusing | None = None,
        reactor: Reactor | None = None,
        report: Callable[[Request, Failure], None] = log_failure,
        received_at: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = limits or ServerLimits()
        self._reactor = reactor or installed_reactor()
        self._site = Site(
            handler=handler,
            limits=limits,
            deadlines=Deadlines(self._reactor, _resolution(limits), monotonic),
            received_at=received_at,
            report=report,
            refused=refused,
        )
        self._factory = _Connections(self._site)
        self._ports: list[Port] = []

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._site.connections)

    async def listen(self, endpoint: ServerEndpoint) -> Port:
        """Accept connections on `endpoint`; an `SSL4ServerEndpoint` with `tls.server_context` makes it HTTPS."""
        port: Port = await endpoint.listen(self._factory)
        self._ports.append(port)
        return port

    async def stop(self, grace: float = 10.0) -> None:
        """Accept nothing new, give begun requests `grace` seconds to be answered, then cut what is left."""
        self._site.closing = True
        for port in self._ports:
            await _done(port.stopListening())
        self._ports.clear()
        for connection in list(self._site.connections):
            connection.drain()
        await self._drained(grace)
        self._site.deadlines.stop()

    async def _drained(self, grace: float) -> None:
        if not self._site.connections:
            return
        empty: Deferred[None] = Deferred()
        self._site.drained = lambda: None if empty.called else empty.callback(None)
        timer = self._reactor.callLater(grace, self._cut)
        await empty
        if timer.active():
            timer.cancel()

    def _cut(self) -> None:
        for connection in list(self._site.connections):
            connection.abort()


class _Connections(Factory):
    """Makes the protocol of each accepted connection."""

    noisy = False

    def __init__(self, site: Site) -> None:
        self._site = site

    def buildProtocol(self, addr: IAddress | None) -> ServerConnection:
        connection = ServerConnection(self._site)
        connection.factory = self
        return connection


def _resolution(limits: ServerLimits) -> float:
    shortest = min(
        limits.header_timeout,
        limits.body_timeout,
        limits.idle_timeout,
        limits.write_timeout,
        limits.linger_timeout,
    )
    return min(0.5, shortest / 4)


async def _done(result: Deferred[None] | None) -> None:
    if result is not None:
        await result

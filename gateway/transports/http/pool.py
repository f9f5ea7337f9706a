"""The connections to one host, and the requests that wait for one."""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from twisted.internet import error as net
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from gateway.transports.http.deadlines import Deadlines
from gateway.transports.http.errors import NoAnswer, NotSent
from gateway.transports.http.exchange import ClientConnection, Exchange, State
from gateway.transports.http.limits import ClientLimits
from gateway.transports.http.messages import HttpResponse


class HostPool:
    """Bounded, fair, and shared by all requests to one host.

    Every wait is in one FIFO queue. A connection that becomes free, or is newly made, serves its head;
    a connection attempt that fails, fails its head: each request pays for one attempt at most.
    """

    def __init__(
        self,
        peer: str,
        limits: ClientLimits,
        deadlines: Deadlines,
        opener: Callable[[HostPool], Deferred[Any]],
    ) -> None:
        self.peer = peer
        self.limits = limits
        self.now = deadlines.now
        self._deadlines = deadlines
        self._opener = opener
        self._waiting: OrderedDict[Exchange, None] = OrderedDict()
        self._idle: deque[ClientConnection] = deque()
        self._open: set[ClientConnection] = set()
        self._attempts: set[Deferred[Any]] = set()

    def submit(self, wire: bytes, is_head: bool, timeout: float) -> Deferred[HttpResponse]:
        now = self.now()
        ends = now + timeout
        exchange = Exchange(wire, is_head, ends, min(ends, now + self.limits.wait_timeout), self._withdraw)
        connection = self._take_idle() if not self._waiting else None
        if connection is not None:
            connection.send(exchange)
        elif len(self._waiting) >= self.limits.max_waiting:
            exchange.answer.errback(NotSent("wait-full", self.peer))
        else:
            self._waiting[exchange] = None
            self._deadlines.watch(exchange)
            self._open_more()
        return exchange.answer

    def close(self) -> None:
        for exchange in list(self._waiting):
            self._fail(exchange, NotSent("client-closed", self.peer))
        for attempt in list(self._attempts):
            attempt.cancel()
        for connection in list(self._open):
            connection.close()

    # -- what connections tell -----------------------------------------------------------------------

    def connected(self, connection: ClientConnection) -> None:
        self.free(connection)

    def failed(self, error: NotSent) -> None:
        if self._waiting:
            self._fail(next(iter(self._waiting)), error)
        self._open_more()

    def free(self, connection: ClientConnection) -> None:
        if not self._waiting:
            self._idle.append(connection)
        elif connection.is_open():
            exchange, _ = self._waiting.popitem(last=False)
            self._deadlines.forget(exchange)
            connection.send(exchange)
        else:
            connection.close()

    def lost(self, connection: ClientConnection) -> None:
        self._deadlines.forget(connection)
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._open_more()

    # -- inside --------------------------------------------------------------------------------------

    def _take_idle(self) -> ClientConnection | None:
        while self._idle:
            connection = self._idle.pop()  # the most recently used is the least likely to be stale
            if connection.is_open():
                return connection
            connection.close()
        return None

    def _open_more(self) -> None:
        connecting = len(self._attempts) + sum(c.state is State.CONNECTING for c in self._open)
        while connecting < len(self._waiting) and (
            len(self._open) + len(self._attempts) < self.limits.max_connections
        ):
            connecting += 1
            self._attempt()

    def _attempt(self) -> None:
        attempt = self._opener(self)
        self._attempts.add(attempt)
        attempt.addBoth(self._attempted, attempt)

    def _attempted(self, result: ClientConnection | Failure, attempt: Deferred[Any]) -> None:
        self._attempts.discard(attempt)
        if isinstance(result, Failure):
            self.failed(NotSent(_cause(result), self.peer))

    def opened(self, connection: ClientConnection) -> None:
        self._open.add(connection)
        self._deadlines.watch(connection)

    def _withdraw(self, exchange: Exchange) -> None:
        """The caller cancelled, or no connection was found in time."""
        if exchange.connection is not None:
            exchange.connection.give_up(NoAnswer("cancelled", self.peer))
        elif exchange.deadline <= self.now():
            self._fail(exchange, NotSent("wait-timeout", self.peer))
        else:
            self._fail(exchange, NotSent("cancelled", self.peer))

    def _fail(self, exchange: Exchange, error: NotSent) -> None:
        self._waiting.pop(exchange, None)
        self._deadlines.forget(exchange)
        exchange.answer.errback(error)


class Connections(Factory):
    noisy = False

    def __init__(self, pool: HostPool, *, secure: bool) -> None:
        self._pool = pool
        self._secure = secure

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection:
        connection = ClientConnection(self._pool, secure=self._secure)
        self._pool.opened(connection)
        return connection


_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (net.DNSLookupError, "dns"),
    (net.ConnectionRefusedError, "refused"),
    (net.TimeoutError, "connect-timeout"),
)


def _cause(failure: Failure) -> str:
    return next((kind for error, kind in _CAUSES if isinstance(failure.value, error)), "connect")

"""The HTTP client: keep-alive pools per host, bounded in everything, and honest about what was sent.

It never sends a request twice. An idle connection that the peer has closed is noticed *before* anything is
written and another one taken; one that dies after the write is `NoAnswer`, whatever the method.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from twisted.internet import error as net
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from gateway.transports.http.deadlines import Deadlines
from gateway.transports.http.errors import NoAnswer, NotSent
from gateway.transports.http.exchange import ClientConnection, Exchange, State
from gateway.transports.http.limits import ClientLimits
from gateway.transports.http.messages import HttpResponse, encode_fields
from gateway.transports.http.reactor import installed_reactor
from gateway.transports.http.tls import ClientTls, client_creator

Fields = Mapping[str, str] | tuple[tuple[str, str], ...]

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})


class Target(Struct, frozen=True):
    """Where a URL leads."""

    secure: bool
    host: str
    port: int
    resource: bytes  #: path and query
    authority: bytes  #: the Host field

    @property
    def peer(self) -> str:
        return f"{self.host}:{self.port}"


class HttpClient:
    """Sends requests over pooled keep-alive connections; one client per set of TLS settings.

    Args:
        limits: bounds of pools, waits and answers.
        tls: trust and identity for `https` URLs.
        reactor: None takes the installed one.
        monotonic: the clock of time limits, seconds.
    """

    def __init__(
        self,
        limits: ClientLimits | None = None,
        *,
        tls: ClientTls | None = None,
        reactor: Any = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reactor = reactor or installed_reactor()
        self._limits = limits or ClientLimits()
        self._tls = tls or ClientTls()
        self._deadlines = Deadlines(self._reactor, self._limits.sweep, monotonic)
        self._pools: dict[tuple[bool, str, int], _HostPool] = {}
        self._closed = False

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Fields = (),
        body: bytes = b"",
        timeout: float = 30.0,
    ) -> Deferred[HttpResponse]:
        """Send one request; redirects are not followed, and any status is an answer.

        Args:
            method: in capitals.
            url: absolute, `http` or `https`.
            headers: further fields; those that frame the message are written here and refused there.
            body: the complete body.
            timeout: seconds for everything: waiting for a connection, connecting, sending, the answer.

        Returns:
            A Deferred of the answer. Cancelling it closes the connection. It fails with `NotSent`,
            `NoAnswer` or `BadAnswer` and with nothing else.
        """
        try:
            target = parse_target(url)
            wire = encode_request(method, target, headers, body)
        except ValueError as error:
            return fail(NotSent("bad-request", "", str(error)))
        if self._closed:
            return fail(NotSent("client-closed", target.peer))
        return self._pool(target).submit(wire, method == "HEAD", timeout)

    def close(self) -> None:
        """Close all connections; requests under way fail as `NotSent` or `NoAnswer`."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        self._deadlines.stop()

    def _pool(self, target: Target) -> _HostPool:
        key = (target.secure, target.host, target.port)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = _HostPool(
                target.peer, self._limits, self._deadlines, self._opener(target)
            )
        return pool

    def _opener(self, target: Target) -> Callable[[_HostPool], Deferred[Any]]:
        def connect(pool: _HostPool) -> Deferred[Any]:
            endpoint: Any = HostnameEndpoint(
                self._reactor, target.host, target.port, timeout=self._limits.connect_timeout
            )
            if target.secure:
                endpoint = wrapClientTLS(client_creator(self._tls, target.host), endpoint)
            attempt: Deferred[Any] = endpoint.connect(_Connections(pool, secure=target.secure))
            return attempt

        return connect


class _HostPool:
    """The connections to one host, and the requests that wait for one.

    Every wait is in one FIFO queue. A connection that becomes free, or is newly made, serves its head;
    a connection attempt that fails, fails its head: each request pays for one attempt at most.
    """

    def __init__(
        self,
        peer: str,
        limits: ClientLimits,
        deadlines: Deadlines,
        opener: Callable[[_HostPool], Deferred[Any]],
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


class _Connections(Factory):
    noisy = False

    def __init__(self, pool: _HostPool, *, secure: bool) -> None:
        self._pool = pool
        self._secure = secure

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection:
        connection = ClientConnection(self._pool, secure=self._secure)
        self._pool.opened(connection)
        return connection


@lru_cache(maxsize=1024)
def parse_target(url: str) -> Target:
    """Raises ValueError for anything but an absolute http(s) URL in ASCII without credentials."""
    if not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise ValueError("the URL must be percent-encoded ASCII")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError("not an absolute http or https URL without credentials")
    secure = parts.scheme == "https"
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        secure=secure,
        host=parts.hostname,
        port=parts.port or (443 if secure else 80),
        resource=resource.encode("ascii"),
        authority=parts.netloc.encode("ascii"),
    )


def encode_request(method: str, target: Target, headers: Fields, body: bytes) -> bytes:
    """The request as it goes on the wire. Raises ValueError where it could not be read back the same."""
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise ValueError("the method must be capital letters")
    names = headers if isinstance(headers, Mapping) else [name for name, _ in headers]
    if any(name.lower() in _OURS for name in names):
        raise ValueError("the client writes the fields that frame the message")
    fields = encode_fields(headers)
    line = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method.encode(), target.resource, target.authority)
    if body or method in _BODY_EXPECTED:
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (line, fields, len(body), body)
    return line + fields + b"\r\n"


_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (net.DNSLookupError, "dns"),
    (net.ConnectionRefusedError, "refused"),
    (net.TimeoutError, "connect-timeout"),
)


def _cause(failure: Failure) -> str:
    return next((kind for error, kind in _CAUSES if isinstance(failure.value, error)), "connect")

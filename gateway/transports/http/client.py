"""The HTTP client: keep-alive pools per host, bounded in everything, and honest about what was sent.

It never sends a request twice. An idle connection that the peer has closed is noticed *before* anything is
written and another one taken; one that dies after the write is `NoAnswer`, whatever the method.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

from gateway.transports.http.deadlines import Deadlines
from gateway.transports.http.errors import NotSent
from gateway.transports.http.limits import ClientLimits
from gateway.transports.http.messages import HttpResponse, encode_fields
from gateway.transports.http.pool import Connections, HostPool
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
        self._pools: dict[tuple[bool, str, int], HostPool] = {}
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

    def _pool(self, target: Target) -> HostPool:
        key = (target.secure, target.host, target.port)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = HostPool(
                target.peer, self._limits, self._deadlines, self._opener(target)
            )
        return pool

    def _opener(self, target: Target) -> Callable[[HostPool], Deferred[Any]]:
        def connect(pool: HostPool) -> Deferred[Any]:
            endpoint: Any = HostnameEndpoint(
                self._reactor, target.host, target.port, timeout=self._limits.connect_timeout
            )
            if target.secure:
                endpoint = wrapClientTLS(client_creator(self._tls, target.host), endpoint)
            attempt: Deferred[Any] = endpoint.connect(Connections(pool, secure=target.secure))
            return attempt

        return connect


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

"""HTTP listeners shared by all partners: several mount their paths on one `host:port`.

A listener opens with its first mount and closes with its last. Where partners on one listener ask for
different limits, connections get the widest of each, because whom a connection is for is known only when
a request has come; the size of a body is then held to the limit of the path it came for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from twisted.internet.defer import DeferredLock
from twisted.internet.error import CannotListenError

from gateway.contract.errors import ConfigError
from gateway.transports.http.connection import Handler, Refusing, refusal
from gateway.transports.http.endpoint import server_endpoint
from gateway.transports.http.limits import ServerLimits
from gateway.transports.http.messages import Request, Response
from gateway.transports.http.server import HttpServer
from gateway.transports.http.tls import ServerTls

#: Makes the Twisted endpoint (`IStreamServerEndpoint`) of an address: workers that share a port put their own here.
OpenEndpoint = Callable[[str, int, ServerTls | None], Any]

_NOT_FOUND = Response(404, "没有这个路径 / no such path\n".encode())


@dataclass(frozen=True, slots=True)
class _Path:
    handler: Handler
    max_body: int
    refused: Refusing | None


@dataclass(slots=True)
class _Listener:
    """One open `host:port`, and the paths on it: it is the handler of its server."""

    tls: ServerTls | None
    exact: dict[str, _Path] = field(default_factory=dict)
    below: dict[str, _Path] = field(default_factory=dict)  #: keys end in `/`
    server: HttpServer = field(init=False)
    port: int = field(init=False)

    def __call__(self, request: Request) -> Any:
        found = self.exact.get(request.path) or self._below(request.path)
        if found is None:
            return _NOT_FOUND
        if len(request.body) > found.max_body:
            return self.refuse(request, 413)
        return found.handler(request)

    async def refuse(self, request: Request, status: int) -> Response:
        """Whoever the request was for says how it is refused."""
        found = self.exact.get(request.path) or self._below(request.path)
        if found is None or found.refused is None:
            return refusal(status)
        return await found.refused(request, status)

    def _below(self, path: str) -> _Path | None:
        # The longest prefix wins, so that a partner below another's folder is reached.
        best = max((p for p in self.below if path.startswith(p)), key=len, default=None)
        return None if best is None else self.below[best]

    def table(self, path: str) -> dict[str, _Path]:
        return self.below if path.endswith("/") else self.exact


class Mount:
    """One path being served."""

    def __init__(self, owner: Listeners, key: str, path: str, port: int) -> None:
        self._owner = owner
        self._key = key
        self._path = path
        self.port = port  #: the real one, where 0 was asked for

    async def unmount(self) -> None:
        """Stops serving the path; the last one closes the listener after begun requests are answered."""
        await self._owner.unmount(self._key, self._path)


class Listeners:
    """Implements `gateway.contract.Listeners` on `HttpServer`.

    Args:
        reactor: Twisted's; None takes the installed one when the first listener opens.
        grace: seconds that begun requests get when a listener closes.
        open_endpoint: None listens by TCP or TLS in this process alone.
    """

    def __init__(
        self, reactor: Any = None, *, grace: float = 10.0, open_endpoint: OpenEndpoint | None = None
    ) -> None:
        self._reactor = reactor
        self._grace = grace
        self._open = open_endpoint or self._endpoint
        self._listeners: dict[str, _Listener] = {}
        self._locks: dict[str, DeferredLock] = {}

    async def mount(
        self,
        endpoint: str,
        path: str,
        handler: Handler,
        limits: ServerLimits | None = None,
        tls: ServerTls | None = None,
        refused: Refusing | None = None,
    ) -> Mount:
        """Serves `path` (exact, or below it where it ends in `/`).

        Args:
            refused: asked how to answer what HTTP refuses before it is complete.

        Raises:
            ConfigError: the path is taken or malformed, the port cannot be opened, or is open with other TLS.
        """
        if not path.startswith("/"):
            raise ConfigError(f"路径 {path} 应以 / 开头", f"path {path!r} must begin with /", path="path")
        limits = limits or ServerLimits()
        key = endpoint
        await self._lock(key).acquire()
        try:
            listener = self._listeners.get(key)
            if listener is None:
                listener = await self._listen(endpoint, limits, tls)
                # Port 0 is a port of its own for each who asks, known by the number it got.
                key = key if not key.endswith(":0") else f"{key[:-1]}{listener.port}"
                self._listeners[key] = listener
            _check(listener, endpoint, path, tls)
            listener.table(path)[path] = _Path(handler, limits.max_body, refused)
            _widen(listener.server, limits)
            return Mount(self, key, path, listener.port)
        finally:
            self._lock(endpoint).release()

    async def unmount(self, key: str, path: str) -> None:
        """Used by `Mount`; a second call changes nothing."""
        await self._lock(key).acquire()
        try:
            listener = self._listeners.get(key)
            if listener is None:
                return
            listener.table(path).pop(path, None)
            if not (listener.exact or listener.below):
                del self._listeners[key]
                await listener.server.stop(self._grace)
        finally:
            self._lock(key).release()

    async def close(self) -> None:
        """Closes every listener."""
        for key, listener in list(self._listeners.items()):
            for path in [*listener.exact, *listener.below]:
                await self.unmount(key, path)

    def _lock(self, key: str) -> DeferredLock:
        # A mount must not meet a port that is about to close.
        return self._locks.setdefault(key, DeferredLock())

    async def _listen(self, endpoint: str, limits: ServerLimits, tls: ServerTls | None) -> _Listener:
        host, _, port = endpoint.rpartition(":")
        listener = _Listener(tls)
        listener.server = HttpServer(listener, limits, refused=listener.refuse, reactor=self._reactor)
        try:
            opened: Any = await listener.server.listen(self._open(host.strip("[]"), int(port), tls))
        except (CannotListenError, OSError) as error:
            reason = getattr(error, "socketError", error)
            raise ConfigError(
                f"无法监听 {endpoint}：{reason}", f"cannot listen on {endpoint}: {reason}", path="listen"
            ) from error
        listener.port = opened.getHost().port
        return listener

    def _endpoint(self, host: str, port: int, tls: ServerTls | None) -> Any:
        return server_endpoint(self._reactor or _installed_reactor(), host, port, tls)


def _installed_reactor() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415  importing it installs one: not before it is needed

    return reactor


def _check(listener: _Listener, endpoint: str, path: str, tls: ServerTls | None) -> None:
    if listener.tls != tls:
        raise ConfigError(
            f"{endpoint} 已按不同的 TLS 设置打开",
            f"{endpoint} is already open with other TLS settings",
            path="tls",
        )
    if path in listener.table(path):
        raise ConfigError(
            f"{endpoint} 上的路径 {path} 已被占用", f"path {path} on {endpoint} is taken", path="path"
        )


def _widen(server: HttpServer, limits: ServerLimits) -> None:
    """Gives later connections the widest of each limit."""
    site = server._site
    widest = {
        f.name: max(getattr(site.limits, f.name), getattr(limits, f.name)) for f in fields(ServerLimits)
    }
    site.limits = ServerLimits(**widest)

"""Where to listen, as Twisted wants to have it."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint, TCP6ServerEndpoint

from gateway.transports.http.tls import ServerTls, server_context


def server_endpoint(reactor: Any, host: str, port: int, tls: ServerTls | None = None) -> Any:
    """An `IStreamServerEndpoint`, by TLS where there are files for it."""
    if tls is not None:
        kind: Any = SSL4ServerEndpoint
        return kind(reactor, port, server_context(tls), interface=host)
    kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    return kind(reactor, port, interface=host)

"""How much a peer may ask of us. The defaults suit messages of a few kilobytes from known partners."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Bounds of the HTTP server. Times are seconds, sizes bytes."""

    max_body: int = 1024 * 1024  #: beyond it 413, while the body is still arriving
    max_header_bytes: int = 16 * 1024  #: request line and header fields together; beyond it 431
    max_headers: int = 64  #: beyond it 431
    header_timeout: float = 10.0  #: from connect or first byte to the empty line; includes the TLS handshake
    body_timeout: float = 30.0  #: from the empty line to the last byte of the body; beyond it 408
    idle_timeout: float = 75.0  #: between requests on one connection
    write_timeout: float = 30.0  #: for a peer that does not read its answers
    linger_timeout: float = 2.0  #: for a refused peer to read why, while what it still sends is discarded
    linger_bytes: int = 1024 * 1024  #: how much of that is discarded before reading stops
    max_connections: int = 1024  #: beyond it 503
    max_pipelined: int = 64  #: complete requests waiting on one connection; beyond it 503


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """Bounds of the HTTP client. Times are seconds, sizes bytes."""

    max_connections: int = 32  #: open at once to one host
    max_waiting: int = 1024  #: requests queued for one host; beyond it NotSent
    wait_timeout: float = 10.0  #: for a connection, queueing and connecting together; beyond it NotSent
    connect_timeout: float = 5.0  #: TCP, and again TLS
    idle_timeout: float = (
        4.0  #: shorter than the keep-alive of common servers (Apache and Node close after 5)
    )
    max_body: int = 16 * 1024 * 1024  #: of an answer; beyond it BadAnswer
    max_header_bytes: int = 64 * 1024  #: of an answer
    sweep: float = 0.05  #: how late a time-out may be noticed

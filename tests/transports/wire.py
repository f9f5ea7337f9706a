"""Foreign ends of the wire: blocking sockets in threads, which know nothing of the code under test."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.threads import deferToThread

from gateway.transports.http import HttpServer, ServerLimits

GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"


@asynccontextmanager
async def serving(
    handler: Any, limits: ServerLimits | None = None, context: Any = None, **options: Any
) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(handler, limits, **options)
    if context is None:
        endpoint: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    else:
        endpoint = SSL4ServerEndpoint(reactor, 0, context, interface="127.0.0.1")
    port = await server.listen(endpoint)
    try:
        yield server, port.getHost().port
    finally:
        await server.stop(grace=0.2)


async def talk(port: int, *pieces: bytes, timeout: float = 5.0) -> bytes:
    """Send `pieces`, half-close, and read until the other end closes."""
    return await deferToThread(_talk, port, pieces, timeout)


def _talk(port: int, pieces: tuple[bytes, ...], timeout: float) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):
            for piece in pieces:
                peer.sendall(piece)
            peer.shutdown(socket.SHUT_WR)
        return read_all(peer)


def read_all(peer: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while data := peer.recv(65536):
            received += data
    return received


def read_request(peer: socket.socket) -> bytes:
    """One request with Content-Length; `b""` when the other end has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


def reset(peer: socket.socket) -> None:
    """Close with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@contextmanager
def scripted(*scripts: Callable[[socket.socket], object]) -> Iterator[tuple[int, list[int]]]:
    """A server whose n-th connection plays the n-th script (the last one again after that).

    Yields its port and a list that gets the number of each accepted connection.
    """
    accepted: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def play(peer: socket.socket, number: int) -> None:
        with peer, suppress(OSError):
            peer.settimeout(5)
            scripts[min(number, len(scripts) - 1)](peer)

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                accepted.append(len(accepted))
                threading.Thread(target=play, args=(peer, len(accepted) - 1), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], accepted
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

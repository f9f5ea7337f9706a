"""HTTP for simulators of partners: small, and able to misbehave on every byte, which a proper server is not."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.protocol import Protocol

_MAX_HEAD: Final = 32 * 1024


def response(status: int, body: bytes, kind: str) -> bytes:
    """A response as it goes on the wire."""
    return b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        kind.encode(),
        len(body),
        body,
    )


class RoughConnection(Protocol):
    """One client. Requests on one connection are answered in their order: the next one is looked at when this one's
    answer is out, and never after `close`, `abort` or `mute`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._buffer = b""
        self._busy = False

    def request(self, head: str, body: bytes) -> None:
        """One whole request; `head` is its first line and its fields."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Any bytes; nothing where the client has gone."""
        transport: Any = self.transport
        if transport is not None and self.connected:
            transport.write(data)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Does the work after a while, also where the client has gone meanwhile; only then the next request's turn comes."""
        self._busy = True

        def run() -> None:
            work()
            self._busy = False
            self._turn()

        self._reactor.callLater(seconds, run)

    def mute(self) -> None:
        """Nothing is answered any more."""
        self._busy = True

    def close(self) -> None:
        """Closes, after what was written."""
        self._busy = True
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()

    def abort(self) -> None:
        """Resets the connection."""
        self._busy = True
        transport: Any = self.transport
        transport.abortConnection()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._turn()

    def _turn(self) -> None:
        while not self._busy and self._buffer:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    self.close()
                return
            head = self._buffer[:end].decode("latin-1")
            total = end + 4 + _length(head)
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self.request(head, body)


def _length(head: str) -> int:
    at = head.lower().find("\r\ncontent-length:")
    value = head[at + 17 :].split("\r\n", 1)[0].strip() if at >= 0 else ""
    return int(value) if value.isdigit() else 0

"""The simulator's HTTP: small, and able to misbehave on every byte, which a proper server is not."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from typing import Any, Final

from msgspec import MsgspecError
from twisted.internet.protocol import Factory, Protocol

from adapters.police.simulator.faults import Fault
from adapters.police.simulator.platform import Answer, Platform

_CONTROL: Final = "/_control/"
_NEXT: Final = "/matching/next"
_SERVICES: Final = frozenset({"/nciic", "/rbsp", "/json"})
_MAX_HEAD: Final = 32 * 1024


def http(answer: Answer) -> bytes:
    """A response as it goes on the wire."""
    head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: {answer.kind}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    return head.encode() + answer.body


class Site(Factory):
    """What all connections share."""

    noisy = False

    def __init__(self, platform: Platform, reactor: Any) -> None:
        self.platform = platform
        self.reactor = reactor

    def buildProtocol(self, addr: Any) -> Connection:
        return Connection(self)


class Connection(Protocol):
    """One client. Requests on one connection are answered in their order."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._buffer = b""
        self._busy = False

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._turn()

    def _turn(self) -> None:
        while not self._busy:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    self._close()
                return
            head = self._buffer[:end].decode("latin-1")
            total = end + 4 + _length(head)
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._request(head, body)

    def _request(self, head: str, body: bytes) -> None:
        method, path, *_ = head.split(" ", 2)
        platform = self._site.platform
        if path.startswith(_CONTROL):
            try:
                self._write(platform.control(path.removeprefix(_CONTROL), body))
            except (MsgspecError, ValueError, TypeError, AttributeError) as error:
                self._write(Answer(400, str(error).encode(), "text/plain"))
        elif path == _NEXT:
            self._write(platform.fetch())
        elif method != "POST" or path not in _SERVICES:
            self._write(Answer(405 if path in _SERVICES else 404, b"{}"))
        else:
            self._business(path, body, platform.faults.next(path[1:]))

    def _business(self, path: str, body: bytes, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        if kind == "reset-before":
            self._abort()
            return
        if kind == "silence":
            self._busy = True
            return
        answer = self._site.platform.handle(path, body, fault)
        if kind == "slow" and fault is not None:
            self._later(fault.seconds, answer)
        elif kind == "drop-after":
            self._close()
        elif kind == "truncated":
            self._raw(http(answer)[: -len(answer.body) // 2])
            self._close()
        else:
            self._write(answer)

    def _later(self, seconds: float, answer: Answer) -> None:
        self._busy = True

        def run() -> None:
            self._write(answer)
            self._busy = False
            self._turn()

        self._site.reactor.callLater(seconds, run)

    def _write(self, answer: Answer) -> None:
        self._raw(http(answer))

    def _raw(self, data: bytes) -> None:
        transport: Any = self.transport
        if transport is not None and self.connected:
            transport.write(data)

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def _close(self) -> None:
        self._busy = True
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()


def _length(head: str) -> int:
    at = head.lower().find("\r\ncontent-length:")
    value = head[at + 17 :].split("\r\n", 1)[0].strip() if at >= 0 else ""
    return int(value) if value.isdigit() else 0

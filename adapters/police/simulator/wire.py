"""The simulator's HTTP, and how it misbehaves."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from functools import partial
from typing import Any, Final

from msgspec import MsgspecError
from twisted.internet.protocol import Factory

from adapters.police.simulator.faults import Fault
from adapters.police.simulator.platform import Answer, Platform
from gateway.transports.http.rough import RoughConnection, response

_CONTROL: Final = "/_control/"
_NEXT: Final = "/matching/next"
_SERVICES: Final = frozenset({"/nciic", "/rbsp", "/json"})


def http(answer: Answer) -> bytes:
    """A response as it goes on the wire."""
    return response(answer.status, answer.body, answer.kind)


class Site(Factory):
    """What all connections share."""

    noisy = False

    def __init__(self, platform: Platform, reactor: Any) -> None:
        self.platform = platform
        self.reactor = reactor

    def buildProtocol(self, addr: Any) -> Connection:
        return Connection(self.platform, self.reactor)


class Connection(RoughConnection):
    """One client."""

    def __init__(self, platform: Platform, reactor: Any) -> None:
        super().__init__(reactor)
        self._platform = platform

    def request(self, head: str, body: bytes) -> None:
        method, path, *_ = head.split(" ", 2)
        platform = self._platform
        if path.startswith(_CONTROL):
            try:
                self._answer(platform.control(path.removeprefix(_CONTROL), body))
            except (MsgspecError, ValueError, TypeError, AttributeError) as error:
                self._answer(Answer(400, str(error).encode(), "text/plain"))
        elif path == _NEXT:
            self._answer(platform.fetch())
        elif method != "POST" or path not in _SERVICES:
            self._answer(Answer(405 if path in _SERVICES else 404, b"{}"))
        else:
            self._business(path, body, platform.faults.next(path[1:]))

    def _business(self, path: str, body: bytes, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        if kind == "reset-before":
            self.abort()
            return
        if kind == "silence":
            self.mute()
            return
        answer = self._platform.handle(path, body, fault)
        if kind == "slow" and fault is not None:
            self.later(fault.seconds, partial(self._answer, answer))
        elif kind == "drop-after":
            self.close()
        elif kind == "truncated":
            self.write(http(answer)[: -len(answer.body) // 2])
            self.close()
        else:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self.write(http(answer))

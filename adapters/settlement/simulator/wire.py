"""The simulator's HTTP, and how it misbehaves."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from adapters.settlement.simulator import spoil
from adapters.settlement.simulator.books import Envelope, Options
from adapters.settlement.simulator.control import PREFIX, Control
from adapters.settlement.simulator.faults import BEFORE, Fault, Faults
from adapters.settlement.simulator.platform import Platform
from gateway.transports.http import tif
from gateway.transports.http.rough import RoughConnection, response

_JSON: Final = "application/json; charset=utf-8"
_FILE: Final = "application/octet-stream"
_DRIPS: Final = 8
_NONCES: Final = 100_000


def http(status: int, body: bytes, kind: str = "") -> bytes:
    """A response as it goes on the wire: JSON, unless it is a file or the kind says otherwise."""
    return response(status, body, kind or (_FILE if body.startswith(b"PK") else _JSON))


class SimulatorSite(Factory):
    """What all connections share."""

    noisy = False

    def __init__(self, options: Options, reactor: Any, platform: Platform, now: Callable[[], float]) -> None:
        self.options = options
        self.reactor = reactor
        self.now = now
        self.platform = platform
        self.faults = Faults(Random(options.seed))  # noqa: S311 - repeatable on purpose
        self.control = Control(platform, self.faults)
        self._nonces: dict[str, float] = {}
        self._room = _NONCES

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        return Connection(self)

    def refusal(self, head: str) -> str | None:
        """Why the signed headers are not good enough."""
        if not self.options.signature:
            return None
        headers = _Fields(_fields(head))
        now = self.now()
        checked = tif.verify(
            headers, paasid=self.options.paasid, token=self.options.token, now=now, window=self.options.window
        )
        if isinstance(checked, tif.TifRefusal):
            return checked.value
        if self._nonces.get(checked.nonce, 0.0) > now:
            return "replay"
        self._nonces[checked.nonce] = now + checked.keep_for
        if len(self._nonces) > self._room:
            self._nonces = {n: until for n, until in self._nonces.items() if until > now}
            # At least half of the room is free again, so that sweeping stays rare.
            self._room = max(_NONCES, 2 * len(self._nonces))
        return None


class _Fields(dict[str, str]):
    """Header fields by lower-case name."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # narrower on purpose
        return super().get(name.lower(), default)


def _fields(head: str) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


class Connection(RoughConnection):
    """One client."""

    def __init__(self, site: SimulatorSite) -> None:
        super().__init__(site.reactor)
        self._site = site

    def request(self, head: str, body: bytes) -> None:
        method, path, *_ = head.split(" ", 2)
        if path.startswith(PREFIX):
            self.write(http(*self._site.control.answer(method, path, body)))
            return
        refused = self._site.refusal(head)
        if refused is not None:
            self.write(http(401, b'{"error":"%b"}' % refused.encode()))
        elif method != "POST":
            self.write(http(405, b"{}"))
        else:
            self._business(body)

    def _business(self, body: bytes) -> None:
        platform = self._site.platform
        request = platform.read(body)
        if isinstance(request, bytes):
            self.write(http(200, request))
            return
        fault = self._site.faults.next(request.infno) if self._site.faults.active else None
        if fault is None:
            self.write(http(200, platform.handle(request)))
        elif fault.kind in BEFORE:
            platform.log(request, fault.kind)
            self._instead(fault)
        elif fault.kind == "delay-before-commit":
            self.later(fault.seconds, lambda: self.write(http(200, platform.handle(request, fault.kind))))
        else:
            self._after(fault, request)

    def _instead(self, fault: Fault) -> None:
        """The request is not processed."""
        if fault.kind == "reset-before":
            self.abort()
        elif fault.kind == "silence":
            self.mute()
        elif fault.kind == "refusal":
            self.write(http(200, self._site.platform.refusal("模拟的业务错误")))
        else:
            status = 502 if fault.kind == "http-502" else fault.status
            self.write(http(status, b"<html>gateway</html>", "text/html"))

    def _after(self, fault: Fault, request: Envelope) -> None:
        """The request is processed, and something goes wrong with the answer."""
        answer = self._site.platform.handle(request, fault.kind)
        if fault.kind == "delivered-twice":
            answer = self._site.platform.handle(request, fault.kind)
        if fault.kind == "delay-after-commit":
            self.later(fault.seconds, lambda: self.write(http(200, answer)))
        elif fault.kind == "drop-after-commit":
            self.close()
        elif fault.kind == "answer-twice":
            self.write(http(200, answer) * 2)
        elif fault.kind == "truncated":
            self.write(http(200, answer)[: -len(answer) // 2])
            self.close()
        elif fault.kind == "http-502-after-commit":
            self.write(http(502, b"<html>gateway</html>", "text/html"))
        elif fault.kind == "slow-drip":
            self._drip(http(200, answer), fault.seconds)
        else:
            self.write(http(200, spoil.spoil(fault.kind, answer, self._site.platform)))

    def _drip(self, wire: bytes, seconds: float) -> None:
        size = max(1, -(-len(wire) // _DRIPS))
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        for number, piece in enumerate(pieces[:-1]):
            self._site.reactor.callLater(seconds * number / _DRIPS, self.write, piece)
        self.later(seconds * (len(pieces) - 1) / _DRIPS, partial(self.write, pieces[-1]))

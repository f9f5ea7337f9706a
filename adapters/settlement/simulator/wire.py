"""The simulator's HTTP: small, fast, and able to misbehave on every byte, which a proper server is not."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from adapters.settlement.simulator import spoil
from adapters.settlement.simulator.books import Envelope, Options
from adapters.settlement.simulator.control import PREFIX, Control
from adapters.settlement.simulator.faults import BEFORE, Fault, Faults
from adapters.settlement.simulator.platform import Platform
from gateway.transports.http import tif

_MAX_HEAD: Final = 32 * 1024
_JSON: Final = "application/json; charset=utf-8"
_FILE: Final = "application/octet-stream"
_DRIPS: Final = 8
_NONCES: Final = 100_000


def http(status: int, body: bytes, kind: str = "") -> bytes:
    """A response as it goes on the wire: JSON, unless it is a file or the kind says otherwise."""
    kind = kind or (_FILE if body.startswith(b"PK") else _JSON)
    return b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        kind.encode(),
        len(body),
        body,
    )


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


class Connection(Protocol):
    """One client. Requests on one connection are answered in their order."""

    def __init__(self, site: SimulatorSite) -> None:
        self._site = site
        self._buffer = b""
        self._busy = False

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
                    self._close()
                return
            head = self._buffer[:end].decode("latin-1")
            total = end + 4 + _content_length(head)
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._request(head, body)

    def _request(self, head: str, body: bytes) -> None:
        method, path, *_ = head.split(" ", 2)
        if path.startswith(PREFIX):
            self._write(http(*self._site.control.answer(method, path, body)))
            return
        refused = self._site.refusal(head)
        if refused is not None:
            self._write(http(401, b'{"error":"%b"}' % refused.encode()))
        elif method != "POST":
            self._write(http(405, b"{}"))
        else:
            self._business(body)

    def _business(self, body: bytes) -> None:
        platform = self._site.platform
        request = platform.read(body)
        if isinstance(request, bytes):
            self._write(http(200, request))
            return
        fault = self._site.faults.next(request.infno) if self._site.faults.active else None
        if fault is None:
            self._write(http(200, platform.handle(request)))
        elif fault.kind in BEFORE:
            platform.log(request, fault.kind)
            self._instead(fault)
        elif fault.kind == "delay-before-commit":
            self._later(fault.seconds, lambda: self._write(http(200, platform.handle(request, fault.kind))))
        else:
            self._after(fault, request)

    def _instead(self, fault: Fault) -> None:
        """The request is not processed."""
        transport: Any = self.transport
        if fault.kind == "reset-before":
            transport.abortConnection()
        elif fault.kind == "silence":
            self._busy = True
        elif fault.kind == "refusal":
            self._write(http(200, self._site.platform.refusal("模拟的业务错误")))
        else:
            status = 502 if fault.kind == "http-502" else fault.status
            self._write(http(status, b"<html>gateway</html>", "text/html"))

    def _after(self, fault: Fault, request: Envelope) -> None:
        """The request is processed, and something goes wrong with the answer."""
        answer = self._site.platform.handle(request, fault.kind)
        if fault.kind == "delivered-twice":
            answer = self._site.platform.handle(request, fault.kind)
        if fault.kind == "delay-after-commit":
            self._later(fault.seconds, lambda: self._write(http(200, answer)))
        elif fault.kind == "drop-after-commit":
            self._close()
        elif fault.kind == "answer-twice":
            self._write(http(200, answer) * 2)
        elif fault.kind == "truncated":
            self._write(http(200, answer)[: -len(answer) // 2])
            self._close()
        elif fault.kind == "http-502-after-commit":
            self._write(http(502, b"<html>gateway</html>", "text/html"))
        elif fault.kind == "slow-drip":
            self._drip(http(200, answer), fault.seconds)
        else:
            self._write(http(200, spoil.spoil(fault.kind, answer, self._site.platform)))

    def _drip(self, wire: bytes, seconds: float) -> None:
        self._busy = True
        size = max(1, -(-len(wire) // _DRIPS))
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            self._site.reactor.callLater(seconds * number / _DRIPS, self._piece, piece, last)

    def _piece(self, piece: bytes, last: bool) -> None:
        self._write(piece)
        if last:
            self._free()

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._busy = True

        def run() -> None:
            # The transaction is the platform's: it goes on though the client has gone away.
            work()
            self._free()

        self._site.reactor.callLater(seconds, run)

    def _free(self) -> None:
        self._busy = False
        self._turn()

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        if transport is not None and self.connected:
            transport.write(data)

    def _close(self) -> None:
        self._busy = True
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()


def _content_length(head: str) -> int:
    at = head.lower().find("\r\ncontent-length:")
    if at < 0:
        return 0
    value = head[at + 17 :].split("\r\n", 1)[0].strip()
    return int(value) if value.isdigit() else 0

"""HTTP of the simulated online bank: small, and able to misbehave, which a proper server is not."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from typing import Any, Final
from typing import Protocol as Shape

from msgspec import Struct
from twisted.internet.protocol import Factory, Protocol

#: kind → what happens.
KINDS: Final = {
    "reset-before": "resets the connection without looking at the request",
    "silence": "does it, and never answers",
    "slow": "does it, waits `seconds`, then answers",
    "drop-after": "does it, then closes without an answer",
    "truncated": "does it, and writes half of the answer",
    "http-500": "does it, and answers HTTP 500",
    "plain-error": "answers with an error in plain text (CDC) or a negative code (XML), and does nothing",
    "plain-error-after": "does it, and answers so all the same",
    "wrong-signature": "does it, and signs the answer with another key (CDC)",
    "garbage": "does it, and answers bytes that mean nothing",
    "html": "does it, and answers a page",
    "refuse": "refuses with a code, and does nothing",
    "refuse-after": "does it, and refuses with a code",
    "other-batch": "answers a query about another batch",
    "stale": "does it, and answers what it answered to an earlier request of the function (CDC)",
    "no-request": "does it, and answers without its number",
}


class Fault(Struct, frozen=True):
    """One fault, for the next `count` requests of a function, or of any."""

    kind: str
    function: str = "*"
    count: int = 1
    seconds: float = 1.0
    skip: int = 0  #: requests of that function that still go well

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"one of {', '.join(KINDS)}")


class Faults:
    """Those switched on."""

    def __init__(self) -> None:
        self._next: list[list[Any]] = []

    def add(self, fault: Fault) -> None:
        self._next.append([fault, fault.skip, fault.count])

    def clear(self) -> None:
        self._next.clear()

    def next(self, function: str) -> Fault | None:
        """The fault for this request; used up by it."""
        for entry in self._next:
            fault: Fault = entry[0]
            if fault.function not in ("*", function):
                continue
            if entry[1]:
                entry[1] -= 1
                continue
            entry[2] -= 1
            if not entry[2]:
                self._next.remove(entry)
            return fault
        return None


class Bank(Shape):
    """What answers: a dialect of the simulator."""

    faults: Faults

    def function(self, body: bytes) -> str:
        """What is asked for, as far as the outside shows it."""
        ...

    def answer(self, body: bytes, kind: str) -> bytes:
        """Does it, and answers, as the fault of this kind wants it."""
        ...


class Site(Factory):
    """What all connections share."""

    noisy = False

    def __init__(self, bank: Bank, reactor: Any) -> None:
        self.bank = bank
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
                return
            total = end + 4 + _length(self._buffer[:end].decode("latin-1"))
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._request(body)

    def _request(self, body: bytes) -> None:
        bank = self._site.bank
        fault = bank.faults.next(bank.function(body))
        kind = fault.kind if fault is not None else ""
        transport: Any = self.transport
        if kind == "reset-before":
            self._busy = True
            transport.abortConnection()
            return
        answer = _http(bank.answer(body, kind), 500 if kind == "http-500" else 200)
        if kind == "silence":
            self._busy = True
        elif kind in ("drop-after", "truncated"):
            self._busy = True
            if kind == "truncated":
                transport.write(answer[: -len(answer) // 3])
            transport.loseConnection()
        elif kind == "slow" and fault is not None:
            self._busy = True
            self._site.reactor.callLater(fault.seconds, self._late, answer)
        else:
            transport.write(answer)

    def _late(self, answer: bytes) -> None:
        if self.connected:
            transport: Any = self.transport
            transport.write(answer)
        self._busy = False
        self._turn()


def _http(body: bytes, status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


def _length(head: str) -> int:
    at = head.lower().find("\r\ncontent-length:")
    value = head[at + 17 :].split("\r\n", 1)[0].strip() if at >= 0 else ""
    return int(value) if value.isdigit() else 0

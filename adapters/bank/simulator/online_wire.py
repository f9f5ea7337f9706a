"""HTTP of the simulated online bank, and what can go wrong with it."""

# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct
from twisted.internet.protocol import Factory

from gateway.transports.http.rough import RoughConnection, response

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


class Bank(Protocol):
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
        return Connection(self.bank, self.reactor)


class Connection(RoughConnection):
    """One client."""

    def __init__(self, bank: Bank, reactor: Any) -> None:
        super().__init__(reactor)
        self._bank = bank

    def request(self, head: str, body: bytes) -> None:
        del head
        fault = self._bank.faults.next(self._bank.function(body))
        kind = fault.kind if fault is not None else ""
        if kind == "reset-before":
            self.abort()
            return
        answer = response(500 if kind == "http-500" else 200, self._bank.answer(body, kind), "text/plain")
        if kind == "silence":
            self.mute()
        elif kind == "drop-after":
            self.close()
        elif kind == "truncated":
            self.write(answer[: -len(answer) // 3])
            self.close()
        elif kind == "slow" and fault is not None:
            self.later(fault.seconds, partial(self.write, answer))
        else:
            self.write(answer)

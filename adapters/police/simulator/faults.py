"""What can go wrong at their end, switched on at run time.

{"dialect": "nciic", "kind": "drop-after", "count": 1}
{"dialect": "*", "kind": "slow", "seconds": 2, "count": 3}
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

#: kind → what happens.
KINDS: Final = {
    "reset-before": "resets the connection without looking at the request",
    "silence": "never answers",
    "slow": "waits `seconds`, then answers",
    "drop-after": "does it, then closes without an answer",
    "truncated": "does it, and writes half of the answer",
    "http-500": "HTTP 500 with a page of text",
    "http-429": "HTTP 429",
    "soap-fault": "a SOAP fault with HTTP 500",
    "licence": "says that the licence is wrong (-80)",
    "quota": "says that the quota of the day is used up",
    "error-code": "a result code that is no success",
    "excuse": "a body that begins with SrcReceiver:",
    "field-missing": "says of every row that a mandatory field is missing",
    "shuffle": "answers the rows in reverse order",
    "no-numbers": "answers the rows in reverse order and without `no`",
    "missing-row": "leaves out the last row",
    "stranger": "answers about somebody else",
    "gbk": "the answer in GBK, and declared so",
    "wrong-charset": "the answer in GBK, declared as UTF-8",
    "mixed-charset": "the answer in UTF-8, whose inner document is declared as GBK",
    "bomb": "an answer with entities of entities",
    "external-entity": "an answer with an entity of a local file",
    "huge": "an answer of 20 MB",
    "nul": "an answer with NUL bytes",
    "html": "a page instead of an answer, with HTTP 200",
}


class Fault(Struct, frozen=True):
    """One fault, for the next `count` requests of a dialect."""

    kind: str
    dialect: str = "*"
    count: int = 1
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"one of {', '.join(KINDS)}")


class Faults:
    """Those switched on."""

    def __init__(self) -> None:
        self._next: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._next += [fault] * fault.count

    def clear(self) -> None:
        self._next.clear()

    def next(self, dialect: str) -> Fault | None:
        """The fault for this request; used up by it."""
        found = next((f for f in self._next if f.dialect in ("*", dialect)), None)
        if found is not None:
            self._next.remove(found)
        return found

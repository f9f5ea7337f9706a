"""What can go wrong at the far end, switched on at run time.

{"infno": "2207", "kind": "drop-after-commit", "count": 1}
{"infno": "*", "kind": "silence", "probability": 0.01}
{"infno": "2207", "kind": "delay-after-commit", "seconds": 5, "count": 3}
"""

from __future__ import annotations

from random import Random
from typing import Final

from msgspec import Struct

#: kind → what happens. Those in `BEFORE` happen instead of the transaction or before it.
KINDS: Final = {
    "delay-before-commit": "waits `seconds`, then processes and answers",
    "delay-after-commit": "processes, then answers after `seconds`",
    "drop-after-commit": "processes, then closes without an answer",
    "reset-before": "resets the connection without processing",
    "silence": "neither processes nor answers",
    "answer-twice": "writes the answer twice in a row",
    "false-refusal": "processes, yet answers infcode -1",
    "refusal": "refuses with infcode -1 without processing",
    "duplicate-msgid": "processes, yet answers infcode -1 报文ID重复",
    "output-string": "answers with `output` as a string that holds JSON",
    "extra-fields": "answers with unknown fields",
    "truncated": "processes, then closes in the middle of the answer",
    "http-502": "HTTP 502 without processing",
    "http-502-after-commit": "processes, then answers HTTP 502",
    "http-status": "HTTP `status` without processing",
    "slow-drip": "processes, then writes the answer in small pieces over `seconds`",
    "gbk": "answers in GBK",
    "mixed-charset": "answers in UTF-8 with a value in GBK",
    "rows-reversed": "answers with the rows of every list in the opposite order",
    "delivered-twice": "processes the request twice, and answers once",
    "truncated-file": "answers a download with half of the file",
    "other-person": "processes, yet answers with another person's settlement",
    "other-total": "processes, yet answers with another total",
}
BEFORE: Final = frozenset({"reset-before", "silence", "refusal", "http-502", "http-status"})


class Fault(Struct, forbid_unknown_fields=True):
    """One thing to go wrong."""

    kind: str
    infno: str = "*"
    count: int | None = None  #: how often; None for ever
    probability: float = 1.0
    seconds: float = 1.0
    status: int = 502

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind}; known: {', '.join(KINDS)}")


class Faults:
    """The faults that are switched on; the first that applies wins."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.active: list[Fault] = []

    def next(self, infno: str) -> Fault | None:
        """The fault that befalls this request."""
        for fault in self.active:
            if fault.infno in ("*", infno) and self._random.random() < fault.probability:
                self._use(fault)
                return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self.active.remove(fault)

"""What can go wrong at a bank reached by files, switched on at run time for the next time it matters."""

from __future__ import annotations

import threading
from typing import Final

#: kind → what happens.
KINDS: Final = {
    "drop-before-rename": "the connection is lost as a file is to get its final name; it does not get it",
    "drop-after-rename": "the file gets its final name, then the connection is lost without an answer",
    "silent": "the batch is executed, and nothing ever comes back",
    "slow": "the batch is left lying for two seconds",
    "refuse": "the batch is refused as a whole: every item is rejected",
    "duplicate": "the final return comes a second time, under the same name",
    "contradict": "another final return comes later, under the same name, in which nothing was settled",
    "wrong-totals": "the final return lacks a row that its totals count",
    "parts": "the final return comes in two parts",
}


class Faults:
    """Those switched on. For any thread."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, count: int = 1) -> None:
        """For the next `count` times.

        Raises:
            ValueError: there is no such fault.
        """
        if kind not in KINDS:
            raise ValueError(f"one of {', '.join(KINDS)}")
        with self._lock:
            self._left[kind] = self._left.get(kind, 0) + count

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._left.clear()

    def strikes(self, kind: str) -> bool:
        """Whether it happens now; uses it up."""
        with self._lock:
            left = self._left.get(kind, 0)
            self._left[kind] = max(0, left - 1)
            return left > 0

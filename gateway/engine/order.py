"""Which ordering keys have more than one delivery under way: all others need no look at the store.

Only a store that no other process works on can be known from memory; on a shared one everything ordered is
checked in the store. What was unfinished before a start is read once, in `remember`.
"""

from __future__ import annotations

from collections import Counter


class Order:
    """Counts the unfinished deliveries of every ordering key, per partner."""

    def __init__(self, *, exclusive: bool) -> None:
        self._exclusive = exclusive
        self._open: Counter[tuple[str, str]] = Counter()

    def remember(self, partner: str, key: str | None) -> None:
        """A delivery was committed, or found unfinished at the start."""
        if key is not None:
            self._open[partner, key] += 1

    def matters(self, partner: str, key: str | None) -> bool:
        """Whether the store must be asked if it is this delivery's turn, or who follows it."""
        return key is not None and (not self._exclusive or self._open[partner, key] != 1)

    def forget(self, partner: str, key: str | None) -> None:
        """A delivery reached its end."""
        if key is None:
            return
        left = self._open[partner, key] - 1
        if left > 0:
            self._open[partner, key] = left
        else:
            del self._open[partner, key]

"""How often a hospital may ask, and how much of what is too often is put on record."""

from __future__ import annotations

from collections.abc import Callable

from adapters.hospital.parts import RateLimit

#: Of what comes too often, so much a minute is put on record one by one; the rest is counted.
_ON_RECORD = 10
_MINUTE = 60.0


class Bucket:
    """Tokens, refilled as time goes by. One per partner.

    Args:
        limit: None lets everything through.
        monotonic: seconds.
    """

    def __init__(self, limit: RateLimit | None, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._now = monotonic
        self._tokens = float(limit.burst) if limit else 0.0
        self._filled = monotonic()

    def take(self) -> float:
        """0 where a request may pass; otherwise the seconds until one may."""
        if self._limit is None:
            return 0.0
        now = self._now()
        grown = (now - self._filled) * self._limit.per_second
        self._tokens, self._filled = min(self._tokens + grown, float(self._limit.burst)), now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self._limit.per_second
        self._tokens -= 1.0
        return 0.0


class Flood:
    """Counts refusals by the minute, so that a flood of requests is none of audit entries."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._since = monotonic()
        self._seen = 0

    def one_more(self) -> bool:
        """Counts one; whether it is to be put on record by itself."""
        self._seen += 1
        return self._seen <= _ON_RECORD

    def over(self) -> int:
        """Once a minute is over: how many of it have no record of their own."""
        now = self._now()
        if now - self._since < _MINUTE:
            return 0
        count, self._since, self._seen = max(0, self._seen - _ON_RECORD), now, 0
        return count

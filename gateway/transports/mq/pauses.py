"""Waiting that grows, and waiting that can be ended."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

_FIRST = 0.2


def pause_after(failures: int, longest: float) -> float:
    """Seconds to wait after so many failures in a row, from 1: 0.2, 0.4, 0.8 … up to `longest`."""
    return min(longest, _FIRST * float(2 ** min(failures - 1, 30)))


class Naps:
    """Waits that can all be ended at once."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._under_way: set[Deferred[None]] = set()

    async def nap(self, seconds: float) -> None:
        """Return after so many seconds, or when woken."""
        waiting: Deferred[None] = deferLater(self._reactor, seconds)
        self._under_way.add(waiting)
        try:
            await waiting
        except CancelledError:
            return
        finally:
            self._under_way.discard(waiting)

    def wake(self) -> None:
        """End all waits."""
        for waiting in tuple(self._under_way):
            waiting.cancel()

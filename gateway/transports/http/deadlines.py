"""Many deadlines, one timer.

A reactor timer per request costs more than parsing the request. Time limits of seconds need no
precision of microseconds, so one sweep looks at everything that has a deadline, a few times a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from gateway.transports.http.reactor import Reactor, Timer

NEVER = float("inf")


class Expiring(Protocol):
    """Something with a deadline, which it may move at any time."""

    deadline: float  #: on the clock of the `Deadlines` that watches it, seconds

    def expire(self) -> None:
        """The deadline has passed; called at every sweep until the deadline moves or the item leaves."""


class Deadlines:
    """Watches items and expires them at most `resolution` seconds late.

    Args:
        reactor: for the sweep's timer; it runs only while there is something to watch.
        resolution: seconds between sweeps.
        seconds: a clock that never jumps, unlike the wall clock behind `reactor.seconds()`.
    """

    def __init__(
        self, reactor: Reactor, resolution: float, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.now = seconds
        self._reactor = reactor
        self._resolution = resolution
        self._items: set[Expiring] = set()
        self._timer: Timer | None = None

    def watch(self, item: Expiring) -> None:
        self._items.add(item)
        if self._timer is None:
            self._timer = self._reactor.callLater(self._resolution, self._sweep)

    def forget(self, item: Expiring) -> None:
        self._items.discard(item)

    def stop(self) -> None:
        """Forget everything, so that no timer outlives the owner."""
        self._items.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        now = self.now()
        for item in [item for item in self._items if item.deadline <= now]:
            item.expire()
        if self._items:
            self._timer = self._reactor.callLater(self._resolution, self._sweep)

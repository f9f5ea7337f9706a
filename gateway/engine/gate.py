"""Holds deliveries back from a partner that cannot be reached, so that one probe pays for all.

open ──PartnerDown──► shut (for a while) ──time passes──► probing (one goes through)
  ▲                                                        │
  └──────────────────────── it got through ◄───────────────┤
                           shut (for longer) ◄──PartnerDown─┘
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gateway.engine.lifecycle import Backoff


class Gate:
    """One partner's gate. Deliveries that wait here are still `pending` in the store."""

    def __init__(self, reactor: Any, backoff: Backoff) -> None:
        self._reactor = reactor
        self._backoff = backoff
        self._failures = 0
        self._shut = False
        self._probing = False
        self._queue: list[Deferred[None]] = []

    @property
    def open(self) -> bool:
        """Whether the partner is believed to be reachable."""
        return not self._shut

    async def enter(self) -> bool:
        """Returns when an attempt may be made; True: it is the probe, and must call `left` afterwards."""
        while self._shut:
            if self._probing:
                waiter: Deferred[None] = Deferred()
                self._queue.append(waiter)
                await waiter
            else:
                self._probing = True
                pause: Deferred[None] = Deferred()
                self._reactor.callLater(self._backoff.delay(self._failures, 0.5), pause.callback, None)
                await pause
                return True
        return False

    def left(self) -> None:
        """The probe is over; where it contacted nobody (its delivery had ended), the next one probes."""
        if self._probing:
            self._probing = False
            self._release(1)

    def reached(self) -> None:
        """The partner answered, whatever it said."""
        if self._shut or self._failures:
            self._shut = self._probing = False
            self._failures = 0
            self._release(len(self._queue))

    def down(self) -> None:
        """The partner could not be reached."""
        self._failures += 1
        self._shut = True
        self._probing = False
        self._release(1)

    def _release(self, count: int) -> None:
        freed, self._queue = self._queue[:count], self._queue[count:]
        for waiter in freed:
            waiter.callback(None)

"""A duty: work done every so often, by one process at a time.

  ┌────────────────────── interval ◄─────────────────────┐
  ▼                                                       │
asks for the lease ──held by another──────────────────────┤
  │ granted                                               │
  ▼                                                       │
works ──done, or failed (logged; the next round tries again)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.contract import Log

Lease = Callable[[str], Awaitable[bool]]  #: takes or renews the lease of that name


async def alone(_name: str) -> bool:
    """The lease of a process that certainly is the only one."""
    return True


class Duty:
    """Runs `work` every `interval` seconds after its previous round ended; never twice at once."""

    def __init__(
        self,
        name: str,
        interval: float,
        work: Callable[[], Awaitable[object]],
        reactor: Any,
        log: Log,
        lease: Lease = alone,
    ) -> None:
        self.name = name
        self.failures = 0  #: rounds that failed in a row
        self._interval = interval
        self._work = work
        self._reactor = reactor
        self._log = log
        self._lease = lease
        self._timer: Any = None
        self._round: Deferred[None] | None = None
        self._stopped = True
        self._again = False
        self._finished: Deferred[None] | None = None  #: whoever stops it waits for this

    def start(self) -> None:
        """Begins with a round at once."""
        self._stopped = False
        self.soon()

    def soon(self) -> None:
        """Runs the next round now, or right after the running one."""
        if self._stopped:
            return
        if self._round is not None:
            self._again = True
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._begin()

    async def stop(self) -> None:
        """Waits for the running round."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._round is not None:
            self._finished = Deferred()
            await self._finished

    def _begin(self) -> None:
        self._timer = None
        running = Deferred.fromCoroutine(self._once())
        self._round = running
        running.addErrback(self._failed)
        running.addBoth(self._ended)

    async def _once(self) -> None:
        if await self._lease(self.name):
            await self._work()
        self.failures = 0

    def _failed(self, failure: Failure) -> None:
        self.failures += 1
        self._log.error(
            "duty.failed",
            duty=self.name,
            failures=self.failures,
            error=type(failure.value).__name__,
            reason=failure.getErrorMessage(),
        )

    def _ended(self, _: object) -> None:
        self._round = None
        if self._finished is not None:
            self._finished.callback(None)
        if not self._stopped:
            again, self._again = self._again, False
            self._timer = self._reactor.callLater(0 if again else self._interval, self._begin)

"""Reading one queue, over a line of its own that is made anew whenever it is lost.

    ┌──────── pause, growing ───────┐
    ▼                               │
 opening ──► reading ──► lost ──────┤
    │           │                   │
    └───────────┴── stop ──► stopping: those under way end ──► line closed

Messages are worked on here, not by the line: a message that is handed out anew over the next line waits until the
work on it over the last line has ended, so that `at_once` holds over reconnects too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from gateway.contract import GatewayError, Log, PartnerDown
from gateway.transports.mq.contract import Take
from gateway.transports.mq.lines import Line, Open, Taken, opened
from gateway.transports.mq.pauses import Naps, pause_after
from gateway.transports.mq.settings import MqLimits

_LONGEST_PAUSE = 30.0


class _TooLarge(GatewayError):
    """A message beyond `largest_body`: it stays on the queue until a person has decided about it."""


class Reading:
    """See `gateway.transports.mq.contract.Subscription`."""

    def __init__(
        self, queue: str, take: Take, at_once: int, open_line: Open, limits: MqLimits, reactor: Any, log: Log
    ) -> None:
        self._queue = queue
        self._take = take
        self._at_once = at_once
        self._open = open_line
        self._limits = limits
        self._reactor = reactor
        self._log = log
        self._waiting: deque[Taken] = deque()
        self._busy = 0
        self._idle: list[Deferred[None]] = []
        self._naps = Naps(reactor)
        self._line: Line | None = None
        self._stopping = False
        self._work = Deferred.fromCoroutine(self._keep_reading())
        self._work.addErrback(self._ended)

    async def stop(self) -> None:
        self._stopping = True
        self._waiting.clear()
        self._naps.wake()
        self._work.cancel()
        if self._busy:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle
        if self._line is not None:
            await self._line.close()

    async def _keep_reading(self) -> None:
        failures = 0
        while not self._stopping:
            begun = self._reactor.seconds()
            why = await self._stay()
            if self._reactor.seconds() - begun > self._limits.reconnect_max:
                failures = 0
            failures += 1
            self._naps.wake()  # what waits to be tried again is no longer ours
            if not self._stopping:
                pause = pause_after(failures, self._limits.reconnect_max)
                self._log.warning("mq.not_reading", queue=self._queue, why=why.en, pause=pause)
                await self._naps.nap(pause)

    async def _stay(self) -> PartnerDown:
        """Read over one line until it is lost; returns why it is."""
        line: Line | None = None
        try:
            line = self._line = await opened(self._open, self._limits, self._reactor)
            await line.read(self._queue, self._at_once, self._arrived)
        except PartnerDown as error:
            if line is not None:
                await line.close()
            return error
        self._log.info("mq.reading", queue=self._queue)
        return await line.ending.wait()

    def _arrived(self, taken: Taken) -> None:
        if not self._stopping:
            self._waiting.append(taken)
            self._next()

    def _next(self) -> None:
        while self._waiting and self._busy < self._at_once:
            taken = self._waiting.popleft()
            if not taken.gone:
                self._busy += 1
                Deferred.fromCoroutine(self._deal(taken)).addErrback(self._ended).addBoth(self._free)

    def _free(self, _: object) -> None:
        self._busy -= 1
        if not self._busy:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)
        # Not at once: work that never waits would call itself, for as many messages as there are.
        self._reactor.callLater(0, self._next)

    async def _deal(self, taken: Taken) -> None:
        arrived, failures = taken.arrived, taken.failures
        while True:
            try:
                self._measure(len(arrived.body))
                await self._take(arrived)
            except Exception as error:
                failures += 1
                pause = pause_after(failures, _LONGEST_PAUSE)
                self._log.error(
                    "mq.take_failed",
                    queue=self._queue,
                    message_id=arrived.message_id,
                    failures=failures,
                    pause=pause,
                    error=error.en if isinstance(error, GatewayError) else type(error).__name__,
                )
                same = await taken.failed(lambda pause=pause: self._rest(pause))  # type: ignore[misc]
                if self._stopping or taken.gone or not same:
                    return
                arrived = replace(arrived, again=True)
            else:
                await taken.done()
                return

    async def _rest(self, seconds: float) -> None:
        if not self._stopping:
            await self._naps.nap(seconds)

    def _measure(self, size: int) -> None:
        if size > self._limits.largest_body:
            raise _TooLarge(
                f"报文 {size} 字节，超过 largest_body，留在队列上",
                f"{size} bytes are more than largest_body: it stays on the queue",
            )

    def _ended(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:  # type: ignore[no-untyped-call]
            self._log.error("mq.reading_failed", queue=self._queue, error=failure.getTraceback())

"""The link to a queue manager: one line for putting, made when it is needed, and one for each queue that is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from gateway.contract import CheckStep, Log, PartnerDown, Reject
from gateway.transports.mq.contract import Subscription, Take
from gateway.transports.mq.lines import Line, Open, down, opened
from gateway.transports.mq.pauses import Naps, pause_after
from gateway.transports.mq.reading import Reading
from gateway.transports.mq.settings import MqLimits

_LONGEST_ID = 24  # characters: IBM MQ's MsgId and CorrelId hold no more
_DRAINING = 5.0  # seconds that closing waits for confirmations

Check = Callable[[Open, Sequence[str]], AsyncIterator[CheckStep]]


class Link:
    """See `gateway.transports.mq.contract.MqLink`, whose promises these methods keep."""

    def __init__(self, open_line: Open, check: Check, limits: MqLimits, reactor: Any, log: Log) -> None:
        self._open = open_line
        self._check = check
        self._limits = limits
        self._reactor = reactor
        self._log = log
        self._line: Line | None = None
        self._connecting: Deferred[Line] | None = None
        self._waiting: list[Deferred[Line]] = []
        self._failures = 0
        self._not_before = 0.0
        self._last = down("not connected")
        self._putting = 0
        self._readings: list[Reading] = []
        self._closed = False

    async def put(
        self, queue: str, body: bytes, *, message_id: str, correlation_id: str | None = None
    ) -> None:
        self._examine(body, message_id, correlation_id)
        line = await self._putting_line()
        self._putting += 1
        try:
            await line.put(queue, body, message_id, correlation_id)
        finally:
            self._putting -= 1

    async def consume(self, queue: str, take: Take, *, at_once: int = 1) -> Subscription:
        if self._closed:
            raise _closed()
        reading = Reading(queue, take, at_once, self._open, self._limits, self._reactor, self._log)
        self._readings.append(reading)
        return reading

    def check(self, queues: Sequence[str]) -> AsyncIterator[CheckStep]:
        return self._check(self._open, queues)

    async def close(self) -> None:
        while self._readings:
            await self._readings.pop().stop()
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        deadline = self._reactor.seconds() + _DRAINING
        naps = Naps(self._reactor)
        while self._putting and self._reactor.seconds() < deadline:
            await naps.nap(0.02)
        if self._line is not None:
            await self._line.close()

    def _examine(self, body: bytes, message_id: str, correlation_id: str | None) -> None:
        for name, value in (("message_id", message_id), ("correlation_id", correlation_id)):
            if value is not None and not (0 < len(value) <= _LONGEST_ID and value.isascii()):
                raise Reject(
                    f"{name} 应为 1 至 {_LONGEST_ID} 个 ASCII 字符",
                    f"{name} must be 1 to {_LONGEST_ID} characters of ASCII",
                    code="invalid",
                    field=name,
                )
        if len(body) > self._limits.largest_body:
            raise Reject(
                f"报文 {len(body)} 字节，超过 largest_body {self._limits.largest_body}",
                f"{len(body)} bytes are more than largest_body, {self._limits.largest_body}",
                code="too-large",
            )

    async def _putting_line(self) -> Line:
        """The open line, or a new one; all who want one wait for the same attempt."""
        if self._closed:
            raise _closed()
        if self._line is not None and self._line.ending.reason is None:
            return self._line
        if self._reactor.seconds() < self._not_before:
            raise self._last
        waiter: Deferred[Line] = Deferred()
        self._waiting.append(waiter)
        if self._connecting is None:
            attempt = Deferred.fromCoroutine(opened(self._open, self._limits, self._reactor))
            self._connecting = attempt
            attempt.addCallbacks(self._connected, self._not_connected)
        return await waiter

    def _connected(self, line: Line) -> None:
        self._line, self._failures, self._connecting = line, 0, None
        for waiter in self._take_waiting():
            waiter.callback(line)

    def _not_connected(self, failure: Failure) -> None:
        failure.trap(PartnerDown, CancelledError)  # type: ignore[no-untyped-call]
        self._connecting = None
        self._last = failure.value if isinstance(failure.value, PartnerDown) else _closed()
        self._failures += 1
        pause = pause_after(self._failures, self._limits.reconnect_max)
        self._not_before = self._reactor.seconds() + pause
        self._log.warning("mq.not_connected", why=self._last.en, pause=pause)
        for waiter in self._take_waiting():
            waiter.errback(self._last)

    def _take_waiting(self) -> list[Deferred[Line]]:
        waiting, self._waiting = self._waiting, []
        return [waiter for waiter in waiting if not waiter.called]


def _closed() -> PartnerDown:
    return down("the link is closed")

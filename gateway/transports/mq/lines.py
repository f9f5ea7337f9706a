"""One connection to a queue manager, for its life: what the three back ends give to `Link` and `Reading`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from gateway.contract import PartnerDown
from gateway.transports.mq.contract import Arrived, PutUnknown
from gateway.transports.mq.settings import MqLimits


class Ending:
    """Whether a line is over, why, and who wants to know."""

    def __init__(self) -> None:
        self.reason: PartnerDown | None = None
        self._waiting: list[Deferred[PartnerDown]] = []

    def end(self, reason: PartnerDown) -> None:
        """The line is over; the first reason counts."""
        if self.reason is not None:
            return
        self.reason = reason
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(reason)

    def wait(self) -> Deferred[PartnerDown]:
        """Fires with the reason when the line is over."""
        waiter: Deferred[PartnerDown] = Deferred()
        if self.reason is not None:
            waiter.callback(self.reason)
        else:
            self._waiting.append(waiter)
        return waiter


class Taken(Protocol):
    """One message that the queue manager has handed out and waits to hear of.

    Attributes:
        failures: how often it is known to have been put back before.
        gone: its line is over: the queue manager hands it out anew, and what is said of it here has no effect.
    """

    arrived: Arrived
    failures: int

    @property
    def gone(self) -> bool: ...

    async def done(self) -> None:
        """It was dealt with: take it off the queue."""
        ...

    async def failed(self, pause: Callable[[], Awaitable[None]]) -> bool:
        """It was not. Makes the pause; tells whether the same message is to be tried again, or will arrive anew."""
        ...


class Line(Protocol):
    """One connection. Used either for putting or for reading one queue."""

    @property
    def ending(self) -> Ending: ...

    async def put(self, queue: str, body: bytes, message_id: str, correlation_id: str | None) -> None:
        """See `MqLink.put`."""
        ...

    async def read(self, queue: str, at_once: int, arrived: Callable[[Taken], None]) -> None:
        """Begin to hand out the queue's messages, in their order. Raises PartnerDown: no such queue, or not ours."""
        ...

    async def look(self, queue: str) -> tuple[str, str] | None:
        """Find out whether the queue is there; returns, in Chinese and English, what could not be found out.

        Raises:
            PartnerDown: It is not there, or not ours to use.
        """
        ...

    async def close(self) -> None:
        """Say what is still to be said and let go, in bounded time. What was not `done` goes back to the queue."""
        ...


Open = Callable[[], Awaitable[Line]]
"""Connects and logs in. Leaves nothing open where it fails or is cancelled."""


async def opened(open_line: Open, limits: MqLimits, reactor: Any) -> Line:
    """Open a line within the time-out. Raises PartnerDown and nothing else."""
    opening: Deferred[Line] = Deferred.fromCoroutine(_coroutine(open_line))
    opening.addTimeout(limits.connect_timeout, reactor)
    try:
        return await opening
    except (PartnerDown, CancelledError):
        raise
    except DeferredTimeout:
        raise down(f"no answer within {limits.connect_timeout:g} s") from None
    except Exception as error:
        # A certificate file that cannot be read, for example: it may be there at the next attempt.
        raise down(f"{type(error).__name__}: {error}") from error


async def _coroutine(open_line: Open) -> Line:
    return await open_line()


def down(why: str) -> PartnerDown:
    """Certainly nothing was put; `why` is for operators, without secrets."""
    return PartnerDown(f"消息队列不可用，报文未放入：{why}", f"the queue manager took nothing: {why}")


def unknown(why: str) -> PutUnknown:
    """Perhaps it was put."""
    return PutUnknown(
        f"报文已交出，未获入队确认，结果不明，不可重发：{why}",
        f"the message was handed over and not confirmed; it must not be put again: {why}",
    )

"""What a partner's message queues are to an adapter: one contract, three back ends.

The queues are the partner's. Nothing here makes, deletes or purges one, and nothing is put twice: who is not told
that a message is there, is told whether it may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.contract import CheckStep, GatewayError


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message of a queue.

    Attributes:
        body: as it was put, byte by byte.
        message_id, correlation_id: where its sender gave one; text that is no ASCII is shown as hexadecimal digits.
        again: it was handed out before, here or to somebody else: it may have been dealt with already.
    """

    body: bytes
    queue: str
    message_id: str | None
    correlation_id: str | None
    again: bool


class PutUnknown(GatewayError):
    """The message was handed over and nobody confirmed it: it may be on the queue. Never put it again; find out."""


Take = Callable[[Arrived], Awaitable[None]]
"""Deals with one message. When it returns, the message is taken off the queue; so it returns after the commit."""


class Subscription(Protocol):
    """A queue being read, over all reconnects."""

    async def stop(self) -> None:
        """Take nothing more; returns when those under way are dealt with. What was not begun stays on the queue."""
        ...


class MqLink(Protocol):
    """A partner's queue manager. Connects when it is first needed, and again whenever it must.

    All methods belong to the reactor's thread.
    """

    async def put(
        self, queue: str, body: bytes, *, message_id: str, correlation_id: str | None = None
    ) -> None:
        """Put one message; returns when the queue manager has it durably.

        Both ids are 1 to 24 characters of ASCII, which is what every queue manager can carry.

        Raises:
            PartnerDown: certainly nothing was put: not connected, no such queue, refused.
            PutUnknown: the line was lost, or the time was over, before it was confirmed.
            Reject: `too-large` or `invalid`: nothing was put, and nothing ever will.
        """
        ...

    async def consume(self, queue: str, take: Take, *, at_once: int = 1) -> Subscription:
        """Hand the queue's messages to `take`, at most `at_once` at a time; one at a time keeps their order.

        Returns at once, and reads as soon as and as long as there is a connection. A message leaves the queue only
        after `take` has returned. Where it raises, the message is handed to it again, with `again`, after a pause
        that grows to 30 seconds; it is never dropped.
        """
        ...

    def check(self, queues: Sequence[str]) -> AsyncIterator[CheckStep]:
        """Try everything that `put` and `consume` need, without putting or taking; ends at the first failure."""
        ...

    async def close(self) -> None:
        """Stop all subscriptions as their `stop` does, and let go for good: what is asked later is `PartnerDown`."""
        ...

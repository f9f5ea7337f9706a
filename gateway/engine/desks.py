"""The books as parts of the gateway: what those of payments and of levies need of the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.canonical import Message
from gateway.canonical.envelope import encode_body
from gateway.contract import Accepted, Log, Rejected
from gateway.engine.accept import Acceptor, owe, publish
from gateway.engine.house import HouseTarget, is_house_name
from gateway.engine.lifecycle import ACCEPTED, DEAD, IN_DOUBT, PENDING, REJECTED, WAITING, Step
from gateway.engine.recorder import Recorder, Work, unrecorded
from gateway.engine.routes import Target
from gateway.store.api import Accept

#: Nobody knows that these arrived, and the next attempt would send once more.
_OPEN = (PENDING, WAITING, IN_DOUBT, DEAD)
#: Sent at least once, and nobody knows with what effect.
_DOUBTFUL = (IN_DOUBT, DEAD)


@dataclass(frozen=True, slots=True)
class HouseDesk:
    """A book: what takes its messages, and the work that it does by itself."""

    target: HouseTarget
    look_after: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class AtWork:
    """What a book has done by the engine. The two are asked for when they are needed: they are made after it."""

    acceptor: Callable[[], Acceptor]
    recorder: Callable[[], Recorder]
    log: Log

    def dispatch(self, message: Message, partner: str) -> tuple[Accept, Callable[[], None]] | None:
        """A message of the book's own to one partner, where a route takes such messages there; feeds get it, too."""
        routed = self._routed(message)
        return self._owed(message, [t for t in routed if t.partner == partner or is_house_name(t.partner)])

    def send(self, message: Message, partner: str) -> tuple[Accept, Callable[[], None]] | None:
        """The same to the partner that the book's own settings name, without a route. None where it takes no such
        messages, or is disabled."""
        target = self.acceptor().router.target(partner, message.type)
        fed = [t for t in self._routed(message) if is_house_name(t.partner)]
        return None if target is None else self._owed(message, [target, *fed])

    def _routed(self, message: Message) -> tuple[Target, ...]:
        return self.acceptor().router.targets(message.type, message.partner, message.region)

    def _owed(self, message: Message, targets: Sequence[Target]) -> tuple[Accept, Callable[[], None]] | None:
        if not targets:
            return None
        acceptor = self.acceptor()
        owed, unit = owe(acceptor, message, targets, b"", encode_body(message.data))
        return unit, lambda: publish(acceptor, owed)

    async def took_effect(self, delivery_id: str) -> None:
        """The partner has spoken about what a delivery brought it: it has arrived, whatever was known of it."""
        step = Step(after=ACCEPTED, reason="对方已报来结果 / the partner has reported on it", counted=True)
        await self._settle(delivery_id, _OPEN, step, None)

    async def had_no_effect(self, delivery_id: str) -> None:
        """The partner's books, which are complete, do not have what a delivery may have brought it. One that is still on
        its way is left alone, and so is one that moves meanwhile."""
        reason = "对方日终核对齐全、未列出，没有生效 / not in the partner's complete check of the day: it had no effect"
        step = Step(after=REJECTED, reason=reason, refusal="rejected")
        await self._settle(delivery_id, _DOUBTFUL, step, Rejected(code="no-effect", reason=reason))

    async def _settle(
        self, delivery_id: str, states: tuple[str, ...], step: Step, no: Rejected | None
    ) -> None:
        recorder, ended = self.recorder(), False
        while not ended:  # it may move on its way to another attempt while this is decided
            delivery = await recorder.store.delivery(delivery_id)
            row = None if delivery is None else await recorder.store.message(delivery.message_id)
            if delivery is None or row is None or delivery.state not in states:
                return
            message = recorder.vault.open_message(row.body, row.id)
            work = Work(delivery, message, unrecorded(delivery))
            outcome = no or Accepted(reference=delivery.reference)
            ended = await recorder.end(work, delivery.state, outcome, step, self.log)

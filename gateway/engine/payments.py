"""The payments desk as a part of the gateway: what `gateway.payments` needs of the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.canonical import Message
from gateway.canonical.envelope import encode_body
from gateway.contract import Accepted, Log
from gateway.engine.accept import Acceptor, owe, publish
from gateway.engine.house import PAYMENTS, HouseTarget, is_house_name
from gateway.engine.lifecycle import ACCEPTED, DEAD, IN_DOUBT, PENDING, WAITING, Step
from gateway.engine.recorder import Recorder, Work, unrecorded
from gateway.payments.desk import Desk
from gateway.payments.duty import look_after
from gateway.payments.operations import OPERATIONS
from gateway.payments.parts import Parts
from gateway.store.api import Accept

#: Nobody knows that these arrived, and the next attempt would send once more.
_OPEN = (PENDING, WAITING, IN_DOUBT, DEAD)


@dataclass(frozen=True, slots=True)
class PaymentsDesk:
    """The desk, and the work that it does by itself."""

    parts: Parts
    target: HouseTarget

    async def look_after(self) -> None:
        """One round of the duty."""
        await look_after(self.parts)


def payments_desk(parts: Parts) -> PaymentsDesk:
    """The desk as messages are delivered to it."""
    desk = Desk(parts)
    target = HouseTarget(name=PAYMENTS, operations=OPERATIONS, sender=desk, stop=desk.stop)
    return PaymentsDesk(parts, target)


@dataclass(frozen=True, slots=True)
class AtWork:
    """What the desk has done by the engine. The two are asked for when they are needed: they are made after it."""

    acceptor: Callable[[], Acceptor]
    recorder: Callable[[], Recorder]
    log: Log

    def dispatch(self, message: Message, partner: str) -> tuple[Accept, Callable[[], None]] | None:
        """A message of the desk's own to one partner, where a route takes such messages there; feeds get it, too."""
        acceptor = self.acceptor()
        targets = [
            target
            for target in acceptor.router.targets(message.type, message.partner, message.region)
            if target.partner == partner or is_house_name(target.partner)
        ]
        if not targets:
            return None
        owed, unit = owe(acceptor, message, targets, b"", encode_body(message.data))
        return unit, lambda: publish(acceptor, owed)

    async def took_effect(self, delivery_id: str) -> None:
        """The partner has spoken about what a delivery brought it: it has arrived, whatever was known of it."""
        recorder, ended = self.recorder(), False
        while not ended:  # it may move on its way to another attempt while this is decided
            delivery = await recorder.store.delivery(delivery_id)
            row = None if delivery is None else await recorder.store.message(delivery.message_id)
            if delivery is None or row is None or delivery.state not in _OPEN:
                return
            message = recorder.vault.open_message(row.body, row.id)
            step = Step(
                after=ACCEPTED, reason="对方已报来结果 / the partner has reported on it", counted=True
            )
            work = Work(delivery, message, unrecorded(delivery))
            outcome = Accepted(reference=delivery.reference)
            ended = await recorder.end(work, delivery.state, outcome, step, self.log)

"""Commits what became of a delivery, and tells those who wait. What is known is never lost to a busy store."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from gateway.canonical import Body, Message, type_of
from gateway.canonical.refusal import RequestRefused
from gateway.contract import (
    Absent,
    Accepted,
    Clock,
    Log,
    Operation,
    Prepared,
    Rejected,
    RetryLater,
    Reversed,
    Unavailable,
    Unknown,
)
from gateway.engine.accept import milliseconds
from gateway.engine.journal import Journal
from gateway.engine.lifecycle import ACCEPTED, DEAD, FINAL, NotSent, Standing, Step
from gateway.engine.observer import Observer
from gateway.engine.order import Order
from gateway.engine.outbox import Outbox
from gateway.engine.replies import Replies
from gateway.engine.vault import Sealed, Vault
from gateway.store.api import Advance, AuditRow, DeliveryRow, MessageRow, Store

AnyOutcome = Accepted | Rejected | RetryLater | NotSent | Unknown | Absent | Reversed

#: What the sender is told where the other side did not give words of its own.
_WORDS = {
    "rejected": "对方拒绝 / refused by the receiver",
    "reversed": "结果不明，已冲正，未生效；请以新的报文标识重新提交 / the outcome was unknown and has been reversed: send it again under a new message id",
    "not-cleared": "前置核验未通过，未受理 / the check that must come first did not let it go on",
    "not-delivered": "未能在期限内送达，未生效；请以新的报文标识重新提交 / not delivered in time, without effect: send it again under a new message id",
}


@dataclass(frozen=True, slots=True)
class Work:
    """A delivery under way, with the message it carries."""

    delivery: DeliveryRow
    message: Message
    prepared: Prepared


def unrecorded(delivery: DeliveryRow) -> Prepared:
    """Stands for an exchange of which no more than its reference is at hand."""
    return Prepared(operation=delivery.operation, reference=delivery.reference or "", content=b"")


class Recorder:
    """Writes the ends of attempts and resolutions."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        journal: Journal,
        outbox: Outbox,
        replies: Replies,
        order: Order,
        observer: Observer,
        ids: Callable[[], str],
        clock: Clock,
        reactor: Any,
    ) -> None:
        self.store = store
        self.vault = vault
        self.journal = journal
        self.outbox = outbox
        self.order = order
        self.observer = observer
        self.clock = clock
        self.chance = random.random
        #: Told when a delivery has ended: final, or dead.
        self.ended: Callable[[Message], None] = lambda _: None
        #: Told when something falls due so many seconds on.
        self.hurry: Callable[[float], None] = lambda _: None
        self._replies = replies
        self._ids = ids
        self._reactor = reactor

    def expired(self, message: Message) -> bool:
        """Whether somebody waited for the reply, and no longer does."""
        return message.deadline is not None and self.clock.now() >= message.deadline

    def unwanted(self, delivery: DeliveryRow, message: Message) -> bool:
        """Whether the sender waited for what becomes of this delivery, and no longer does."""
        return delivery.style == "request-reply" and self.expired(message)

    def standing(
        self, operation: Operation, delivery: DeliveryRow, message: Message, resolutions: int = 0
    ) -> Standing:
        """What is known of a delivery now."""
        return Standing(
            operation=operation,
            style=delivery.style,
            attempts=delivery.attempts,
            resolutions=resolutions,
            expired=self.unwanted(delivery, message),
            chance=self.chance(),
        )

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fires after `seconds`."""
        done: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._reactor.callLater(seconds, done.callback, None)
        return done

    async def persist(self, unit: Advance, log: Log) -> bool:
        """Commits, however long the store is away: the outside world has already changed.

        If the process ends first, the delivery is found `sending` and treated as unknown.
        """
        pause = 0.05
        while True:
            try:
                return bool(await self.store.commit(unit))
            except Unavailable as error:
                log.error("store.unavailable", delivery=unit.delivery_id, error=error.en)
                await self.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def end(
        self, work: Work, before: str, outcome: AnyOutcome, step: Step, log: Log, *, resolutions: int = 0
    ) -> bool:
        """Commits the step that follows an outcome; False where the delivery was no longer in `before`."""
        delivery = work.delivery
        reply = self._reply(work, outcome, step)
        raw = getattr(outcome, "raw", b"")
        evidence: Sealed | None = None
        sealed_reply: MessageRow | None = None
        if reply is not None:
            evidence = self.vault.seal(raw, reply.id, "raw")
            sealed_reply = self._row(reply, evidence)
        elif raw:
            evidence = self.vault.witness(raw, delivery.id)
        now = self.clock.now()
        at = milliseconds(now)
        unit = Advance(
            delivery_id=delivery.id,
            before=before,
            after=step.after,
            at=at,
            attempts=0 if step.counted else -1,
            resolutions=resolutions,
            next_at=None if step.delay is None else at + int(step.delay * 1000),
            reason=step.reason,
            prepared=b"" if step.renew else None,
            reply=sealed_reply,
            audit=(self._audit(work, outcome, step, sealed_reply, evidence if raw else None),),
        )
        if not await self.persist(unit, log):
            log.warning("delivery.moved", delivery=delivery.id, expected=before)
            return False
        if step.delay is not None:
            self.hurry(step.delay)
        log.info(
            f"delivery.{step.after}", delivery=delivery.id, message=delivery.message_id, reason=step.reason
        )
        if reply is not None:
            self._replies.settle(delivery.message_id, reply)
        if step.after in FINAL or step.after == DEAD:
            self.ended(work.message)
        if step.after in FINAL:
            await self._release_next(delivery.partner, delivery.ordering_key)
        return True

    async def _release_next(self, partner: str, ordering_key: str | None) -> None:
        matters = self.order.matters(partner, ordering_key)
        self.order.forget(partner, ordering_key)
        if not matters or ordering_key is None:
            return
        following = await self.store.next_in_order(partner, ordering_key)
        if following is not None:
            delivery, row = following
            self.outbox.publish(delivery, row.body)

    def _reply(self, work: Work, outcome: AnyOutcome, step: Step) -> Message | None:
        if step.after == ACCEPTED and isinstance(outcome, Accepted):
            return None if outcome.reply is None else self._message(work, outcome.reply, outcome.mapping)
        if step.refusal is None:
            return None
        no = outcome if isinstance(outcome, Rejected) else None
        said = no if step.refusal == "rejected" else None  # in the partner's words, not in ours
        body = RequestRefused(
            code=step.refusal,
            reason=no.reason if no is not None and no.reason else _WORDS[step.refusal],
            field=said.field if said is not None else None,
            raw_code=said.code if said is not None else None,
            raw_text=said.reason if said is not None else None,
        )
        return self._message(work, body, None)

    def _message(self, work: Work, body: Body, mapping: str | None) -> Message:
        request = work.message
        return Message(
            id=self._ids(),
            source=f"/partners/{work.delivery.partner}",
            type=type_of(body),
            time=self.clock.now(),
            subject=request.subject,
            partner=work.delivery.partner,
            correlation_id=request.correlation_id,
            causation_id=request.id,
            region=request.region,
            mapping=mapping,
            data=body,
        )

    def _row(self, reply: Message, raw: Sealed) -> MessageRow:
        return MessageRow(
            id=reply.id,
            type=reply.type,
            direction="reply",
            partner=reply.partner,
            partner_message_id=None,
            idempotency=b"",
            correlation_id=reply.correlation_id,
            causation_id=reply.causation_id,
            region=reply.region,
            subject=reply.subject,
            mapping=reply.mapping,
            created=milliseconds(reply.time),
            deadline=None,
            body=self.vault.seal_message(reply).blob,
            raw=raw.blob,
        )

    def _audit(
        self, work: Work, outcome: AnyOutcome, step: Step, reply: MessageRow | None, raw: Sealed | None
    ) -> AuditRow:
        detail: dict[str, str | int] = {
            "outcome": type(outcome).__name__.lower(),
            "attempts": work.delivery.attempts,
            "reference": work.prepared.reference,
        }
        if step.reason:
            detail["reason"] = step.reason
        if reply is not None:
            detail["reply"] = reply.id
        elif raw is not None:
            detail["sealed_salt"] = raw.text
        return self.journal.entry(
            f"delivery.{step.after}",
            message=work.delivery.message_id,
            delivery=work.delivery.id,
            partner=work.delivery.partner,
            message_type=work.message.type,
            digest=None if raw is None else raw.digest,
            detail=detail,
        )

"""Questions that must be answered before a message goes on: the `first` of a route.

A hospital admits somebody; the police say who that is; the answer decides whether the admission goes on. The
message is accepted as any other, but its deliveries are `held`. The question is a message of its own, from
`GATEWAY`, caused by the one that is held; it is delivered to the partner that can answer like everything else:
recorded, retried, audited, with a deadline. Its end decides:

    held ──an answer in `proceed`──────► pending
    held ──an answer in `refuse`───────► REJECTED (`not-cleared`: the sender is told why)
    held ──any other answer, or none───► pending, REJECTED, or held without a next time: as `otherwise` says
    held ──the sender no longer waits──► REJECTED (`not-delivered`: nothing has been sent)

Everything is read from the store, so that a held delivery may be looked at as often as one likes: after the end
of its question, and by the keeper. A question's id is made of the message's, so that it is asked once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from gateway.canonical import Body, Message
from gateway.canonical.envelope import body_type, encode_body
from gateway.canonical.refusal import RequestRefused
from gateway.contract import Log, Rejected
from gateway.engine.accept import LOOK_AGAIN_MS, Acceptor, milliseconds, owe, publish
from gateway.engine.lifecycle import (
    DEAD,
    FINAL,
    HELD,
    NOT_WAITED_FOR,
    PENDING,
    Ruling,
    Step,
    after_clearance,
)
from gateway.engine.recorder import Recorder, Work, unrecorded
from gateway.engine.routes import GATEWAY, First
from gateway.store.api import Advance, DeliveryRow, Found


class Clearance:
    """Asks, and lets go or refuses what was held."""

    def __init__(self, parts: Acceptor, recorder: Recorder, log: Log) -> None:
        self._parts = parts
        self._recorder = recorder
        self._log = log

    def begin(self, message: Message) -> None:
        """Looks at a message that has just been held."""
        self._apart(message, self.look)

    def ended(self, message: Message) -> None:
        """A delivery has come to its end: was it a question's?"""
        if message.partner == GATEWAY:
            self._apart(message, self._answered)

    async def look(self, message: Message) -> None:
        """Decides about what is held of a message, as far as it can be decided by now; asks, if nobody has."""
        held = [d for d in await self._parts.store.deliveries_of(message.id) if d.state == HELD]
        if not held:
            return
        first = self._parts.router.first(message.type, message.partner, message.region)
        found = await self._parts.store.by_partner_id(GATEWAY, question_key(message.id))
        ruling = await self._ruling(message, first, found)
        for delivery in held:
            await self._carry_out(delivery, message, ruling, found)

    async def _answered(self, question: Message) -> None:
        row = await self._parts.store.message(question.causation_id or "")
        if row is not None:
            await self.look(self._parts.vault.open_message(row.body, row.id))

    # Asking

    async def _ask(self, message: Message, first: First) -> Ruling:
        """Puts the question, if the message says what it needs."""
        target = self._parts.router.target(first.of, first.ask)
        question = self._question(message, first)
        if question is None or target is None:
            return _otherwise(first, f"{first.of} cannot be asked: the message does not say what it needs")
        owed, unit = owe(self._parts, question, (target,), b"", encode_body(question.data))
        if await self._parts.store.commit(unit) is None:
            self._log.info("message.accepted", message=question.id, type=question.type)
            publish(self._parts, owed)
        return Ruling(verdict="wait", reason=f"等待 {first.of} 的答复 / waits for the answer of {first.of}")

    def _question(self, message: Message, first: First) -> Message | None:
        body_class = body_type(first.ask)
        values = {name: getattr(message.data, field) for name, field in first.take} | dict(first.fixed)
        if "purpose" in body_class.__struct_fields__:
            values["purpose"] = first.purpose
        given = {name: value for name, value in values.items() if value is not None}
        try:
            body = msgspec.convert(msgspec.to_builtins(given), body_class, strict=False)
        except msgspec.ValidationError:
            return None
        now = self._parts.clock.now()
        until = now + dt.timedelta(seconds=first.patience)
        return Message(
            id=self._parts.ids(),
            source=f"/{GATEWAY}",
            type=first.ask,
            time=now,
            partner=GATEWAY,
            partner_message_id=question_key(message.id),
            correlation_id=message.correlation_id,
            causation_id=message.id,
            region=message.region,
            deadline=until if message.deadline is None else min(until, message.deadline),
            purpose=first.purpose,
            data=body,
        )

    # The answer

    async def _ruling(self, message: Message, first: First | None, found: Found | None) -> Ruling:
        if self._recorder.expired(message):
            return Ruling(verdict="expire", reason=NOT_WAITED_FOR)
        if first is None:
            return Ruling(
                verdict="hold",
                reason="路由已不要求核验，须由人决定 / its route asks nothing any more: a person must decide",
            )
        if found is None:
            return await self._ask(message, first)
        [delivery] = found.deliveries
        waited = milliseconds(self._parts.clock.now()) - found.message.created
        if delivery.state not in FINAL | {DEAD} and waited < first.patience * 1000:
            return Ruling(
                verdict="wait", reason=f"等待 {first.of} 的答复 / waits for the answer of {first.of}"
            )
        row = None if delivery.reply_id is None else await self._parts.store.message(delivery.reply_id)
        return _judge(first, None if row is None else self._parts.vault.open_message(row.body, row.id).data)

    # What follows

    async def _carry_out(
        self, delivery: DeliveryRow, message: Message, ruling: Ruling, found: Found | None
    ) -> None:
        step = after_clearance(ruling, LOOK_AGAIN_MS / 1000)
        if step.after == PENDING:
            await self._release(delivery, message, step, found)
        elif step.after == HELD:
            await self._recorder.persist(self._advance(delivery, step), self._log)
        else:
            work = Work(delivery, message, unrecorded(delivery))
            refused = Rejected(code=ruling.code, reason=ruling.text)
            await self._recorder.end(work, HELD, refused, step, self._log)

    async def _release(
        self, delivery: DeliveryRow, message: Message, step: Step, found: Found | None
    ) -> None:
        detail: dict[str, str | int] = {"reason": step.reason or ""}
        if found is not None:
            detail["question"] = found.message.id
        entry = self._parts.journal.entry(
            "delivery.cleared",
            message=message.id,
            delivery=delivery.id,
            partner=delivery.partner,
            message_type=message.type,
            detail=detail,
        )
        unit = msgspec.structs.replace(self._advance(delivery, step), audit=(entry,))
        row = await self._parts.store.message(message.id)
        if await self._recorder.persist(unit, self._log) and row is not None:
            self._log.info("delivery.cleared", delivery=delivery.id, reason=step.reason)
            self._parts.outbox.publish(delivery, row.body)

    def _advance(self, delivery: DeliveryRow, step: Step) -> Advance:
        now = milliseconds(self._parts.clock.now())
        next_at = None if step.delay is None else now + int(step.delay * 1000)
        return Advance(
            delivery_id=delivery.id,
            before=HELD,
            after=step.after,
            at=now,
            next_at=next_at,
            reason=step.reason,
        )

    def _apart(self, message: Message, work: Callable[[Message], Coroutine[Any, Any, None]]) -> None:
        """Nobody waits for it; if it fails, the keeper finds the delivery due."""
        Deferred.fromCoroutine(work(message)).addErrback(
            lambda failure: self._log.error(
                "clearance.broken", message=message.id, traceback=failure.getTraceback()
            )
        )


def _judge(first: First, reply: Body | None) -> Ruling:
    if reply is None or isinstance(reply, RequestRefused):
        return _otherwise(first, f"{first.of} 没有答复 / gave no answer")
    answer = str(getattr(reply, first.decide_by))
    reason = f"{first.of}: {answer}"
    if answer in first.proceed:
        return Ruling(verdict="proceed", reason=reason)
    if answer in first.refuse:
        return Ruling(verdict="refuse", reason=reason, code=answer, text=first.refuse[answer])
    return _otherwise(first, reason)


def _otherwise(first: First, reason: str) -> Ruling:
    if first.otherwise == "hold":
        return Ruling(verdict="hold", reason=f"{reason}；须由人决定 / a person must decide")
    return Ruling(verdict=first.otherwise, reason=reason)


def question_key(message_id: str) -> str:
    """One question a message."""
    return f"first/{message_id}"

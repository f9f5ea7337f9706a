"""Accepting: one store transaction holds the message, its idempotency key, its deliveries and its audit entry.

Only after that commit is anything said to the partner or handed to the bus.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from gateway.canonical import Message, type_of
from gateway.canonical.envelope import encode_body
from gateway.contract import (
    Clock,
    Conflict,
    Inbound,
    Log,
    Pending,
    Receipt,
    Refusal,
    Reject,
    Replied,
    Unavailable,
)
from gateway.engine.journal import Journal
from gateway.engine.lifecycle import DEAD, FINAL, PENDING
from gateway.engine.observer import Observer
from gateway.engine.order import Order
from gateway.engine.outbox import Outbox, routing_key
from gateway.engine.replies import Replies
from gateway.engine.routes import Router, Target
from gateway.engine.vault import Vault
from gateway.store.api import Accept, AuditRow, DeliveryRow, Existing, MessageRow, Record, Store

#: No reply will follow by itself: a person closed the delivery, or must act first.
_NOTHING_COMES = FINAL | {DEAD}


def milliseconds(moment: dt.datetime) -> int:
    """Milliseconds since 1970, as the store keeps times."""
    return int(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Acceptor:
    """The parts that accepting needs; shared by every partner's inbox."""

    store: Store
    vault: Vault
    journal: Journal
    router: Router
    outbox: Outbox
    replies: Replies
    order: Order
    observer: Observer
    ids: Callable[[], str]
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Owed:
    """An accepted message with everything that was committed for it."""

    message: Message
    body: bytes  #: sealed
    deliveries: tuple[DeliveryRow, ...]


class PartnerInbox:
    """The `Inbox` of one partner."""

    def __init__(self, partner: str, parts: Acceptor, log: Log) -> None:
        self._partner = partner
        self._parts = parts
        self._log = log

    async def accept(self, inbound: Inbound) -> Receipt:
        """See `gateway.contract.Inbox.accept`."""
        owed, unit = self._understand(inbound, None, "one-way")
        existing = await self._commit(unit)
        if existing is not None:
            self._same(existing, unit.message, inbound)
            return Receipt(message_id=existing.message_id, repeated=True)
        self._publish(owed)
        return Receipt(message_id=owed.message.id)

    async def request(self, inbound: Inbound, timeout: float) -> Replied | Pending:
        """See `gateway.contract.Inbox.request`."""
        deadline = self._parts.clock.now() + dt.timedelta(seconds=timeout)
        owed, unit = self._understand(inbound, deadline, "request-reply")
        reply = self._parts.replies.wait(owed.message.id, timeout)
        try:
            existing = await self._commit(unit)
        except BaseException:
            self._parts.replies.forget(owed.message.id)
            raise
        if existing is not None:
            self._parts.replies.forget(owed.message.id)
            self._same(existing, unit.message, inbound)
            return await self._answer_again(existing.message_id, timeout)
        self._publish(owed)
        answer = await reply
        if answer is not None:
            return Replied(message_id=owed.message.id, reply=answer)
        return await self._stored_answer(owed.message.id, repeated=False)

    async def refuse(self, refusal: Refusal) -> str:
        """See `gateway.contract.Inbox.refuse`."""
        parts = self._parts
        refusal_id = parts.ids()
        detail: dict[str, str | int] = {"code": refusal.code, "bytes": len(refusal.raw)}
        if refusal.field:
            detail["field"] = refusal.field
        if refusal.rule:
            detail["rule"] = refusal.rule
        if refusal.partner_message_id:
            detail["partner_message_id"] = refusal.partner_message_id
        witness = parts.vault.witness(refusal.raw, refusal_id) if refusal.raw else None
        if witness is not None:
            detail["sealed_salt"] = witness.text
        entry = parts.journal.entry(
            "message.refused",
            message=refusal_id,
            partner=self._partner,
            digest=None if witness is None else witness.digest,
            detail=detail,
        )
        await parts.store.commit(Record((entry,)))
        parts.observer.refused(self._partner, refusal.code)
        self._log.warning(
            "message.refused", refusal=refusal_id, code=refusal.code, field=refusal.field, rule=refusal.rule
        )
        return refusal_id

    async def reference(self, partner_message_id: str) -> str | None:
        """See `gateway.contract.Inbox.reference`."""
        found = await self._parts.store.by_partner_id(self._partner, partner_message_id)
        if found is None:
            return None
        sent = next((d.reference for d in found.deliveries if d.reference), None)
        if sent is None and any(d.state not in FINAL for d in found.deliveries):
            # It may still go out: whoever takes it back now would take back nothing, and be wrong later.
            raise Unavailable(
                "原报文尚未送出，请稍后重试", "the original has not been sent on yet: try again later"
            )
        return sent

    def _understand(self, inbound: Inbound, deadline: dt.datetime | None, style: str) -> tuple[_Owed, Accept]:
        """Makes the message and the unit that commits it.

        Raises:
            Reject: no route.
        """
        parts = self._parts
        message_type = type_of(inbound.body)
        targets = parts.router.targets(message_type, self._partner, inbound.region)
        if not targets:
            raise Reject(
                f"没有为 {message_type} 配置路由",
                f"no route takes {message_type} from here",
                code="no-route",
            )
        message_id = parts.ids()
        now = parts.clock.now()
        message = Message(
            id=message_id,
            source=f"/partners/{self._partner}",
            type=message_type,
            time=now,
            subject=inbound.subject,
            partner=self._partner,
            partner_message_id=inbound.partner_message_id,
            correlation_id=message_id,
            region=inbound.region,
            deadline=deadline,
            ordering_key=inbound.ordering_key,
            purpose=inbound.purpose,
            traceparent=inbound.traceparent,
            mapping=inbound.mapping,
            data=inbound.body,
        )
        body = parts.vault.seal_message(message)
        raw = parts.vault.seal(inbound.raw, message_id, "raw")
        row = MessageRow(
            id=message_id,
            type=message_type,
            direction="in",
            partner=self._partner,
            partner_message_id=inbound.partner_message_id,
            idempotency=_idempotency(inbound),
            correlation_id=message_id,
            causation_id=None,
            region=inbound.region,
            subject=inbound.subject,
            mapping=inbound.mapping,
            created=milliseconds(now),
            deadline=None if deadline is None else milliseconds(deadline),
            body=body.blob,
            raw=raw.blob,
        )
        deliveries = tuple(self._delivery(row, target, style, inbound.ordering_key) for target in targets)
        audit: tuple[AuditRow, ...] = (parts.journal.accepted(message, raw.digest, body.digest),)
        return _Owed(message, body.blob, deliveries), Accept(row, deliveries, audit)

    def _delivery(self, row: MessageRow, target: Target, style: str, ordering_key: str | None) -> DeliveryRow:
        return DeliveryRow(
            id=self._parts.ids(),
            message_id=row.id,
            partner=target.partner,
            operation=target.operation.name,
            style=style,
            state=PENDING,
            routing_key=routing_key(row.type, row.region, target.partner),
            ordering_key=ordering_key,
            created=row.created,
            updated=row.created,
        )

    async def _commit(self, unit: Accept) -> Existing | None:
        parts = self._parts
        began = parts.clock.monotonic()
        existing = await parts.store.commit(unit)
        if existing is None:
            parts.observer.accepted(self._partner, unit.message.type, parts.clock.monotonic() - began)
            self._log.info("message.accepted", message=unit.message.id, type=unit.message.type)
        else:
            parts.observer.repeated(self._partner, unit.message.type)
            self._log.info("message.repeated", message=existing.message_id, type=unit.message.type)
        return existing

    def _publish(self, owed: _Owed) -> None:
        for delivery in owed.deliveries:
            self._parts.order.remember(delivery.partner, delivery.ordering_key)
            self._parts.outbox.publish(delivery, owed.body, fresh=True)

    def _same(self, existing: Existing, row: MessageRow, inbound: Inbound) -> None:
        if existing.idempotency != row.idempotency:
            raise Conflict(
                f"报文标识 {inbound.partner_message_id} 已用于另一笔内容不同的报文",
                f"message id {inbound.partner_message_id} was used before for a different message",
                code="duplicate-msgid",
                field="msgid",
                rule="unique",
            )

    async def _answer_again(self, message_id: str, timeout: float) -> Replied | Pending:
        """The stored reply, or a wait for the one that is still to come."""
        reply = self._parts.replies.wait(message_id, timeout)
        answer = await self._stored_answer(message_id, repeated=True)
        if isinstance(answer, Replied) or answer.state in _NOTHING_COMES:
            self._parts.replies.forget(message_id)
            return answer
        late = await reply
        if late is not None:
            return Replied(message_id=message_id, reply=late, repeated=True)
        return await self._stored_answer(message_id, repeated=True)

    async def _stored_answer(self, message_id: str, *, repeated: bool) -> Replied | Pending:
        deliveries = await self._parts.store.deliveries_of(message_id)
        for delivery in deliveries:
            if delivery.reply_id is not None:
                row = await self._parts.store.message(delivery.reply_id)
                if row is not None:
                    reply = self._parts.vault.open_message(row.body, row.id)
                    return Replied(message_id=message_id, reply=reply, repeated=repeated)
        state = deliveries[0].state if deliveries else PENDING
        return Pending(message_id=message_id, state=state)


def _idempotency(inbound: Inbound) -> bytes:
    same = inbound.idempotency if inbound.idempotency is not None else encode_body(inbound.body)
    return hashlib.sha256(same).digest()

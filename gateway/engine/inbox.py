"""The door for one partner: what it sends is understood, committed, answered from the store when it comes again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from gateway.canonical import Attachment, Message, type_of
from gateway.canonical.envelope import encode_body
from gateway.contract import (
    Conflict,
    Evidence,
    Handled,
    Inbound,
    Log,
    Pending,
    Receipt,
    Refusal,
    Reject,
    Replied,
    Unavailable,
)
from gateway.engine.accept import Acceptor, Owed, owe, publish
from gateway.engine.lifecycle import DEAD, FINAL, HELD, PENDING, WAITING
from gateway.store.api import Accept, DeliveryRow, Existing, MessageRow, Record

#: No reply will follow by itself: a person closed the delivery, or must act first.
_NOTHING_COMES = FINAL | {DEAD}

#: Puts the question that must be answered before a held message goes on.
Ask = Callable[[Message], None]


def _may_go_out(delivery: DeliveryRow) -> bool:
    """Whether a delivery may reach its partner after what is taken back now."""
    if delivery.state in (HELD, PENDING, WAITING):
        return True
    if delivery.state in FINAL:
        return False
    if delivery.state == DEAD:
        return delivery.reference is None  # a person may still let it go
    # Under way or in doubt. One-way messages that turn out to be reversed are sent anew, under a new reference.
    return delivery.reference is None or delivery.style == "one-way"


def _content(inbound: Inbound) -> bytes:
    """What makes two messages the same, unless the adapter says it."""
    body = encode_body(inbound.body)
    return body if inbound.attachment is None else body + b"\n" + inbound.attachment.sha256.encode()


class PartnerInbox:
    """The `Inbox` of one partner."""

    def __init__(self, partner: str, parts: Acceptor, log: Log, ask: Ask) -> None:
        self._partner = partner
        self._parts = parts
        self._log = log
        self._ask = ask

    async def accept(self, inbound: Inbound) -> Receipt:
        """See `gateway.contract.Inbox.accept`."""
        owed, unit = self._understand(inbound, None)
        existing = await self._commit(unit)
        if existing is not None:
            self._same(existing, unit.message, inbound)
            if inbound.attachment is not None and inbound.attachment.claim != existing.message_id:
                self._parts.keeping.forget(inbound.attachment.claim)
            return Receipt(message_id=existing.message_id, repeated=True)
        self._publish(owed)
        return Receipt(message_id=owed.message.id)

    async def request(self, inbound: Inbound, timeout: float) -> Replied | Pending:
        """See `gateway.contract.Inbox.request`."""
        deadline = self._parts.clock.now() + dt.timedelta(seconds=timeout)
        owed, unit = self._understand(inbound, deadline)
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
        await self._on_record("message.refused", refusal_id, refusal.raw, detail)
        parts.observer.refused(self._partner, refusal.code)
        self._log.warning(
            "message.refused", refusal=refusal_id, code=refusal.code, field=refusal.field, rule=refusal.rule
        )
        return refusal_id

    async def handled(self, handled: Handled) -> str:
        """See `gateway.contract.Inbox.handled`."""
        handled_id = self._parts.ids()
        detail: dict[str, str | int] = {"kind": handled.kind, "bytes": len(handled.raw)}
        if handled.partner_message_id:
            detail["partner_message_id"] = handled.partner_message_id
        await self._on_record("message.handled", handled_id, handled.raw, detail)
        self._log.info("message.handled", message=handled_id, kind=handled.kind)
        return handled_id

    async def keep(
        self,
        file: Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
        records: Iterable[Struct] | None = None,
    ) -> Attachment:
        """See `gateway.contract.Inbox.keep`."""
        return await self._parts.keeping.keep(file, name, media_type, records)

    async def evidence(self, message_id: str) -> Evidence | None:
        """See `gateway.contract.Inbox.evidence`."""
        return await self._parts.proofs.of(self._partner, message_id)

    async def _on_record(self, event: str, identity: str, raw: bytes, detail: dict[str, str | int]) -> None:
        """An audit entry of its own, for what is no message of the store."""
        parts = self._parts
        witness = parts.vault.witness(raw, identity) if raw else None
        if witness is not None:
            detail["sealed_salt"] = witness.text
        entry = parts.journal.entry(
            event,
            message=identity,
            partner=self._partner,
            digest=None if witness is None else witness.digest,
            detail=detail,
        )
        await parts.store.commit(Record((entry,)))

    async def reference(self, partner_message_id: str) -> str | None:
        """See `gateway.contract.Inbox.reference`."""
        found = await self._parts.store.by_partner_id(self._partner, partner_message_id)
        if found is None:
            return None
        sent = next((d.reference for d in found.deliveries if d.reference), None)
        if any(_may_go_out(d) for d in found.deliveries):
            # Whoever takes it back now would take back nothing, and be wrong later.
            raise Unavailable(
                "原报文尚未送出，或将再次送出，请稍后重试",
                "the original is still to be sent on, or sent again: try again later",
            )
        return sent

    def _understand(self, inbound: Inbound, deadline: dt.datetime | None) -> tuple[Owed, Accept]:
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
        attachment = inbound.attachment
        # A claim is the id of its message: so one look at the store tells whether it is still needed.
        message_id = parts.ids() if attachment is None else attachment.claim
        message = Message(
            id=message_id,
            source=f"/partners/{self._partner}",
            type=message_type,
            time=parts.clock.now(),
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
            attachment=attachment,
            data=inbound.body,
        )
        content = inbound.idempotency if inbound.idempotency is not None else _content(inbound)
        # Bodies of different types may have the same fields, and mean the opposite of each other.
        same = message_type.encode() + b"\n" + content
        first = parts.router.first(message_type, self._partner, inbound.region)
        return owe(parts, message, targets, inbound.raw, same, held=first is not None)

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

    def _publish(self, owed: Owed) -> None:
        publish(self._parts, owed)
        if owed.deliveries[0].state == HELD:
            self._ask(owed.message)

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
                if row is not None and row.body:  # an erased one says no more than the state does
                    reply = self._parts.vault.open_message(row.body, row.id)
                    return Replied(message_id=message_id, reply=reply, repeated=repeated)
        state = deliveries[0].state if deliveries else PENDING
        return Pending(message_id=message_id, state=state)

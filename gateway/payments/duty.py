"""What the desk does without being told by a message: batches follow their deliveries, agencies are told."""

from __future__ import annotations

from msgspec import structs

from gateway.books.intake import alone
from gateway.canonical import Message
from gateway.canonical.payment import BatchReturned, StatusReported
from gateway.payments import reports, results
from gateway.payments.parts import Parts
from gateway.store import payments_booking as booking
from gateway.store import payments_reads as reads
from gateway.store.api import AuditRow
from gateway.store.errors import Moved

_PAGE = 100
_STUCK = "payments.stuck"


async def look_after(parts: Parts) -> None:
    """One round; everything is read from the store, so it may begin at any moment."""
    for batch_id, delivery_id, reply_id, state in await parts.store.ask(reads.released, _PAGE):
        await alone(parts.log, _STUCK, _follow(parts, batch_id, delivery_id, reply_id, state), batch=batch_id)
    for delivery_id in await parts.store.ask(reads.proved, _PAGE):
        await alone(parts.log, _STUCK, parts.took_effect(delivery_id), delivery=delivery_id)
    for row, ended in await parts.store.ask(reads.touched, _PAGE):
        await alone(parts.log, _STUCK, reports.report(parts, row, ended=ended), message=row.message_id)


async def _follow(parts: Parts, batch_id: str, delivery_id: str, reply_id: str | None, state: str) -> None:
    if reply_id is not None:
        await _book_reply(parts, batch_id, reply_id)
    if state == "accepted":
        await _submitted(parts, batch_id, delivery_id)
    else:
        await _failed(parts, batch_id, delivery_id, state)


async def _submitted(parts: Parts, batch_id: str, delivery_id: str) -> None:
    entry = _entry(parts, "batch.submitted", batch_id, delivery_id)
    await parts.store.work(booking.submitted, batch_id, parts.now, (entry,))


async def _failed(parts: Parts, batch_id: str, delivery_id: str, state: str) -> None:
    entry = _entry(parts, "batch.failed", batch_id, delivery_id)
    try:
        await parts.store.work(booking.failed, batch_id, f"rejected.batch-{state}", parts.now, (entry,))
        parts.log.warning("payments.batch_failed", batch=batch_id)
    except Moved:  # the bank has spoken about items of it, so it does have it
        await _submitted(parts, batch_id, delivery_id)


async def _book_reply(parts: Parts, batch_id: str, reply_id: str) -> None:
    """A bank may give results with its answer to the batch, or to a query."""
    row = await parts.store.message(reply_id)
    reply: Message | None = None if row is None else parts.open_message(row.body, row.id)
    if reply is None or not isinstance(reply.data, (BatchReturned, StatusReported)):
        return
    if reply.data.batch_id is None:
        reply = structs.replace(reply, data=structs.replace(reply.data, batch_id=batch_id))
    await results.take(parts, reply)


def _entry(parts: Parts, event: str, batch_id: str, delivery_id: str) -> AuditRow:
    return parts.journal.entry(event, detail={"batch": batch_id, "delivery_id": delivery_id})

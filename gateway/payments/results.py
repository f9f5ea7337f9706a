"""What a bank says became of a batch, booked record by record, each once.

A chunk is read, decided by the machine on what the store has, and committed under the guard of what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.internet.threads import deferToThread

from gateway.books.intake import CHINA, Intake
from gateway.canonical import Message
from gateway.canonical.payment import BatchReturned, PaymentResult, StatusReported, outcome
from gateway.payments.lifecycle import BUILT, CANCELLED, FAILED, RELEASED
from gateway.payments.parts import Parts
from gateway.payments.posting import Posting
from gateway.store import payments_booking as booking
from gateway.store import payments_reads as reads
from gateway.store.errors import Moved
from gateway.store.payments import BatchRow
from gateway.store.payments_reads import Booked

#: A chunk whose items have moved since they were read is decided anew so many times; then the delivery is.
_TRIES = 3
#: Why an item is refused that a final return leaves out.
MISSING = "rejected.missing"
#: A bank has no such batch, as far as we know.
_NOT_THERE = (BUILT, CANCELLED, FAILED)

Find = Callable[[PaymentResult], Sequence[Booked]]


async def take(parts: Parts, message: Message) -> None:
    """Books a `payment.batch.returned.v1` or `payment.status.reported.v1`."""
    body = message.data
    assert isinstance(body, (BatchReturned, StatusReported))
    intake = Intake(parts, message)
    if not await intake.begin():
        return
    batch = None if body.batch_id is None else await parts.store.ask(reads.batch, body.batch_id)
    if batch is not None and batch.bank != message.partner:
        batch = None
    if body.batch_id is not None and batch is None:
        await _of_the_whole(parts, intake, "unknown-batch", message.partner, body)
        return
    if batch is not None and batch.state in _NOT_THERE and not _names_items(message, body):
        refused_twice = batch.state == FAILED and outcome(body.status or "") == "rejected"
        kind = None if refused_twice else "contradiction" if batch.state == FAILED else "not-released"
        await _of_the_whole(parts, intake, kind, batch.account, body)
        return
    if batch is not None and batch.state == RELEASED and batch.delivery_id is not None:
        await parts.took_effect(batch.delivery_id)
    final = not isinstance(body, BatchReturned) or body.stage.partition(".")[0] == "final"
    day = _day(message, body)

    async def take_chunk(chunk: list[PaymentResult]) -> None:
        for attempt in range(_TRIES):
            find = await _finder(parts, batch, chunk, message.partner)
            posting = Posting(parts, message, intake.position, len(chunk), batch)
            # In a thread: thousands of words are no work for the reactor's.
            await deferToThread(_decide, posting, find, batch, chunk, final=final, day=day)
            try:
                await posting.commit()
                return
            except Moved:
                if attempt == _TRIES - 1:
                    raise

    await intake.each(body.results, PaymentResult, take_chunk)
    await _finish(parts, intake, batch, body)


def _decide(
    posting: Posting,
    find: Find,
    batch: BatchRow | None,
    chunk: Sequence[PaymentResult],
    *,
    final: bool,
    day: str,
) -> None:
    for result in chunk:
        items = find(result)
        if len(items) == 1:
            posting.book(items[0], result, final=final, day=day)
        else:
            posting.differ(
                "ambiguous" if items else "unknown-item",
                posting.bank if batch is None else batch.account,
                reference=result.end_to_end_id or result.bank_reference or str(result.sequence),
                theirs=result.status,
                batch_id=None if batch is None else batch.id,
            )


async def _finder(parts: Parts, batch: BatchRow | None, chunk: Sequence[PaymentResult], bank: str) -> Find:
    """How the items of a chunk are found: by number in the batch, else by end-to-end id, in the batch or at the bank."""
    numbers = sorted({r.sequence for r in chunk if r.sequence is not None}) if batch is not None else []
    references = sorted(
        {
            r.end_to_end_id
            for r in chunk
            if r.end_to_end_id is not None and (batch is None or r.sequence is None)
        }
    )
    ask = parts.store.ask
    if batch is None:
        ours = {account.name for account in parts.accounts_of(bank)}
        named = await ask(reads.booked_anywhere, "end_to_end_id", references)
        by_reference = _grouped((item.end_to_end_id, item) for item in named if item.account in ours)
        return lambda result: by_reference.get(result.end_to_end_id or "", ())
    found = await ask(reads.booked_by_sequence, batch.id, numbers) if numbers else []
    by_number = {item.batch_sequence: (item,) for item in found}
    named = await ask(reads.booked_by_reference, batch.id, references) if references else []
    in_batch = _grouped((item.end_to_end_id, item) for item in named)

    def find(result: PaymentResult) -> Sequence[Booked]:
        if result.sequence is None:
            return in_batch.get(result.end_to_end_id or "", ())
        items = by_number.get(result.sequence, ())
        # A number and a name that do not belong together name nobody.
        return [item for item in items if result.end_to_end_id in (None, item.end_to_end_id)]

    return find


def _grouped(pairs: Iterable[tuple[str, Booked]]) -> Mapping[str, list[Booked]]:
    groups: dict[str, list[Booked]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return groups


def _day(message: Message, body: BatchReturned | StatusReported) -> str:
    """The day money moved where the bank does not say: that of its return."""
    said = body.returned_on if isinstance(body, BatchReturned) else None
    return (said or message.time.astimezone(CHINA).date()).isoformat()


def _names_items(message: Message, body: BatchReturned | StatusReported) -> bool:
    attached = message.attachment is not None and bool(message.attachment.records)
    return attached or bool(body.results)


async def _of_the_whole(
    parts: Parts, intake: Intake, kind: str | None, account: str, body: BatchReturned | StatusReported
) -> None:
    """A word on a batch that the bank should not have: nothing of it is booked."""
    posting = Posting(parts, intake.message, intake.position, 0)
    if kind is not None:
        posting.differ(kind, account, batch_id=body.batch_id, theirs=body.status)
    await posting.commit(last=True)


async def _finish(
    parts: Parts, intake: Intake, batch: BatchRow | None, body: BatchReturned | StatusReported
) -> None:
    """What the words on the batch as a whole mean for items without one of their own."""
    message = intake.message
    whole = isinstance(body, StatusReported) and not _names_items(message, body)
    if batch is not None and whole and body.status and outcome(body.status) != "partial":
        await _whole(parts, intake, batch, body)
    # A return that names nobody says nothing of those it leaves out, nor does one beside the final one (`final.refund`).
    if batch is not None and isinstance(body, BatchReturned) and body.stage == "final" and intake.position:
        account = parts.account(batch.account)
        if account is not None and account.missing_in_final == "failed":
            await parts.store.work(booking.missing, message.id, batch.id, MISSING, parts.now)
    batch_id = None if batch is None else batch.id
    await parts.store.work(booking.end_results, message.id, batch_id, body.bank_reference, parts.now)
    parts.log.info("payments.booked", message=message.id, batch=body.batch_id, count=intake.position)


async def _whole(parts: Parts, intake: Intake, batch: BatchRow, body: BatchReturned | StatusReported) -> None:
    """A status report without items: each has the batch's status."""
    items = await parts.store.ask(reads.booked_of, batch.id)
    said = PaymentResult(status=body.status or "", raw_code=body.raw_code, raw_text=body.raw_text)
    day = _day(intake.message, body)
    for start in range(intake.position, len(items), parts.chunk):
        chunk = items[start : start + parts.chunk]
        posting = Posting(parts, intake.message, start, len(chunk), batch)
        for item in chunk:
            posting.book(item, said, final=True, day=day)
        await posting.commit()

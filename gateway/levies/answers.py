"""What the network says of debits, booked one by one, each word once. A word may come before its debit is known: it is
kept, and booked when the debit is there."""

from __future__ import annotations

import datetime as dt

from twisted.internet.threads import deferToThread

from gateway.books.intake import Intake
from gateway.canonical import Message
from gateway.canonical.levy import DebitAnswered, DebitBatchReturned, DebitResult, DebitReversalAnswered
from gateway.levies.lifecycle import REJECTED
from gateway.levies.parts import Parts
from gateway.levies.posting import Posting, Said
from gateway.levies.settings import CollectorSettings
from gateway.store import levies_booking as booking
from gateway.store import levies_reads as reads
from gateway.store.errors import Moved
from gateway.store.levies import Book, EarlyRow, PackageRow
from gateway.store.levies_reads import Booked

#: A chunk whose debits have moved since they were read is decided anew so many times; then the delivery is.
_TRIES = 3


async def take_answer(parts: Parts, message: Message) -> None:
    """Books a `levy.debit.answered.v1`."""
    body = message.data
    assert isinstance(body, DebitAnswered)
    begun = await begin(parts, message, body.collector_code)
    if begun is None:
        return
    intake, collector = begun
    day = body.entrusted_on.isoformat()
    said = Said(
        parts.codes.of_answer(body.raw_code, body.entrusted_on),
        body.raw_code,
        debited_on=body.debited_on,
        text=body.raw_text,
        attempt=(day, body.serial),
    )
    posting = Posting(parts, message.id, collector)
    found = await parts.store.ask(reads.booked, collector.name, [body.voucher_no])
    if found:
        posting.book(found[0], said)
    else:
        posting.wait(said, day, body.serial, body.voucher_no)
    await posting.commit(intake.position, 1, last=True)


async def take_reversal(parts: Parts, message: Message) -> None:
    """Books a `levy.reversal.answered.v1`."""
    body = message.data
    assert isinstance(body, DebitReversalAnswered)
    begun = await begin(parts, message, body.collector_code)
    if begun is None:
        return
    intake, collector = begun
    day = body.original_entrusted_on.isoformat()
    word = parts.codes.of_reversal(body.raw_code, body.asked_on)
    said = Said(word, body.raw_code, text=body.raw_text)
    posting = Posting(parts, message.id, collector)
    found = await parts.store.ask(reads.single, collector.name, day, body.original_serial)
    if len(found) == 1:
        posting.book(found[0], said)
    elif found:
        posting.differ("ambiguous", reference=body.original_serial, theirs=word)
    else:
        posting.wait(said, day, body.original_serial, None)
    await posting.commit(intake.position, 1, last=True)


async def begin(parts: Parts, message: Message, code: str) -> tuple[Intake, CollectorSettings] | None:
    """Begins to take in what the network says to a collector; None where all of it is in already, or where there is no such
    collector here, which people are told of."""
    intake = Intake(parts, message)
    if not await intake.begin():
        return None
    collector = parts.collector(message.partner, code)
    if collector is None:
        await unknown_collector(parts, intake, code)
        return None
    return intake, collector


async def unknown_collector(parts: Parts, intake: Intake, code: str) -> None:
    """Nothing of the message is booked."""
    message = intake.message
    unit = Book(
        collector=message.partner,
        receipts="",
        message_id=message.id,
        position=intake.position,
        after=intake.position + 1,
        differences=(parts.difference("unknown-collector", message.partner, message.id, reference=code),),
        at=parts.now,
        last=True,
    )
    await parts.store.work(booking.book, unit)


async def take_early(parts: Parts, row: EarlyRow, voucher_no: str) -> None:
    """Books a word that had come too early."""
    collector = parts.named(row.collector)
    assert collector is not None
    text = None if row.text is None else parts.seals.open_text(bytes(row.text), row.message_id)
    said = Said(
        row.word,
        row.code,
        debited_on=None if row.debited_on is None else dt.date.fromisoformat(row.debited_on),
        text=text,
        attempt=(row.entrusted_on, row.serial),
    )
    [debit] = await parts.store.ask(reads.booked, collector.name, [voucher_no])
    posting = Posting(parts, row.message_id, collector)
    posting.book(debit, said)
    await posting.commit(0, 0, waited=row.n)


async def take_return(parts: Parts, message: Message) -> None:
    """Books a `levy.batch.returned.v1`."""
    body = message.data
    assert isinstance(body, DebitBatchReturned)
    begun = await begin(parts, message, body.collector_code)
    if begun is None:
        return
    intake, collector = begun
    day = body.original_entrusted_on.isoformat()
    package = await parts.store.ask(reads.package, collector.name, day, body.original_batch_no)
    if package is None:
        posting = Posting(parts, message.id, collector)
        posting.differ("unknown-package", batch_no=body.original_batch_no, theirs=body.raw_code)
        await posting.commit(intake.position, 1, last=True)
        return
    await parts.took_effect(package.delivery_id)
    kept = message.attachment
    results = bool(body.results or (kept is not None and kept.records))
    if results:

        async def take_chunk(chunk: list[DebitResult]) -> None:
            await _book(parts, intake, collector, package, chunk, body.entrusted_on)

        await intake.each(body.results, DebitResult, take_chunk)
    elif parts.codes.of_answer(body.raw_code, body.entrusted_on) == REJECTED:
        await _refused(parts, intake, collector, package, body)
    key = (collector.name, package.entrusted_on, package.batch_no)
    await parts.store.work(booking.answered, *key, results, message.id)
    parts.log.info("levies.booked", message=message.id, package=package.batch_no, count=intake.position)


async def _book(
    parts: Parts,
    intake: Intake,
    collector: CollectorSettings,
    package: PackageRow,
    chunk: list[DebitResult],
    day: dt.date,
) -> None:
    vouchers = sorted({result.voucher_no for result in chunk})
    for attempt in range(_TRIES):
        rows = await parts.store.ask(reads.booked, collector.name, vouchers)
        mine = {
            row.voucher_no: row
            for row in rows
            if (row.package, row.entrusted_on) == (package.batch_no, package.entrusted_on)
        }
        posting = Posting(parts, intake.message.id, collector)
        await deferToThread(_decide, parts, posting, mine, package, chunk, day)
        try:
            await posting.commit(intake.position, len(chunk))
            return
        except Moved:
            if attempt == _TRIES - 1:
                raise


def _decide(
    parts: Parts,
    posting: Posting,
    mine: dict[str, Booked],
    package: PackageRow,
    chunk: list[DebitResult],
    day: dt.date,
) -> None:
    for result in chunk:
        word = parts.codes.of_detail(result.raw_code, day)
        debit = mine.get(result.voucher_no)
        if debit is None:
            posting.differ(
                "unknown-debit", reference=result.voucher_no, batch_no=package.batch_no, theirs=word
            )
            continue
        said = Said(
            word,
            result.raw_code,
            debited_on=result.debited_on,
            text=result.raw_text,
            amount=result.amount,
        )
        posting.book(debit, said)


async def _refused(
    parts: Parts, intake: Intake, collector: CollectorSettings, package: PackageRow, body: DebitBatchReturned
) -> None:
    """The package was refused as a whole: so is each of its debits; but not where the network has spoken about some of them
    before: then it did take the package, and what is left of it is for the check of the day."""
    said = Said(REJECTED, body.raw_code, text=body.raw_text)
    key = (collector.name, package.entrusted_on, package.batch_no)
    if package.answered:
        left = await parts.store.ask(reads.open_of, *key, 1)
        if left and not intake.position:
            posting = Posting(parts, intake.message.id, collector)
            posting.differ("contradiction", batch_no=package.batch_no, ours="sent", theirs=REJECTED)
            await posting.commit(intake.position, 1)
            intake.position += 1
        return
    while rows := await parts.store.ask(reads.open_of, *key, parts.chunk):
        posting = Posting(parts, intake.message.id, collector)
        for row in rows:
            posting.book(row, said)
        await posting.commit(intake.position, len(rows))
        intake.position += len(rows)

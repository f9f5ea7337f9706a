"""What goes back to the agency: one message with the results of a file, once every debit of it has an end; and what became
of a real-time debit that only the day's check has settled. All others were answered by the network itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace
from twisted.internet.threads import deferToThread

from gateway.canonical import Message
from gateway.canonical.levy import DebitAnswered, DebitBatchReturned, DebitBatchSubmitted
from gateway.contract import Reject
from gateway.levies.lifecycle import REFUSED, REJECTED
from gateway.levies.parts import Parts
from gateway.levies.results import Ended, answered, returned
from gateway.store import levies_changes as changes
from gateway.store import levies_reads as reads
from gateway.store.api import Accept
from gateway.store.levies import DebitRow, FileRow
from gateway.store.levies_days import LISTED, NOT_LISTED

_PAGE: Final = 5_000
#: Results of one body; more are records beside it.
LARGEST: Final = 10_000
_SINGLE: Final = "single"


async def report(parts: Parts, row: FileRow, *, ended: bool) -> None:
    """A file whose debits have all come to an end is reported; again, where one of them was undone later.

    Raises:
        RuntimeError: the debits are not those of the file: nothing is told, and people have to look.
    """
    if (
        not ended
        or not (row.count or row.repeated)
        or (row.state == _SINGLE and not await _settled_by_check(parts, row))
    ):
        await parts.store.work(changes.looked, row.message_id, row.touched)
        return
    found = await _ended(parts, row)
    own = [one.debit.amount for one in found if one.debit.file == row.message_id]
    if (len(own), sum(own), len(found)) != (row.count, row.total, row.count + row.repeated):
        raise RuntimeError("the file's totals do not agree with its debits")
    make: Callable[..., DebitAnswered | DebitBatchReturned] = answered if row.state == _SINGLE else returned
    message = await _message(parts, row, await deferToThread(make, parts, row, found))
    told = parts.dispatch(message, row.proposer)
    units = [] if told is None else [told[0]]
    if await parts.store.work(changes.report, row.message_id, row.touched, units) and told is not None:
        told[1]()
        parts.log.info("levies.reported", message=row.message_id, count=row.count)


async def _message(parts: Parts, row: FileRow, body: DebitAnswered | DebitBatchReturned) -> Message:
    kept = None
    if isinstance(body, DebitBatchReturned) and len(body.results) > LARGEST:
        kept = await parts.keep(body.results)
        body = replace(body, results=())
    original = await parts.store.message(row.message_id)
    erased = original is None or not original.body
    return parts.message(
        body,
        key=f"return/{row.message_id}/{row.reports + 1}",
        subject=row.batch_no,
        region=row.region,
        cause=None if erased else parts.open_message(original.body, original.id),
        attachment=kept,
    )


async def _settled_by_check(parts: Parts, row: FileRow) -> bool:
    [debit] = await parts.store.ask(reads.debits_of, row.message_id, ("", 0), 1)
    words = await parts.store.ask(reads.history, debit.id)
    return bool(words) and words[-1].word in (LISTED, NOT_LISTED)


async def _ended(parts: Parts, row: FileRow) -> list[Ended]:
    """The debits of a file, in its order; with those that another file had before."""
    found: list[DebitRow] = list(await parts.store.ask(reads.repeats_of, row.message_id))
    after = ("", 0)
    while page := await parts.store.ask(reads.debits_of, row.message_id, after, _PAGE):
        found += page
        after = (page[-1].bank, page[-1].number)
    found.sort(key=lambda debit: debit.number)
    refused = [debit.id for debit in found if debit.state == REFUSED]
    texts: dict[str, bytes] = {}
    for start in range(0, len(refused), _PAGE):
        texts |= await parts.store.ask(reads.texts, refused[start : start + _PAGE], REFUSED)
    return [Ended(debit, texts.get(debit.id)) for debit in found]


def refused(
    parts: Parts, message: Message, body: DebitBatchSubmitted, refusal: Reject
) -> tuple[Accept, Callable[[], None]] | None:
    """Tells the agency that nothing of its file was taken in, and why. None where no route takes it there."""
    today = parts.here().date()
    told = DebitBatchReturned(
        payer_bank_line_no=body.payer_bank_line_no,
        entrusted_on=today,
        batch_no=body.batch_no,
        collector_code=body.collector_code,
        original_entrusted_on=body.entrusted_on,
        original_batch_no=body.batch_no,
        raw_code=parts.codes.saying(REJECTED, today),
        raw_text=refusal.both[:500],
    )
    key = f"return/{message.id}/0"
    made = parts.message(told, key=key, subject=body.batch_no, region=message.region, cause=message)
    return parts.dispatch(made, message.partner)

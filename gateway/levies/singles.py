"""Real-time debits: they go to the network by themselves, and the book gets a copy.

It can refuse nothing: a refusal would be taken for the network's answer. What it cannot register is a difference.
"""

from __future__ import annotations

from gateway.books.intake import Intake
from gateway.canonical import Message
from gateway.canonical.levy import DebitAsked
from gateway.levies.answers import unknown_collector
from gateway.levies.lifecycle import ASKED
from gateway.levies.parts import Parts
from gateway.levies.posting import Posting
from gateway.levies.rows import debit_row
from gateway.levies.seals import as_detail
from gateway.store import levies_changes as changes
from gateway.store.levies import FileRow

#: What the book says of a voucher number that it has already.
_KINDS = {"again": "asked-again", "conflict": "voucher-taken"}


async def take(parts: Parts, message: Message) -> None:
    """Registers the copy of a `levy.debit.asked.v1`."""
    body = message.data
    assert isinstance(body, DebitAsked)
    intake = Intake(parts, message)
    if not await intake.begin():
        return
    collector = next((c for c in parts.settings.collectors if c.collector_code == body.collector_code), None)
    if collector is None:
        await unknown_collector(parts, intake, body.collector_code)
        return
    row = debit_row(
        parts,
        as_detail(body),
        bank=body.payer_bank_line_no,
        collector=collector.name,
        way="single",
        proposer=message.partner,
        file=message.id,
        number=1,
        entrusted_on=body.entrusted_on.isoformat(),
        state=ASKED,
    )
    file = FileRow(
        message_id=message.id,
        proposer=message.partner,
        region=message.region,
        collector=collector.name,
        entrusted_on=row.entrusted_on,
        batch_no=body.serial,
        payer_bank_line_no=row.bank,
        count=1,
        total=row.amount,
        state="single",
        created=row.created,
    )
    known = await parts.store.work(changes.ask, file, row, collector.partner)
    posting = Posting(parts, message.id, collector)
    if known in _KINDS:
        posting.differ(_KINDS[known], reference=body.voucher_no, theirs=str(body.amount))
    await posting.commit(intake.position, 1, last=True)

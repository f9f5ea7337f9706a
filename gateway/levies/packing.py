"""A registered file goes to the network: packages for one payer's bank and of as many debits as it takes, each a message
of its own.

Package, its message, the delivery and the debits' places are one transaction: so a debit is in one package, and a package
is sent once.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from twisted.internet.threads import deferToThread

from gateway.books.desk import Later
from gateway.books.intake import refuse_if_stopping
from gateway.canonical import Message
from gateway.canonical.levy import BatchDebit, DebitBatchSubmitted
from gateway.levies.parts import Parts
from gateway.levies.settings import CollectorSettings
from gateway.store import changes as serials
from gateway.store import levies_changes as changes
from gateway.store import levies_reads as reads
from gateway.store.levies import DebitRow, PackageRow


async def pack(
    parts: Parts, message: Message, body: DebitBatchSubmitted, collector: CollectorSettings
) -> None:
    """Sends what is left of a file; begun anew it goes on where it was stopped.

    Raises:
        Later: the network's partner takes no packages, or is disabled.
        PartnerDown: the gateway stops.
        Moved: somebody else is packing the same file.
    """
    after = ("", 0)
    while rows := await parts.store.ask(reads.unpacked, message.id, after, collector.max_items):
        refuse_if_stopping(parts)
        await _package(parts, message, body, collector, rows)
        after = (rows[-1].bank, rows[-1].number)
    await parts.store.work(changes.packed, message.id)


async def _package(
    parts: Parts,
    message: Message,
    body: DebitBatchSubmitted,
    collector: CollectorSettings,
    rows: Sequence[DebitRow],
) -> None:
    day = body.entrusted_on.isoformat()
    serial = await parts.store.work(serials.reserve, f"levy-package/{collector.name}/{day}", 1)
    batch_no = f"{serial:08}"
    debits = await deferToThread(_opened, parts, rows)
    package = replace(body, batch_no=batch_no, payer_bank_line_no=rows[0].bank, debits=debits)
    key = f"package/{collector.name}/{day}/{batch_no}"
    made = parts.message(package, key=key, subject=batch_no, region=message.region, cause=message)
    given = parts.send(made, collector.partner)
    if given is None:
        raise Later(
            f"伙伴 {collector.partner} 不接收 levy.batch.submitted.v1，或已停用"
            f" / partner {collector.partner} takes no levy.batch.submitted.v1, or is disabled",
            after=60.0,
        )
    unit, publish = given
    [delivery] = [row for row in unit.deliveries if row.partner == collector.partner]
    row = PackageRow(
        collector=collector.name,
        entrusted_on=day,
        batch_no=batch_no,
        file=message.id,
        count=len(rows),
        total=sum(row.amount for row in rows),
        message_id=made.id,
        delivery_id=delivery.id,
        created=parts.now,
        updated=parts.now,
    )
    await parts.store.work(changes.pack, row, [row.id for row in rows], unit)
    publish()


def _opened(parts: Parts, rows: Sequence[DebitRow]) -> tuple[BatchDebit, ...]:
    return tuple(replace(parts.seals.open(row.sealed, row.id), payer_bank_line_no=None) for row in rows)

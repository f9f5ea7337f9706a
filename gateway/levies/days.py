"""The network's working days, and what it has booked on each. The comparing itself is the store's (`levies_days`)."""

from __future__ import annotations

from gateway.canonical import Message
from gateway.canonical.levy import CheckedDebit, DebitsChecked
from gateway.canonical.levy_network import WorkingDayChanged
from gateway.levies.answers import begin
from gateway.levies.parts import Parts
from gateway.levies.settings import CollectorSettings
from gateway.store import levies_changes as changes
from gateway.store import levies_days as days
from gateway.store.levies import EndPart, Line, PartRow


async def take_day(parts: Parts, message: Message) -> None:
    """A `levy.working_day.changed.v1`: what had not gone out when it came goes out on the new day."""
    body = message.data
    assert isinstance(body, WorkingDayChanged)
    collectors = [c.name for c in parts.settings.collectors if c.partner == message.partner]
    day, since = body.working_day.isoformat(), int(message.time.timestamp() * 1000)
    await parts.store.work(changes.new_day, message.partner, collectors, day, since, parts.now)


async def take_part(parts: Parts, message: Message) -> None:
    """A `levy.day.checked.v1`: one part; with the last one, in whatever order they come, the day is compared."""
    body = message.data
    assert isinstance(body, DebitsChecked)
    begun = await begin(parts, message, body.collector_code)
    if begun is None:
        return
    intake, collector = begun
    async for chunk in intake.chunks(body.debits, CheckedDebit):
        lines = [_line(collector, message.id, n, debit) for n, debit in enumerate(chunk, intake.position + 1)]
        after = intake.position + len(chunk)
        await parts.store.work(days.take_lines, message.id, intake.position, after, lines)
        intake.position = after
    count, total = await parts.store.ask(days.sums, message.id)
    part = PartRow(
        collector=collector.name,
        day=body.checked_on.isoformat(),
        batch_no=body.batch_no,
        part_no=body.part_no,
        part_count=body.part_count,
        total_count=body.total_count,
        total=body.total,
        message_id=message.id,
        count=count,
        sum=total,
        created=int(message.time.timestamp() * 1000),
    )
    unit = EndPart(
        part=part,
        position=intake.position,
        partner=collector.partner,
        receipts=collector.receipt_prefix,
        package_days=collector.package_days,
        at=parts.now,
    )
    found = await parts.store.work(days.end_part, unit)
    parts.log.info(
        "levies.part",
        message=message.id,
        collector=collector.name,
        day=part.day,
        part=f"{part.part_no}/{part.part_count}",
        result=found.word,
        settled=found.settled,
        differences=found.differences,
    )


def _line(collector: CollectorSettings, message_id: str, number: int, debit: CheckedDebit) -> Line:
    return Line(
        message_id,
        number,
        debit.voucher_no,
        debit.amount,
        debit.state,
        int(collector.booked(debit.state)),
        None if debit.debited_on is None else debit.debited_on.isoformat(),
    )

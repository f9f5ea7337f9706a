"""What the book does without being told by a message: debits follow their deliveries and doubtful deliveries their
debits, words that came too early are booked, agencies are told, a check that is late is shown."""

from __future__ import annotations

import datetime as dt
from typing import Final

from gateway.books.intake import alone
from gateway.levies import answers, reports
from gateway.levies.lifecycle import REFUSED, REVERSED, SENT
from gateway.levies.parts import Parts
from gateway.levies.settings import CollectorSettings
from gateway.store import levies_booking as booking
from gateway.store import levies_days as days
from gateway.store import levies_due as due
from gateway.store import levies_reads as reads
from gateway.store.api import AuditRow
from gateway.store.errors import Moved
from gateway.store.levies import PackageRow

_PAGE: Final = 100
_STUCK: Final = "levies.stuck"
#: After so long a word whose debit has not come is shown to people; it waits on.
_PATIENCE_MS: Final = 10 * 60_000
#: What a real-time debit is after its delivery has ended so, as long as no word on it has come.
_AFTER: Final = {"accepted": SENT, "rejected": REFUSED, "reversed": REVERSED}


async def look_after(parts: Parts) -> None:
    """One round; everything is read from the store, so it may begin at any moment."""
    for row, voucher_no in await parts.store.ask(due.early, _PAGE):
        await alone(parts.log, _STUCK, answers.take_early(parts, row, voucher_no), message=row.message_id)
    await alone(parts.log, _STUCK, _tell_of_early(parts))
    for package, state in await parts.store.ask(due.ended_packages, _PAGE):
        await alone(parts.log, _STUCK, _follow(parts, package, state), package=package.batch_no)
    for collector in parts.settings.collectors:
        await _singles(parts, collector)
        await alone(parts.log, _STUCK, _late(parts, collector), collector=collector.name)
    for partner in sorted({collector.partner for collector in parts.settings.collectors}):
        for delivery_id, took in await parts.store.ask(due.unsettled, partner, _PAGE):
            settle = parts.took_effect if took else parts.had_no_effect
            await alone(parts.log, _STUCK, settle(delivery_id), delivery=delivery_id)
    for file, ended in await parts.store.ask(due.touched, _PAGE):
        await alone(parts.log, _STUCK, reports.report(parts, file, ended=ended), message=file.message_id)


async def _tell_of_early(parts: Parts) -> None:
    rows = await parts.store.ask(due.untold, parts.now - _PATIENCE_MS, _PAGE)
    if rows:
        found = [
            parts.difference(
                "unknown-debit",
                row.collector,
                row.message_id,
                reference=row.voucher_no or row.serial,
                theirs=row.word,
            )
            for row in rows
        ]
        await parts.store.work(booking.told, [row.n for row in rows], found)


async def _follow(parts: Parts, package: PackageRow, state: str) -> None:
    key = (package.collector, package.entrusted_on, package.batch_no)
    if state == "accepted":
        entry = _entry(parts, "levies.package_sent", package)
        await parts.store.work(booking.package_sent, *key, (entry,))
        return
    entry = _entry(parts, "levies.package_failed", package)
    try:
        await parts.store.work(booking.package_failed, *key, parts.now, (entry,))
        parts.log.warning("levies.package_failed", package=package.batch_no)
    except Moved:  # the network has spoken about debits of it, so it does have it
        entry = _entry(parts, "levies.package_sent", package)
        await parts.store.work(booking.package_sent, *key, (entry,))


def _entry(parts: Parts, event: str, package: PackageRow) -> AuditRow:
    detail: dict[str, str | int] = {
        "collector": package.collector,
        "package": package.batch_no,
        "day": package.entrusted_on,
        "delivery_id": package.delivery_id,
    }
    return parts.journal.entry(event, message=package.message_id, detail=detail)


async def _singles(parts: Parts, collector: CollectorSettings) -> None:
    for debit_id, delivery_id, state in await parts.store.ask(
        due.ended_singles, collector.name, collector.partner, _PAGE
    ):
        entry = parts.journal.entry(
            "levies.single_ended",
            detail={"debit": debit_id, "delivery_id": delivery_id, "state": _AFTER[state]},
        )
        work = parts.store.work(booking.single_ended, debit_id, _AFTER[state], parts.now, (entry,))
        await alone(parts.log, _STUCK, work, debit=debit_id)


async def _late(parts: Parts, collector: CollectorSettings) -> None:
    """Shows days whose check should have been complete by now."""
    here = parts.here()
    until = here.date() if f"{here:%H:%M}" >= collector.check_by else here.date() - dt.timedelta(days=1)
    for day in await parts.store.ask(due.awaited, collector.name, until.isoformat()):
        there = await parts.store.ask(reads.parts, collector.name, day)
        latest = [part for part in there if part.batch_no == there[-1].batch_no]
        row = parts.difference(
            "late",
            collector.name,
            latest[-1].message_id if latest else "",
            day=day,
            ours=f"{len(latest)}",
            theirs=f"{latest[-1].part_count}" if latest else None,
        )
        entry = parts.journal.entry("levies.day_late", detail={"collector": collector.name, "day": day})
        await parts.store.work(days.late, row, collector.name, day, (entry,))
        parts.log.warning("levies.day_late", collector=collector.name, day=day, parts=len(latest))

"""A day as the bank booked it, against ours. The comparing itself is the store's, set by set (`payments_days`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from gateway.books.intake import CHINA, Intake
from gateway.canonical import Message
from gateway.canonical.account import Entry, StatementReported
from gateway.canonical.payment import ReconciliationLine, ReconciliationReported, outcome
from gateway.payments.parts import Parts
from gateway.payments.settings import AccountSettings
from gateway.store import payments_days as days
from gateway.store.payments import Compare, Line

#: An entry has fewer transactions than this: numbers a line the same way, however often it is taken in.
_TRANSACTIONS = 1_000_000


async def take(parts: Parts, message: Message) -> None:
    """Compares a `payment.reconciliation.reported.v1`."""
    body = message.data
    assert isinstance(body, ReconciliationReported)
    intake = Intake(parts, message)
    if not await intake.begin():
        return

    async def take_chunk(chunk: list[ReconciliationLine]) -> None:
        lines = [
            Line(
                message.id,
                n,
                line.end_to_end_id,
                line.bank_reference,
                line.amount,
                _outcome(line),
            )
            for n, line in enumerate(chunk, intake.position + 1)
        ]
        await _take_lines(intake, lines, len(chunk))

    await intake.each(body.lines, ReconciliationLine, take_chunk)
    accounts = parts.accounts_of(message.partner, body.initiating_party_id)
    await compare(parts, intake, accounts, body.reconciled_on)


def _outcome(line: ReconciliationLine) -> str:
    """A bank that gives no status lists what it has paid, and what came back as less than nothing."""
    if line.status is None:
        return "settled" if line.amount >= 0 else "returned"
    return outcome(line.status)


def day_of(statement: StatementReported) -> dt.date:
    """The day a statement closes."""
    closing = [balance.on for balance in statement.balances if balance.kind == "CLBD"]
    return max(closing) if closing else (statement.until or statement.created_at).astimezone(CHINA).date()


async def take_entries(intake: Intake, entries: Sequence[Entry], day: dt.date) -> None:
    """Keeps the single payments of these entries, as lines of the day that will be compared."""
    lines = list(_lines(intake, entries, day))
    if lines:
        await _take_lines(intake, lines, 0)


def _lines(intake: Intake, entries: Sequence[Entry], day: dt.date) -> Iterator[Line]:
    for n, entry in enumerate(entries, intake.position):
        if entry.status != "booked" or entry.booked_on not in (None, day):
            continue
        for m, transaction in enumerate(entry.transactions):
            ours = transaction.end_to_end_id or transaction.batch_id
            if ours and transaction.return_reason is None and not entry.reversal:
                reference = transaction.bank_reference or entry.bank_reference
                number = n * _TRANSACTIONS + m
                yield Line(
                    intake.message.id,
                    number,
                    transaction.end_to_end_id,
                    reference,
                    transaction.amount,
                    "settled",
                )


async def _take_lines(intake: Intake, lines: Sequence[Line], count: int) -> None:
    await intake.parts.store.work(
        days.take_lines, intake.message.id, intake.position, intake.position + count, lines
    )


async def compare(parts: Parts, intake: Intake, accounts: Sequence[AccountSettings], day: dt.date) -> None:
    names = tuple(sorted(account.name for account in accounts))
    unit = Compare(
        message_id=intake.message.id,
        position=intake.position,
        name="+".join(names) or intake.message.partner,
        accounts=names or (intake.message.partner,),
        day=day.isoformat(),
        at=parts.now,
    )
    found = await parts.store.work(days.compare, unit)
    parts.log.info("payments.compared", message=intake.message.id, day=unit.day, differences=found)

"""What a statement or notification says of our items: money that came back (退票), and a day's payments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gateway.books.intake import Intake
from gateway.canonical import Message
from gateway.canonical.account import EntriesNotified, Entry, EntryTransaction, StatementReported
from gateway.canonical.payment import PaymentResult
from gateway.payments import reconciliation
from gateway.payments.parts import Parts
from gateway.payments.posting import Posting
from gateway.payments.settings import AccountSettings
from gateway.store import payments_booking as booking
from gateway.store import payments_reads as reads
from gateway.store.payments_reads import Booked

#: The side of our account on which money comes back: the other one may undo a return.
_BACK = {"credit-transfer": "credit", "direct-debit": "debit"}
#: ISO codes have four characters, banks' own not many more.
_CODE = re.compile(r"[A-Za-z0-9._-]{1,12}", re.ASCII)


async def take(parts: Parts, message: Message) -> None:
    """Books an `account.entries.notified.v1` or `account.statement.reported.v1`."""
    body = message.data
    assert isinstance(body, (EntriesNotified, StatementReported))
    intake = Intake(parts, message)
    if not await intake.begin():
        return
    account = next(
        (a for a in parts.settings.accounts if a.bank == message.partner and a.account_no == body.account_no),
        None,
    )
    comparing = None
    if isinstance(body, StatementReported) and account is not None and account.reconcile_by == "statement":
        comparing = reconciliation.day_of(body)
    if account is None:
        parts.log.warning("payments.account_unknown", message=message.id, bank=message.partner)

    async def take_chunk(chunk: list[Entry]) -> None:
        posting = Posting(parts, message, intake.position, len(chunk))
        if comparing is not None:
            await reconciliation.take_entries(intake, chunk, comparing)
        if account is not None:
            await _book(parts, posting, account, chunk)
        await posting.commit()

    await intake.each(body.entries, Entry, take_chunk)
    if account is not None and comparing is not None:
        await reconciliation.compare(parts, intake, [account], comparing)
    else:
        await parts.store.work(booking.end_results, message.id, None, None, parts.now)


async def _book(parts: Parts, posting: Posting, account: AccountSettings, chunk: Sequence[Entry]) -> None:
    """What came back of our items."""
    back = list(_returned(chunk))
    names = sorted({t.end_to_end_id for t, _ in back if t.end_to_end_id is not None})
    numbers = sorted({t.bank_reference for t, _ in back if t.bank_reference is not None})
    by_name = await parts.store.ask(reads.booked_anywhere, "end_to_end_id", names) if names else []
    by_number = await parts.store.ask(reads.booked_anywhere, "bank_reference", numbers) if numbers else []
    for transaction, entry in back:
        items = _fitting(account, transaction, by_name, by_number)
        if len(items) != 1:
            posting.differ(
                "ambiguous" if items else "unknown-item",
                account.name,
                reference=transaction.end_to_end_id or transaction.bank_reference,
                theirs="returned",
                batch_id=transaction.batch_id,
            )
            continue
        [item] = items
        if transaction.side != _BACK[item.kind]:
            posting.differ("contradiction", account.name, item, None, item.state, transaction.side)
            continue
        said = PaymentResult(
            end_to_end_id=item.end_to_end_id,
            amount=transaction.amount,
            status="returned",
            raw_code=_code(transaction.return_reason),
            raw_text=transaction.raw_text or entry.raw_text or transaction.return_reason,
        )
        day = None if entry.booked_on is None else entry.booked_on.isoformat()
        posting.book(item, said, final=True, day=day)


def _returned(entries: Sequence[Entry]) -> Iterator[tuple[EntryTransaction, Entry]]:
    """What came back with a reason, and what the bank undid (冲账) of what we asked for."""
    for entry in entries:
        if entry.status == "booked":
            for transaction in entry.transactions:
                undone = entry.reversal and (transaction.end_to_end_id or transaction.batch_id)
                if transaction.return_reason is not None or undone:
                    yield transaction, entry


def _code(reason: str | None) -> str | None:
    """A reason that is a code; what is a text may say anything, and is only kept sealed."""
    return reason if reason is not None and _CODE.fullmatch(reason) else None


def _fitting(
    account: AccountSettings,
    transaction: EntryTransaction,
    by_name: Sequence[Booked],
    by_number: Sequence[Booked],
) -> list[Booked]:
    """The items that can be meant: by their own number, else by the bank's."""
    if transaction.end_to_end_id is not None:
        named = [item for item in by_name if item.end_to_end_id == transaction.end_to_end_id]
    else:
        named = [item for item in by_number if item.bank_reference == transaction.bank_reference]
    return [
        item
        for item in named
        if item.account == account.name and transaction.batch_id in (None, item.batch_id)
    ]

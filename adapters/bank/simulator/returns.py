"""What the bank writes: returns, reconciliation, statements, notifications. Bodies only; mappings make files of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec.structs import replace

from adapters.bank.simulator.books import Booked
from adapters.bank.simulator.rules import Ruling
from gateway.canonical.account import (
    Balance,
    EntriesNotified,
    Entry,
    EntryTransaction,
    StatementReported,
    VerificationAnswered,
    VerificationAsked,
    VerifiedAccount,
)
from gateway.canonical.payment import (
    BatchReturned,
    PaymentBatch,
    PaymentItem,
    PaymentResult,
    ReconciliationLine,
    ReconciliationReported,
    StatusReported,
    outcome,
)
from mappings import Mapping
from mappings.plan import leaves

Ruled = list[tuple[PaymentItem, Ruling, str | None]]  #: with the bank's number of what was booked


def returned(batch: PaymentBatch, ruled: Ruled, day: dt.date, stage: str) -> BatchReturned:
    """The results of a batch."""
    results = tuple(_result(item, how, number, day) for item, how, number in ruled)
    settled = [r for r in results if r.status == "settled"]
    total = sum(r.amount or 0 for r in results)
    moved = sum(r.amount or 0 for r in settled)
    return BatchReturned(
        batch_id=batch.batch_id,
        initiating_party_id=batch.initiating_party_id,
        returned_on=day,
        stage=stage,
        number_of_transactions=len(results),
        control_sum=total,
        settled_count=len(settled),
        settled_sum=moved,
        failed_count=len(results) - len(settled),
        failed_sum=total - moved,
        results=results,
    )


def status(batch: PaymentBatch, ruled: Ruled, now: dt.datetime, original: str) -> StatusReported:
    """The same in the words of pain.002."""
    results = returned(batch, ruled, now.date(), "final").results
    words = {outcome(r.status) for r in results}
    return StatusReported(
        report_id=f"S{now:%Y%m%d%H%M%S%f}"[:35],
        created_at=now.replace(microsecond=0),
        batch_id=batch.batch_id,
        original_message=original,
        number_of_transactions=batch.number_of_transactions,
        control_sum=batch.control_sum,
        status=words.pop() if len(words) == 1 else "partial",
        results=tuple(
            replace(r, name=None, account_no=None, amount=None, settled_amount=None, settled_on=None)
            for r in results
        ),
    )


def verified(asked: VerificationAsked, rulings: list[Ruling], day: dt.date) -> VerificationAnswered:
    """Whose accounts they are."""
    return VerificationAnswered(
        request_id=asked.request_id,
        answered_on=day,
        initiating_party_id=asked.initiating_party_id,
        number_of_accounts=len(asked.accounts),
        accounts=tuple(
            VerifiedAccount(
                sequence=account.sequence,
                name=account.name,
                account_no=account.account_no,
                status="accepted" if how.status == "settled" else how.status,
                raw_code=how.code,
                raw_text=how.text,
            )
            for account, how in zip(asked.accounts, rulings, strict=True)
        ),
    )


def reconciliation(booked: list[Booked], day: dt.date, party: str) -> ReconciliationReported:
    """All payments of a day."""
    return ReconciliationReported(
        reconciled_on=day,
        initiating_party_id=party,
        number_of_transactions=len(booked),
        control_sum=sum(payment.amount for payment in booked),
        lines=tuple(
            ReconciliationLine(
                booked_on=day,
                bank_reference=payment.reference,
                end_to_end_id=payment.item,
                account_no=payment.account,
                amount=payment.amount,
                status="settled",
            )
            for payment in booked
        ),
    )


def statement(booked: list[Booked], day: dt.date, now: dt.datetime, own_account: str) -> StatementReported:
    """The account's entries of a day; its opening balance is invented."""
    opening, paid = 100_000_000_00, sum(payment.amount for payment in booked if not payment.returned)
    number = f"ST{day:%Y%m%d}"
    return StatementReported(
        message_id=number,
        created_at=now.replace(microsecond=0),
        statement_id=number,
        account_no=own_account,
        balances=(
            Balance(kind="OPBD", amount=opening, side="credit", on=day),
            Balance(kind="CLBD", amount=opening - paid, side="credit", on=day),
        ),
        entries=tuple(
            entry
            for payment in booked
            for entry in (_entry(payment, day, "debit"), _entry(payment, day, "credit"))[
                : 1 + payment.returned
            ]
        ),
    )


def notification(payment: Booked, day: dt.date, now: dt.datetime, own_account: str) -> EntriesNotified:
    """One payment that came back (退汇)."""
    number = f"NT{now:%Y%m%d%H%M%S%f}"[:35]
    return EntriesNotified(
        message_id=number,
        created_at=now.replace(microsecond=0),
        notification_id=number,
        account_no=own_account,
        entries=(_entry(payment, day, "credit"),),
    )


def write(mapping: Mapping, body: Any, envelope: dict[str, str]) -> bytes:
    """The file. What its format has no place for is left out; finer words become the format's own."""
    made = replace(body, **mapping.plan.assumed)
    if hasattr(made, "results"):
        word = next(
            leaf.lens.write for leaf in leaves(mapping.plan.items) if leaf.canonical == "results.status"
        )
        # A code table lets words through that it does not know, as they are: no bank would write those.
        known = [r.status if word(r.status) != r.status else outcome(r.status) for r in made.results]
        made = replace(
            made, results=tuple(replace(r, status=s) for r, s in zip(made.results, known, strict=True))
        )
    return mapping.encode(made, {name: text for name, text in envelope.items() if name in mapping.envelope})


def _result(item: PaymentItem, how: Ruling, number: str | None, day: dt.date) -> PaymentResult:
    moved = how.status == "settled"
    return PaymentResult(
        sequence=item.sequence,
        end_to_end_id=item.end_to_end_id,
        name=item.name,
        account_no=item.account_no,
        amount=item.amount,
        settled_amount=item.amount if moved else None,
        status=how.status,
        raw_code=how.code,
        raw_text=how.text,
        settled_on=day if moved else None,
        bank_reference=number,
    )


def _entry(payment: Booked, day: dt.date, side: str) -> Entry:
    back = side == "credit"
    return Entry(
        entry_no=f"{payment.reference}{'R' if back else ''}",
        amount=payment.amount,
        side=side,
        status="booked",
        booked_on=day,
        value_on=day,
        bank_reference=payment.reference,
        transactions=(
            EntryTransaction(
                batch_id=payment.batch,
                end_to_end_id=payment.item,
                bank_reference=payment.reference,
                amount=payment.amount,
                side=side,
                creditor_name=payment.name,
                creditor_account_no=payment.account,
                return_reason="AC04" if back else None,
            ),
        ),
    )

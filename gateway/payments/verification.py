"""Whether accounts belong to those who are to be paid: the bank's word on items that are proposed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from gateway.books.intake import Intake
from gateway.canonical import Message
from gateway.canonical.account import (
    AccountToVerify,
    VerificationAnswered,
    VerificationAsked,
    VerifiedAccount,
)
from gateway.canonical.payment import outcome
from gateway.payments.parts import Parts
from gateway.payments.seals import Seals
from gateway.payments.settings import AccountSettings
from gateway.store import payments_booking as booking
from gateway.store import payments_reads as reads
from gateway.store.payments import ItemRow

#: Accounts of one question.
LARGEST = 1_000
VERIFIED, REFUSED = "verified", "refused"


def question(
    account: AccountSettings, request_id: str, day: dt.date, items: Sequence[ItemRow], seals: Seals
) -> VerificationAsked:
    """Asks the account's bank about the other side of these items."""
    return VerificationAsked(
        request_id=request_id,
        asked_on=day,
        initiating_party_id=account.party_id,
        number_of_accounts=len(items),
        accounts=tuple(_asked(n, row, seals) for n, row in enumerate(items, 1)),
    )


def _asked(sequence: int, row: ItemRow, seals: Seals) -> AccountToVerify:
    party = seals.open(row.sealed, row.id)
    return AccountToVerify(
        sequence=sequence,
        name=party.name,
        account_no=party.account_no,
        bank_line_no=party.bank_line_no,
        document_no=party.document_no,
    )


async def take(parts: Parts, message: Message) -> None:
    """Books an `account.verification.answered.v1`. A word that is neither yes nor no changes nothing."""
    body = message.data
    assert isinstance(body, VerificationAnswered)
    intake = Intake(parts, message)
    ours = [account.name for account in parts.accounts_of(message.partner)]
    if not await intake.begin():
        return

    async def take_chunk(chunk: list[VerifiedAccount]) -> None:
        numbers = [row.sequence for row in chunk]
        asked = {
            n: (id_, tag)
            for n, id_, tag in await parts.store.ask(reads.asked_about, body.request_id, numbers, ours)
        }
        rows: list[tuple[str, str | None, str]] = []
        for row in chunk:
            id_, tag = asked.get(row.sequence, ("", b""))
            word = _word(row)
            if word is not None and tag == parts.seals.tag(row.account_no):
                rows.append((word, row.raw_code or row.status, id_))
        after = intake.position + len(chunk)
        await parts.store.work(booking.verify, message.id, intake.position, after, rows)

    await intake.each(body.accounts, VerifiedAccount, take_chunk)
    await parts.store.work(booking.end_results, message.id, None, None, parts.now)
    parts.log.info("payments.verified", message=message.id, count=intake.position)


def _word(row: VerifiedAccount) -> str | None:
    word = outcome(row.status)
    return VERIFIED if word in ("accepted", "settled") else REFUSED if word == "rejected" else None

"""Bank accounts: statements and notifications of what was booked, and whether an account belongs to a person.

Words are those of ISO 20022 camt.053, camt.054, acmt.023 and acmt.024.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.money import Fen
from gateway.canonical.payment import AccountNo, BankLineNo, PartyName, Reference, Status, Text

Side = Annotated[str, Meta(pattern=r"^(credit|debit)$", description="as the account's owner sees it")]


class EntryTransaction(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One payment within an entry.

    With `return_reason`, it is a payment that came back (退汇), and `batch_id` and `end_to_end_id` are those of
    the original.
    """

    batch_id: Reference | None = None  #: MsgId of the batch that asked for it
    end_to_end_id: Reference | None = None
    bank_reference: Reference | None = None
    mandate_id: Reference | None = None
    amount: Fen
    side: Side
    debtor_name: PartyName | None = None
    debtor_account_no: AccountNo | None = None
    creditor_name: PartyName | None = None
    creditor_account_no: AccountNo | None = None
    debtor_bank_line_no: BankLineNo | None = None
    creditor_bank_line_no: BankLineNo | None = None
    remittance: Annotated[str, Meta(min_length=1, max_length=140)] | None = None
    return_reason: Reference | None = None  #: ISO external code, or the bank's text for it
    raw_text: Text | None = None


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the account. Amounts are not negative: `side` says which way the money went."""

    entry_no: Reference | None = None
    amount: Fen
    side: Side
    reversal: bool = False  #: 冲账: undoes an earlier entry
    status: Annotated[str, Meta(pattern=r"^(booked|pending|information)$")]
    booked_on: dt.date | None = None
    value_on: dt.date | None = None
    bank_reference: Reference | None = None
    transaction_kind: Reference | None = None  #: the bank's own code of the business
    transactions: tuple[EntryTransaction, ...] = ()
    raw_text: Text | None = None


class Balance(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A balance of the account on a day."""

    kind: Annotated[str, Meta(min_length=4, max_length=4)]  #: OPBD opening, CLBD closing, CLAV available …
    amount: Fen
    side: Side
    on: dt.date


class StatementReported(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`account.statement.reported.v1`: an account's entries and balances over a time (camt.053)."""

    message_id: Reference
    created_at: dt.datetime
    statement_id: Reference
    sequence: int | None = None  #: of statements of this account; a gap means that one is missing
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    account_no: AccountNo
    account_name: PartyName | None = None
    bank_line_no: BankLineNo | None = None
    currency: str = "CNY"
    balances: tuple[Balance, ...] = ()
    entries: tuple[Entry, ...] = ()


class EntriesNotified(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`account.entries.notified.v1`: what has just been booked or announced, before any statement (camt.054)."""

    message_id: Reference
    created_at: dt.datetime
    notification_id: Reference
    account_no: AccountNo
    account_name: PartyName | None = None
    bank_line_no: BankLineNo | None = None
    currency: str = "CNY"
    entries: tuple[Entry, ...] = ()


class AccountToVerify(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Does this account belong to this person?"""

    sequence: int
    name: PartyName
    account_no: AccountNo
    bank_line_no: BankLineNo | None = None
    document_kind: str | None = None  #: code table psn_cert_type
    document_no: Reference | None = None


class VerificationAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`account.verification.asked.v1`: accounts to be verified before money is sent to them (账户核验)."""

    request_id: Reference
    asked_on: dt.date
    initiating_party_id: Reference | None = None
    number_of_accounts: int
    accounts: tuple[AccountToVerify, ...] = ()


class VerifiedAccount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The bank's word on one account: `accepted` where all that was asked about agrees."""

    sequence: int
    name: PartyName | None = None
    account_no: AccountNo
    status: Status
    raw_code: Reference | None = None
    raw_text: Text | None = None


class VerificationAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`account.verification.answered.v1`: the bank's answer to `account.verification.asked.v1`."""

    request_id: Reference
    answered_on: dt.date
    initiating_party_id: Reference | None = None
    number_of_accounts: int
    accounts: tuple[VerifiedAccount, ...] = ()

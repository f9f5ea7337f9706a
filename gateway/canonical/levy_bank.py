"""The levy network as the payer's bank sees it: what it is asked to debit, and the comparison of the day.

An agency has no part in these: the bank's node in the simulator speaks them.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from gateway.canonical.levy import AgreementNo, Name, Organisation, Serial, Short
from gateway.canonical.money import Fen
from gateway.canonical.payment import AccountNo, BankLineNo, Reference, Text


class ForwardedItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fee of one period: what the payer is to read on the bank's voucher."""

    item_no: int
    name: Short
    since: dt.date
    until: dt.date
    amount: Fen


class DebitForwarded(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.debit.forwarded.v1`: the collector's debit, with what the bank needs of it. Answered as the collector is."""

    collector_code: Organisation
    entrusted_on: dt.date
    serial: Serial
    route: str  #: code table tips_handle_type
    payee_bank_line_no: BankLineNo
    payee_code: Organisation
    payee_account_no: AccountNo
    payee_name: Name
    payer_bank_line_no: BankLineNo
    payer_branch_line_no: BankLineNo
    payer_account_no: AccountNo
    payer_name: Name
    amount: Fen
    currency: str = "CNY"
    voucher_no: Reference
    contributor_name: Name
    agreement_no: AgreementNo
    remark: Short | None = None
    remark_1: Short | None = None
    remark_2: Short | None = None
    items: tuple[ForwardedItem, ...] = ()


class StatedDebit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One debit that took effect, as the network booked it."""

    payer_branch_line_no: BankLineNo
    payer_account_no: AccountNo
    collector_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial | None = None
    serial: Serial
    amount: Fen
    voucher_no: Reference
    contributor_name: Name
    agreement_no: AgreementNo


class BankDayStated(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bank_day.stated.v1`: what a bank should have debited (与商业银行对账), one part of several.

    Where `check_kind` is that of the day's end, the bank gives back what it debited and the network has not.
    """

    payer_bank_line_no: BankLineNo
    checked_on: dt.date
    check_no: Serial  #: 对账批次
    payee_bank_line_no: BankLineNo
    check_kind: str  #: code table tips_check_type
    previous_check_no: Serial | None = None
    total_count: int
    total: Fen
    part_count: int
    part_no: int
    currency: str = "CNY"
    debits: tuple[StatedDebit, ...] = ()


class BankDayAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bank_day.answered.v1`: whether the bank's books agree."""

    payer_bank_line_no: BankLineNo
    checked_on: dt.date
    check_no: Serial
    payee_bank_line_no: BankLineNo
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None

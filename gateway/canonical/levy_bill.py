"""Levies paid at the bank's counter (银行端缴款): the bank asks what is due, declares what is paid, and is told to debit.

    bank ── queried ──► collector          answered ──► bank
    bank ── declared ──► collector         bill_debit.asked ──► bank
    bank ── bill_debit.answered ──► collector

A query is known by bank, `asked_on` and `query_no`, a declaration by bank, `declared_on` and `declaration_no`.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from gateway.canonical.levy import LevyItem, Name, Organisation, Quantity, Serial, Short
from gateway.canonical.money import Fen
from gateway.canonical.payment import AccountNo, BankLineNo, Reference, Text


class BillLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a part of one item comes about (税目明细)."""

    line_no: int
    subject_code: Reference
    quantity: Quantity
    base: Fen  #: 计税金额
    payable: Fen  #: 实缴


class BillItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fee of one period (税种, 险种) as the collector has it."""

    item_no: int
    name: Short
    code: Reference
    since: dt.date
    until: dt.date
    kind: str  #: code table tips_tax_type
    lines: tuple[BillLine, ...] = ()


class DeclaredItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fee of one period as the payer declares it."""

    item_no: int
    code: Reference
    since: dt.date
    until: dt.date
    kind: str  #: code table tips_tax_type
    amount: Fen
    lines: tuple[BillLine, ...] = ()


class BillQueried(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bill.queried.v1`: what does this contributor owe?"""

    bank_code: Organisation
    asked_on: dt.date
    query_no: Serial
    payer_branch_line_no: BankLineNo
    bank_name: Name | None = None
    collector_code: Organisation
    employer_code: Reference | None = None
    contributor_no: Reference | None = None
    bill_no: Reference | None = None  #: 外部征收号, the collector's own


class BillAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bill.answered.v1`: what is due; without items where `raw_code` is no success."""

    bank_code: Organisation
    asked_on: dt.date
    query_no: Serial
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None
    collector_code: Organisation
    employer_code: Reference | None = None
    contributor_no: Reference | None = None
    bill_no: Reference | None = None
    payer_branch_line_no: BankLineNo
    bank_name: Name | None = None
    amount: Fen
    currency: str = "CNY"
    items: tuple[BillItem, ...] = ()


class BillDeclared(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bill.declared.v1`: what the payer wants to pay, from which account."""

    bank_code: Organisation
    declared_on: dt.date
    declaration_no: Serial
    contributor_no: Reference
    collector_code: Organisation
    payer_branch_line_no: BankLineNo
    payer_account_no: AccountNo | None = None
    payer_name: Name
    state: Reference | None = None  #: 申报状态, as the bank writes it
    bill_no: Reference | None = None
    amount: Fen
    currency: str = "CNY"
    items: tuple[DeclaredItem, ...] = ()


class BillDebitAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bill_debit.asked.v1`: the collector agrees to what was declared; take it. Or it does not: see `raw_code`."""

    collector_code: Organisation
    entrusted_on: dt.date
    serial: Serial
    bank_code: Organisation
    declared_on: dt.date
    declaration_no: Serial
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None
    treasury_code: Organisation
    payee_bank_line_no: BankLineNo
    payee_account_no: AccountNo
    payee_name: Name
    payer_branch_line_no: BankLineNo
    payer_name: Name
    amount: Fen
    currency: str = "CNY"
    voucher_no: Reference
    billed_on: dt.date
    contributor_no: Reference
    contributor_name: Name
    employer_code: Reference | None = None
    budget_kind: str  #: code table tips_budget_type
    adjustment_period: bool
    employer_kind: Reference | None = None
    print_voucher: bool
    remark: Short | None = None
    remark_1: Short | None = None
    remark_2: Short | None = None
    items: tuple[LevyItem, ...] = ()


class BillDebitAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.bill_debit.answered.v1`: what became of it; only a success means that money moved."""

    bank_code: Organisation
    voucher_no: Reference
    collector_code: Organisation
    entrusted_on: dt.date
    serial: Serial
    debited_on: dt.date | None = None
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None

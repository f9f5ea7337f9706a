"""What a collector tells the treasury after the money has come: paid in cash, to be given back, booked wrongly.

All of these are packages, known by collector, `entrusted_on` and `batch_no`, and are answered row by row.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from gateway.canonical.levy import LevyItem, Name, Organisation, Serial, Short
from gateway.canonical.money import Fen
from gateway.canonical.payment import AccountNo, BankLineNo, Reference, Text


class SelfPayment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One levy that was paid without the network, in cash or by a transfer."""

    serial: Serial
    payer_name: Name
    amount: Fen
    voucher_no: Reference
    billed_on: dt.date
    contributor_no: Reference
    contributor_name: Name
    employer_code: Reference | None = None
    budget_kind: str  #: code table tips_budget_type
    adjustment_period: bool
    employer_kind: Reference | None = None
    remark: Short | None = None
    remark_1: Short | None = None
    remark_2: Short | None = None
    items: tuple[LevyItem, ...] = ()


class SelfPaymentsSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.self_payments.submitted.v1`: levies the treasury is to write off against money that came by itself (自缴核销)."""

    collector_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    payee_code: Organisation  #: 国库代码
    payee_account_no: AccountNo
    payee_name: Name
    currency: str = "CNY"
    payments: tuple[SelfPayment, ...] = ()


class Refund(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One refund."""

    serial: Serial
    treasury_code: Organisation  #: 退库国库代码, that pays
    payee_bank_line_no: BankLineNo
    payee_branch_line_no: BankLineNo
    payee_account_no: AccountNo
    payee_name: Name
    contributor_no: Reference
    contributor_name: Name
    voucher_no: Reference  #: 退库凭证编号
    electronic_voucher_no: Reference | None = None
    original_voucher_no: Reference | None = None  #: 原税票号码
    amount: Fen
    billed_on: dt.date
    employer_code: Reference | None = None
    budget_kind: str  #: code table tips_budget_type
    budget_subject: Reference
    budget_level: str  #: code table tips_budget_level
    adjustment_period: bool
    mark: Reference | None = None  #: 辅助标志
    reason: Reference  #: 退库原因代码, reference data of the network
    basis: Short | None = None  #: 退库依据
    examined_by: Short | None = None  #: 审批机关
    approval_no: Reference | None = None
    transfer_kind: Reference | None = None  #: 转账类型, as the partner codes it


class RefundsSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.refunds.submitted.v1`: money the treasury is to give back (退库)."""

    collector_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    currency: str = "CNY"
    refunds: tuple[Refund, ...] = ()


class Correction(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One booking that was wrong, and what it should be.

    Budget kinds and levels are of the code tables tips_budget_type and tips_budget_level.
    """

    serial: Serial
    original_serial: Serial | None = None
    original_voucher_no: Reference
    billed_on: dt.date
    voucher_no: Reference  #: 更正凭证编号
    electronic_voucher_no: Reference | None = None
    adjustment_period: bool
    reason: Reference  #: 更正原因代码, reference data of the network
    remark: Short | None = None
    original_budget_kind: str
    original_budget_subject: Reference
    original_budget_level: str
    original_mark: Reference | None = None
    original_treasury_code: Organisation
    original_amount: Fen
    corrected_budget_kind: str
    corrected_budget_subject: Reference
    corrected_budget_level: str
    corrected_mark: Reference | None = None
    corrected_treasury_code: Organisation
    corrected_amount: Fen


class CorrectionsSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.corrections.submitted.v1`: bookings the treasury is to correct (更正)."""

    collector_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    total: Fen  #: as the collector says it; which of a correction's two amounts it adds up is for the treasury to say
    currency: str = "CNY"
    corrections: tuple[Correction, ...] = ()


class Offset(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is added to one booking and taken off another one. Codes as in `Correction`."""

    serial: Serial
    billed_on: dt.date
    voucher_no: Reference  #: 免抵调凭证编号
    electronic_voucher_no: Reference | None = None
    increased_budget_kind: str
    increased_budget_subject: Reference
    increased_budget_level: str
    increased_mark: Reference | None = None
    increased_treasury_code: Organisation
    increased_amount: Fen
    reduced_budget_kind: str
    reduced_budget_subject: Reference
    reduced_budget_level: str
    reduced_mark: Reference | None = None
    reduced_treasury_code: Organisation
    reduced_amount: Fen
    adjustment_period: bool
    employer_code: Reference | None = None


class OffsetsSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.offsets.submitted.v1`: amounts the treasury is to book over (免抵调)."""

    collector_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    total: Fen  #: as the collector says it
    currency: str = "CNY"
    offsets: tuple[Offset, ...] = ()


class PackageDetailResult(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of one row of a package."""

    serial: Serial
    amount: Fen
    voucher_no: Reference | None = None  #: 印刷凭证号码, 费票号码
    electronic_voucher_no: Reference | None = None
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None


class PackageAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.package.answered.v1`: the network's word on each row of a package. Some may fail."""

    original_message: Reference
    sender_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    raw_code: Reference  #: code table tips_result, of the package
    raw_text: Text | None = None
    currency: str = "CNY"
    results: tuple[PackageDetailResult, ...] = ()

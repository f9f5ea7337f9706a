"""The end of a levy's day: what the network and the treasury have in their books, and what they are asked for.

Checks come in parts. `total` and `total_count` are those of all parts of one `checked_on` together; `part_no` counts
from 1 to `part_count`, in any order of arrival. Amounts of reports are sums up to `reported_on`, over the day,
the ten days (旬), the month, the quarter and the year.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.levy import Name, Organisation, Serial
from gateway.canonical.money import Fen
from gateway.canonical.payment import AccountNo, Reference, Text

Direction = Annotated[str, Meta(pattern=r"^(received|sent)$", description="as the network sees it")]


class PackageCount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One package as the network counted it."""

    original_message: Reference
    sender_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    count: int
    total: Fen


class PackagesAnnounced(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.packages.announced.v1`: all packages of a day, so that a missing one is noticed (信息包核对通知)."""

    direction: Direction
    checked_on: dt.date
    batch_no: Serial
    organisation_code: Organisation  #: 出票单位, whose packages they are
    organisation_kind: str  #: code table tips_org_type
    package_count: int  #: of all parts
    part_count: int
    part_no: int
    currency: str = "CNY"
    packages: tuple[PackageCount, ...] = ()


class CheckedRefund(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One refund as the treasury network has it in its books."""

    sender_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial | None = None
    serial: Serial
    voucher_no: Reference  #: 退库凭证编号
    amount: Fen
    state: Reference  #: 处理状态, as the partner writes it
    raw_text: Text | None = None


class RefundsChecked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.refunds.checked.v1`: all refunds of a day as the network booked them (退库核对), one part of several."""

    checked_on: dt.date
    batch_no: Serial
    collector_code: Organisation
    total_count: int
    total: Fen
    part_count: int
    part_no: int
    currency: str = "CNY"
    refunds: tuple[CheckedRefund, ...] = ()


class CheckedCorrection(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One correction as the treasury network has it in its books."""

    sender_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial | None = None
    serial: Serial
    voucher_no: Reference  #: 更正凭证编号
    original_amount: Fen
    amount: Fen  #: as corrected
    state: Reference  #: 处理状态, as the partner writes it
    raw_text: Text | None = None


class CorrectionsChecked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.corrections.checked.v1`: all corrections of a day (更正核对), one part of several.

    `total` and `part_total` are the partner's own: nobody knows which of a correction's two amounts they add up.
    """

    checked_on: dt.date
    batch_no: Serial
    collector_code: Organisation
    total_count: int
    total: Fen
    part_count: int
    part_no: int
    part_total: Fen
    currency: str = "CNY"
    corrections: tuple[CheckedCorrection, ...] = ()


class EntriesAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.treasury_entries.asked.v1`: what did the treasury book on this day?"""

    sender_code: Organisation
    booked_on: dt.date


class TreasuryEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the treasury's books (入库流水)."""

    treasury_code: Organisation
    voucher_kind: Reference  #: 导出凭证类型, as the partner writes it
    voucher_no: Reference
    budget_kind: str  #: code table tips_budget_type
    budget_level: str  #: code table tips_budget_level
    budget_subject: Reference
    amount: Fen
    origin: Reference | None = None  #: 凭证来源, as the partner writes it


class EntriesReported(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.treasury_entries.reported.v1`: what the treasury booked on a day, one part of several.

    The four counts are the partner's own, by the kind of voucher; how many lines a voucher has is not known.
    """

    collector_code: Organisation
    booked_on: dt.date  #: 入库日期
    batch_no: Serial
    part_count: int
    part_no: int
    levy_count: int
    refund_count: int
    correction_count: int
    offset_count: int
    currency: str = "CNY"
    entries: tuple[TreasuryEntry, ...] = ()


class ReportAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.treasury_report.asked.v1`: the treasury's reports of a day. Each field asks for one of them, in the
    partner's own words; `period` stands for 正常期, `adjustment` for 整理期."""

    sender_code: Organisation
    reported_on: dt.date
    area: Reference  #: 报表范围
    period_income: Reference | None = None
    period_refunds: Reference | None = None
    period_transfers: Reference | None = None  #: 调拨收入
    sharing_totals: Reference | None = None  #: 总额分成
    period_sharing: Reference | None = None  #: 共享分成
    period_payments: Reference | None = None
    debt: Reference | None = None
    stock: Reference | None = None  #: 库存
    adjustment_income: Reference | None = None
    adjustment_refunds: Reference | None = None
    adjustment_transfers: Reference | None = None
    adjustment_sharing: Reference | None = None


class ReportLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One budget subject in one of the reports."""

    collector_code: Organisation | None = None  #: of income
    treasury_code: Organisation
    budget_kind: str  #: code table tips_budget_type
    budget_level: str | None = None  #: code table tips_budget_level; not of payments
    budget_subject: Reference
    budget_subject_name: Name
    day: Fen
    ten_days: Fen
    month: Fen
    quarter: Fen
    year: Fen


class DebtLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of government bond that was redeemed: principal and interest."""

    treasury_code: Organisation
    cashing_bank: Reference
    bond_kind: Reference
    principal_subject: Reference
    principal_day: Fen
    principal_ten_days: Fen
    principal_month: Fen
    principal_quarter: Fen
    principal_year: Fen
    interest_subject: Reference
    interest_day: Fen
    interest_ten_days: Fen
    interest_month: Fen
    interest_quarter: Fen
    interest_year: Fen


class StockLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The balance of one of the treasury's accounts (库存)."""

    treasury_code: Organisation
    account_no: AccountNo
    account_name: Name
    booked_on: dt.date
    opening: Fen
    receipts: Fen
    payments: Fen
    closing: Fen


class ReportReported(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.treasury_report.reported.v1`: the treasury's reports of a day, those that were asked for."""

    reported_on: dt.date
    currency: str = "CNY"
    income: tuple[ReportLine, ...] = ()  #: 正常期预算收入
    sharing_totals: tuple[ReportLine, ...] = ()  #: 总额分成
    payments: tuple[ReportLine, ...] = ()
    debt: tuple[DebtLine, ...] = ()
    stock: tuple[StockLine, ...] = ()
    extension: str | None = None  #: further reports, JSON text

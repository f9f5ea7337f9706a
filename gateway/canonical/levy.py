"""Levies: social-insurance fees that are collected through the network of tax bureaux, treasury and banks.

The *collector* (征收机关) asks for money, the *payer* is the holder of the account it is taken from (缴款单位),
the *contributor* the person or employer that owes the fee (缴费人). One fee may be paid from another's account.

A debit is known by collector, `entrusted_on` and `serial`, and by its `voucher_no`. `raw_code` and `raw_text` are
the partner's own words; what a code means is the `outcome` of the code table that the field names, and a code
without one means nothing: such a debit is in doubt until a check of the day (`DebitsChecked`) settles it.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.money import Fen
from gateway.canonical.payment import AccountNo, BankLineNo, Reference, Text

Organisation = Annotated[str, Meta(min_length=1, max_length=12, description="collector, treasury or node")]
Serial = Annotated[str, Meta(min_length=1, max_length=20, description="unique per sender and day")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Short = Annotated[str, Meta(min_length=1, max_length=60)]
AgreementNo = Annotated[str, Meta(min_length=1, max_length=60, description="三方协议号")]

# `extra` is what mapping lint reads to see a partner's format lose decimals.
Quantity = Annotated[Decimal, Meta(description="four decimals at most", extra={"decimals": 4})]
Rate = Annotated[Decimal, Meta(description="below 1, six decimals at most", extra={"decimals": 6})]


class LevyLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a part of one item comes about (税目明细)."""

    line_no: int
    subject_code: Reference
    subject_name: Short
    quantity: Quantity  #: 课税数量: of persons, for fees
    base: Fen  #: 计税金额
    rate: Rate
    due: Fen  #: 应缴
    deducted: Fen  #: 扣除
    payable: Fen  #: 实缴


class LevyItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fee of one period (税种, 险种)."""

    item_no: int
    name: Short
    budget_subject: Reference  #: 预算科目, reference data of the treasury
    budget_level: str  #: code table tips_budget_level
    budget_level_name: Short | None = None
    due_on: dt.date  #: 限缴日期
    since: dt.date  #: 所属期起
    until: dt.date  #: 所属期止
    mark: Reference | None = None  #: 辅助标志
    kind: str  #: code table tips_tax_type
    amount: Fen
    lines: tuple[LevyLine, ...] = ()


class DebitAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.debit.asked.v1`: take one fee from one account now (实时扣款)."""

    collector_code: Organisation
    entrusted_on: dt.date  #: the network's working day, not the wall clock's
    serial: Serial
    route: str  #: 经收类别, code table tips_handle_type
    payee_bank_line_no: BankLineNo
    payee_code: Organisation  #: 国库代码
    payee_account_no: AccountNo
    payee_name: Name
    payer_bank_line_no: BankLineNo  #: the bank's clearing point
    payer_branch_line_no: BankLineNo
    payer_account_no: AccountNo
    payer_name: Name
    amount: Fen
    currency: str = "CNY"
    voucher_no: Reference  #: 税票号码, 费票号码
    billed_on: dt.date
    contributor_no: Reference
    contributor_name: Name
    employer_code: Reference | None = None  #: 企业代码
    employer_kind: Reference | None = None  #: 企业注册类型
    agreement_no: AgreementNo
    budget_kind: str  #: code table tips_budget_type
    adjustment_period: bool  #: 整理期
    print_voucher: bool
    remark: Short | None = None
    remark_1: Short | None = None
    remark_2: Short | None = None
    items: tuple[LevyItem, ...] = ()


class DebitAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.debit.answered.v1`: what became of a debit; only a success means that money moved."""

    collector_code: Organisation
    entrusted_on: dt.date
    serial: Serial
    voucher_no: Reference
    debited_on: dt.date | None = None
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None


class BatchDebit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One debit of a batch."""

    serial: Serial
    payer_bank_line_no: BankLineNo | None = None  #: where the batch names no bank
    payer_branch_line_no: BankLineNo
    payer_account_no: AccountNo
    payer_name: Name
    amount: Fen
    voucher_no: Reference
    billed_on: dt.date
    contributor_no: Reference
    contributor_name: Name
    employer_code: Reference | None = None
    employer_kind: Reference | None = None
    agreement_no: AgreementNo
    budget_kind: str  #: code table tips_budget_type
    adjustment_period: bool
    print_voucher: bool
    remark: Short | None = None
    remark_1: Short | None = None
    remark_2: Short | None = None
    items: tuple[LevyItem, ...] = ()


class DebitBatchSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.batch.submitted.v1`: debits in one go (批量扣款), all for one payee.

    A package of the network is for one payer's bank, which the batch names. What an agency hands in may be for many
    banks, each debit naming its own; and may have too many debits for a body: then they are records beside it.
    """

    collector_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial
    reply_within: Reference | None = None  #: 回执期限; the network does not say in which unit
    route: str  #: code table tips_handle_type
    payee_bank_line_no: BankLineNo
    payee_code: Organisation
    payee_account_no: AccountNo
    payee_name: Name
    payer_bank_line_no: BankLineNo | None = None  #: None: each debit has its own
    currency: str = "CNY"
    debits: tuple[BatchDebit, ...] = ()


class DebitResult(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of one debit of a batch."""

    serial: Serial
    amount: Fen
    voucher_no: Reference
    debited_on: dt.date | None = None
    receipt_no: Reference | None = None  #: of the receipt that the gateway's book of levies gave a success
    raw_code: Reference  #: code table tips_result, or tips_detail_result
    raw_text: Text | None = None


class DebitBatchReturned(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.batch.returned.v1`: the results of a batch. That some debits fail is normal.

    `raw_code` is that of the package: a package that was worked off may hold nothing but refusals.
    """

    payer_bank_line_no: BankLineNo | None = None  #: None: results of several banks
    entrusted_on: dt.date  #: of this return
    batch_no: Serial  #: of this return
    collector_code: Organisation
    original_entrusted_on: dt.date
    original_batch_no: Serial
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None
    currency: str = "CNY"
    results: tuple[DebitResult, ...] = ()


class DebitReversalAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.reversal.asked.v1`: undo a debit whose answer was lost (冲正)."""

    collector_code: Organisation
    entrusted_on: dt.date
    reversal_no: Serial
    original_entrusted_on: dt.date
    original_serial: Serial
    reason: Short | None = None


class DebitReversalAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.reversal.answered.v1`: whether the debit has no effect (any more)."""

    collector_code: Organisation
    reversal_no: Serial
    asked_on: dt.date
    original_entrusted_on: dt.date
    original_serial: Serial
    raw_code: Reference  #: code table tips_cancel_answer
    raw_text: Text | None = None


class AgreementAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.agreement.asked.v1`: does the bank know this agreement of payer, bank and collector (三方协议)?"""

    sender_code: Organisation
    entrusted_on: dt.date
    request_no: Serial
    revoke: bool  #: it is to end, instead of being verified
    collector_code: Organisation
    contributor_name: Name
    contributor_no: Reference
    payer_branch_line_no: BankLineNo
    payer_bank_line_no: BankLineNo
    payer_account_no: AccountNo
    payer_name: Name
    agreement_no: AgreementNo


class AgreementAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.agreement.answered.v1`: the question once more, and the bank's answer."""

    sender_code: Organisation
    entrusted_on: dt.date
    request_no: Serial
    revoke: bool
    collector_code: Organisation
    contributor_name: Name
    contributor_no: Reference
    payer_branch_line_no: BankLineNo
    payer_bank_line_no: BankLineNo
    payer_account_no: AccountNo
    payer_name: Name
    agreement_no: AgreementNo
    agreed: bool  #: verified, or revoked
    raw_text: Text | None = None


class CheckedDebit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One debit as the treasury network has it in its books."""

    payee_code: Organisation
    original_message: Reference  #: number of the message it was asked for with
    sender_code: Organisation
    entrusted_on: dt.date
    batch_no: Serial | None = None  #: of a batch's debit
    serial: Serial
    voucher_no: Reference
    amount: Fen
    debited_on: dt.date | None = None
    state: Reference  #: 处理状态, as the partner writes it
    raw_text: Text | None = None


class DebitsChecked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.day.checked.v1`: all debits of a day as the network booked them (税费票明细核对), one part of several.

    `total` and `total_count` are those of all parts together. A debit of ours that none of the parts holds has
    moved no money, and one that is in doubt is settled by what stands here.
    """

    checked_on: dt.date
    batch_no: Serial
    collector_code: Organisation
    total_count: int
    total: Fen
    part_count: int
    part_no: int
    currency: str = "CNY"
    debits: tuple[CheckedDebit, ...] = ()

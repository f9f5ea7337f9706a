"""Settlement: what a treatment cost and who pays which part of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.identity import InstitutionCode, Region
from gateway.canonical.money import Fen
from gateway.canonical.request import PersonRequest

Identifier = Annotated[str, Meta(min_length=1, max_length=30)]

# `extra` is what mapping lint reads to see a partner's format lose decimals.
Quantity = Annotated[Decimal, Meta(description="four decimals at most", extra={"decimals": 4})]
UnitPrice = Annotated[Decimal, Meta(description="six decimals at most", extra={"decimals": 6})]
Ratio = Annotated[
    Decimal, Meta(description="0.8500 is 85 percent; four decimals at most", extra={"decimals": 4})
]


class FeeLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One charged item (费用明细)."""

    line_no: Identifier  #: unique within one visit
    prescription_no: str | None = None
    external_prescription: bool = False  #: 外购处方标志
    occurred_at: dt.datetime
    catalogue_code: Annotated[str, Meta(min_length=1, max_length=50)]  #: 医疗目录编码
    item_code: Annotated[str, Meta(min_length=1, max_length=150)]  #: the institution's own code
    amount: Fen
    quantity: Quantity
    unit_price: UnitPrice
    department_code: str
    department_name: str
    doctor_code: str
    doctor_name: str
    approved: bool = True  #: 医院审批标志


class ClaimSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.claim.submitted.v1`: an outpatient settlement (national transaction 2207) with its fee lines.

    `total = own_expense + over_limit + advance_self_pay + in_scope`, and where fee lines are present their
    amounts add up to `total`; mappings check both on the way in.
    """

    institution_code: InstitutionCode
    institution_name: str
    treatment_region: Region
    insured_region: Region
    operator_code: str
    operator_name: str
    person_no: Identifier
    certificate_kind: str
    certificate_no: Annotated[str, Meta(min_length=1, max_length=50)]
    medical_kind: str  #: 医疗类别, code table med_type
    insurance_kind: str  #: 险种类型, code table insutype
    settlement_way: str  #: 个人结算方式, code table psn_setlway
    visit_id: Identifier  #: 就诊ID
    charge_batch_no: Identifier  #: 收费批次号
    account_used: bool  #: 个人账户使用标志
    invoice_no: str | None = None
    total: Fen
    own_expense: Fen  #: 全自费金额
    over_limit: Fen  #: 超限价金额
    advance_self_pay: Fen  #: 先行自付金额
    in_scope: Fen  #: 符合政策范围金额
    currency: str = "CNY"
    fee_lines: tuple[FeeLine, ...] = ()
    extra: str | None = None  #: 扩展字段 exp_content, JSON text
    extension: str | None = None  #: what else the sender said, as JSON text


class FundShare(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one fund pays (基金支付明细, `setldetail`)."""

    fund: str  #: code table fund_pay_type
    in_scope: Fen
    limit: Fen  #: 本次可支付限额金额
    paid: Fen
    name: str | None = None
    process: str | None = None


class ClaimEstimated(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.claim.estimated.v1`: the platform's answer to an estimate (2206, 2303): nothing is recorded."""

    visit_id: Identifier
    person_no: Identifier
    person_name: str
    document_kind: str
    document_no: str
    sex: str | None = None
    ethnic_group: str | None = None
    birth_date: dt.date | None = None
    age: str | None = None
    insurance_kind: str | None = None
    person_kind: str
    civil_servant: bool
    settled_at: dt.datetime
    certificate_kind: str | None = None
    medical_kind: str
    total: Fen
    own_expense: Fen
    over_limit: Fen
    advance_self_pay: Fen
    in_scope: Fen
    deductible: Fen | None = None  #: 实际支付起付线
    pooling_paid: Fen  #: 统筹基金支出 hifp_pay
    pooling_ratio: Ratio  #: 统筹基金支付比例
    civil_servant_paid: Fen
    enterprise_paid: Fen
    serious_illness_paid: Fen
    large_amount_paid: Fen
    assistance_paid: Fen
    other_paid: Fen
    fund_total: Fen
    personal_total: Fen
    account_paid: Fen
    cash_paid: Fen
    hospital_paid: Fen = 0  #: 医院负担金额; inpatient answers may leave it out
    balance: Fen
    account_mutual_paid: Fen
    sender_message_id: str  #: medins_setl_id: the msgid of the request that was settled
    clearing_agency: str | None = None
    clearing_way: str | None = None
    clearing_kind: str
    currency: str = "CNY"
    funds: tuple[FundShare, ...] = ()
    extension: str | None = None  #: what else the platform said, as JSON text
    raw_code: str
    raw_text: str | None = None


class ClaimSettled(ClaimEstimated, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.claim.settled.v1`: the platform's answer to a settlement (2207, 2304)."""

    settlement_id: Identifier


class ClaimQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.claim.queried.v1`: how was a visit settled (national transaction 5203)."""

    person_no: Identifier
    settlement_id: Identifier | None = None
    visit_id: Identifier | None = None


class CancellationRequested(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.cancellation.requested.v1`: undo a settlement (national transaction 2208)."""

    institution_code: InstitutionCode
    institution_name: str
    treatment_region: Region
    insured_region: Region
    operator_code: str
    operator_name: str
    settlement_id: Identifier
    visit_id: Identifier
    person_no: Identifier
    extra: str | None = None  #: 扩展字段 exp_content, JSON text
    extension: str | None = None  #: what else the sender said, as JSON text


class CancellationDone(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.cancellation.done.v1`: the refund settlement that undid the original one."""

    settlement_id: Identifier  #: of the refund, not of the original
    visit_id: Identifier
    settled_at: dt.datetime
    total: Fen
    fund_total: Fen
    personal_total: Fen
    account_paid: Fen
    cash_paid: Fen
    balance: Fen
    clearing_agency: str | None = None
    sender_message_id: str
    currency: str = "CNY"
    extension: str | None = None  #: what else the platform said, as JSON text
    raw_code: str
    raw_text: str | None = None


class ReversalRequested(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.reversal.requested.v1`: 冲正 (national transaction 2601) of a message whose answer was lost.

    `original_message_id` is the hospital's own id of the original; the gateway translates it into the
    msgid under which it was sent on.
    """

    institution_code: InstitutionCode
    institution_name: str
    treatment_region: Region
    insured_region: Region
    operator_code: str
    operator_name: str
    person_no: Identifier
    original_message_id: Identifier
    original_transaction: Annotated[str, Meta(min_length=4, max_length=6)]
    extension: str | None = None  #: what else the sender said, as JSON text


class ReversalDone(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.reversal.done.v1`: the original has no effect (any more)."""

    original_message_id: Identifier
    raw_code: str
    raw_text: str | None = None

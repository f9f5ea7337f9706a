"""Inpatient settlement: fees as they arise, an estimate of who pays what, the settlement and its undoing.

The answers to a settlement (2304) and to its cancellation (2305) are those of an outpatient one:
`ClaimSettled` and `CancellationDone`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.money import Fen
from gateway.canonical.request import Answer, PersonRequest
from gateway.canonical.settlement import (
    CancellationRequested,
    Identifier,
    Quantity,
    Ratio,
    UnitPrice,
)


class InpatientFee(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One charged item of a stay (住院费用明细). A refund has a negative quantity and names its original."""

    line_no: Identifier  #: unique within one stay
    original_line_no: Identifier | None = None  #: the line this one refunds
    visit_id: Identifier
    order_no: Identifier | None = None  #: 医嘱号
    person_no: Identifier
    medical_kind: str  #: 医疗类别, code table med_type
    occurred_at: dt.datetime
    catalogue_code: Annotated[str, Meta(min_length=1, max_length=50)]  #: 医疗目录编码
    item_code: Annotated[str, Meta(min_length=1, max_length=150)]  #: the institution's own code
    amount: Fen
    quantity: Quantity
    unit_price: UnitPrice
    department_code: str  #: 开单科室
    department_name: str
    doctor_code: str
    doctor_name: str
    receiving_department_code: str | None = None  #: 受单科室
    receiving_department_name: str | None = None
    receiving_doctor_code: str | None = None
    receiving_doctor_name: str | None = None
    approved: bool | None = None  #: 医院审批标志
    herbal_use: str | None = None  #: 中药使用方式, code table tcmdrug_used_way
    outside_examination: bool | None = None  #: 外检标志
    outside_hospital: str | None = None  #: 外检医院编码
    taken_home: bool | None = None  #: 出院带药标志
    maternity: bool | None = None  #: 生育费用标志
    memo: str | None = None
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class FeesUploaded(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inpatient.fees.uploaded.v1`: 住院费用明细上传 (national transaction 2301), at most 100 lines."""

    fees: tuple[InpatientFee, ...] = ()


class PricedFee(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the platform divides one charged item."""

    line_no: Identifier | None = None
    amount: Fen
    quantity: Quantity
    unit_price: UnitPrice
    price_limit: UnitPrice  #: 定价上限金额
    self_pay_ratio: Ratio | None = None
    own_expense: Fen | None = None  #: 全自费金额
    over_limit: Fen | None = None  #: 超限价金额
    advance_self_pay: Fen | None = None  #: 先行自付金额
    in_scope: Fen | None = None  #: 符合政策范围金额
    level: str  #: 收费项目等级, code table chrgitm_lv
    charge_kind: str  #: 医疗收费项目类别, code table med_chrgitm_type
    basic_drug: bool | None = None
    negotiated_drug: bool | None = None
    childrens_drug: bool | None = None
    special_item: bool | None = None  #: 目录特项标志
    limited_use: bool  #: 限制使用标志
    direct: bool | None = None  #: 直报标志
    memo: str | None = None


class FeesPriced(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inpatient.fees.priced.v1`: the platform's answer to an upload of fees."""

    fees: tuple[PricedFee, ...] = ()


class WithdrawnFee(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line to take back; `line_no` 0000 means all lines of the stay that are not settled."""

    line_no: Identifier
    visit_id: Identifier
    person_no: Identifier
    extra: str | None = None


class FeesWithdrawn(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inpatient.fees.withdrawn.v1`: 住院费用明细撤销 (national transaction 2302)."""

    fees: tuple[WithdrawnFee, ...] = ()


class Bill(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an estimate and a settlement are asked with. `total` is the sum of its four parts, where given."""

    person_no: Identifier
    certificate_kind: str  #: 就诊凭证类型, code table mdtrt_cert_type
    certificate_no: Annotated[str, Meta(min_length=1, max_length=50)]
    total: Fen
    settlement_way: str  #: 个人结算方式, code table psn_setlway
    visit_id: Identifier
    insurance_kind: str  #: 险种类型, code table insutype
    invoice_no: str | None = None
    interim: bool  #: 中途结算标志
    discharged_on: dt.date | None = None
    currency: str = "CNY"
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class EstimateRequested(Bill, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inpatient.estimate.requested.v1`: 住院预结算 (national transaction 2303): reckoned, not recorded."""

    account_used: bool | None = None  #: 个人账户使用标志
    own_expense: Fen  #: 全自费金额
    over_limit: Fen  #: 超限价金额
    advance_self_pay: Fen  #: 先行自付金额
    in_scope: Fen  #: 符合政策范围金额


class InpatientClaimSubmitted(Bill, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inpatient.claim.submitted.v1`: 住院结算 (national transaction 2304)."""

    account_used: bool
    own_expense: Fen | None = None
    over_limit: Fen | None = None
    advance_self_pay: Fen | None = None
    in_scope: Fen | None = None


class InpatientCancellationRequested(
    CancellationRequested, frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """`inpatient.cancellation.requested.v1`: 住院结算撤销 (national transaction 2305)."""

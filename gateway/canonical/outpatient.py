"""An outpatient visit until it is settled: benefits, registration, diagnoses, fees, pre-settlement."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.inpatient import PricedFee
from gateway.canonical.money import Fen
from gateway.canonical.request import Answer, PersonRequest
from gateway.canonical.settlement import FeeLine, Identifier

Days = Annotated[Decimal, Meta(description="two decimals at most", extra={"decimals": 2})]


class BenefitQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.benefit.queried.v1`: what is the person entitled to (national transaction 2001)."""

    person_no: Identifier
    insurance_kind: str | None = None  #: code table insutype
    provider_code: str | None = None  #: 定点医药机构编号 the question is about
    medical_kind: str | None = None  #: code table med_type
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    disease_code: str | None = None
    disease_name: str | None = None
    operation_code: str | None = None
    operation_name: str | None = None
    maternity_kind: str | None = None  #: 生育类别
    birth_control_kind: str | None = None  #: 计划生育手术类别
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class Benefit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether one fund pays for the person."""

    person_no: Identifier
    check_kind: str | None = None  #: 待遇检查类型
    fund: str | None = None  #: code table fund_pay_type
    entitled: bool | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    reason: str | None = None  #: why the person is not entitled


class BenefitAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.benefit.answered.v1`."""

    benefits: tuple[Benefit, ...] = ()


class RegistrationSubmitted(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.registration.submitted.v1`: a patient registers (national transaction 2201)."""

    person_no: Identifier
    insurance_kind: str  #: code table insutype
    registered_at: dt.datetime
    certificate_kind: str  #: code table mdtrt_cert_type
    certificate_no: Annotated[str, Meta(min_length=1, max_length=50)]
    outpatient_no: Identifier  #: the institution's own, unique number of the visit
    doctor_code: str
    doctor_name: str
    department_code: str
    department_name: str
    specialty: str  #: 科别
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class RegistrationDone(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.registration.done.v1`: the platform's number of the visit."""

    visit_id: Identifier
    person_no: Identifier
    outpatient_no: Identifier


class RegistrationWithdrawn(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.registration.withdrawn.v1`: undo a registration (national transaction 2202)."""

    person_no: Identifier
    visit_id: Identifier
    outpatient_no: Identifier
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class VisitDiagnosis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One diagnosis of an outpatient visit (`diseinfo`)."""

    kind: str  #: 诊断类别, code table diag_type
    rank: int  #: 诊断排序号, from 1
    code: Annotated[str, Meta(min_length=1, max_length=20)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    department: str
    doctor_code: str
    doctor_name: str
    diagnosed_at: dt.datetime
    valid: bool  #: 有效标志: false takes back a diagnosis that was uploaded
    person_no: Identifier | None = None
    main: bool | None = None
    condition: str | None = None


class VisitSubmitted(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.visit.submitted.v1`: what the visit is for (national transactions 2203 and 2203A)."""

    visit_id: Identifier
    person_no: Identifier
    medical_kind: str  #: code table med_type
    began_at: dt.datetime
    condition: str | None = None  #: 主要病情描述
    disease_code: str | None = None
    disease_name: str | None = None
    birth_control_kind: str | None = None
    maternity_date: dt.date | None = None  #: 计划生育手术或生育日期
    maternity_kind: str | None = None
    gestation_weeks: int | None = None
    extra: str | None = None  #: 扩展字段 exp_content, JSON text
    diagnoses: tuple[VisitDiagnosis, ...] = ()


class OutpatientFee(FeeLine, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fee line as it is uploaded on its own: it says itself whose it is."""

    visit_id: Identifier
    person_no: Identifier
    charge_batch_no: Identifier
    disease_code: str | None = None
    dose: str | None = None  #: 单次剂量描述
    frequency: str | None = None  #: 使用频次描述
    days: Days | None = None  #: 周期天数
    route: str | None = None  #: 用药途径描述
    receiving_department_code: str | None = None
    receiving_department_name: str | None = None
    receiving_doctor_code: str | None = None
    receiving_doctor_name: str | None = None
    herbal_use: str | None = None  #: 中药使用方式, code table tcmdrug_used_way
    outside_examination: bool | None = None  #: 外检标志
    outside_hospital: str | None = None
    taken_home: bool | None = None  #: 出院带药标志
    maternity: bool | None = None  #: 生育费用标志
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class OutpatientFeesUploaded(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.fees.uploaded.v1`: fee lines ahead of their settlement (2204), at most 100."""

    fees: tuple[OutpatientFee, ...] = ()


class OutpatientFeesPriced(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.fees.priced.v1`: the platform's answer to an upload of fee lines."""

    fees: tuple[PricedFee, ...] = ()


class OutpatientFeesWithdrawn(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.fees.withdrawn.v1`: take back fee lines that are not settled (national transaction 2205)."""

    visit_id: Identifier
    charge_batch_no: Identifier  #: `0000`: all that are not settled
    person_no: Identifier
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class OutpatientEstimateRequested(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outpatient.estimate.requested.v1`: what would a settlement give (national transaction 2206).

    Answered with `ClaimEstimated`.
    """

    person_no: Identifier
    certificate_kind: str
    certificate_no: Annotated[str, Meta(min_length=1, max_length=50)]
    medical_kind: str
    total: Fen
    settlement_way: str
    visit_id: Identifier
    charge_batch_no: Identifier
    account_used: bool
    insurance_kind: str
    extra: str | None = None  #: 扩展字段 exp_content, JSON text

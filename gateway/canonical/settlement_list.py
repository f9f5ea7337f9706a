"""The settlement list (医疗保障基金结算清单): what a stay was for and what it cost, for grouping and review.

4101 states nearly everything itself; 4101A leaves out what the platform knows from the settlement. The
nodes that grouping and review work with have fields; the rest of the official 82 is kept in `extension`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.money import Fen
from gateway.canonical.request import Answer, PersonRequest
from gateway.canonical.settlement import Identifier

DiagnosisCode = Annotated[str, Meta(min_length=1, max_length=20)]


class FundPayment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one fund paid (`payinfo`)."""

    fund: str  #: code table fund_pay_type
    paid: Fen


class OutpatientDisease(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A chronic or special disease treated as an outpatient (门诊慢特病, `opspdiseinfo`)."""

    diagnosis_name: str
    diagnosis_code: DiagnosisCode
    operation_name: str
    operation_code: str


class ListedDiagnosis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A diagnosis of the list (`diseinfo`)."""

    kind: str  #: 诊断类别, code table diag_type
    code: DiagnosisCode
    name: str
    condition: str | None = None  #: 入院病情类型
    main: bool | None = None


class ChargeSum(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one kind of charge adds up to (`iteminfo`)."""

    kind: str  #: 医疗收费项目, code table med_chrgitm_type
    amount: Fen
    class_a: Fen  #: 甲类
    class_b: Fen  #: 乙类
    own_expense: Fen  #: 全自费
    other: Fen


class Operation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An operation or procedure (`oprninfo`)."""

    kind: str | None = None  #: 手术操作类别
    name: str | None = None
    code: str | None = None
    performed_on: dt.date | None = None
    anaesthesia: str | None = None  #: 麻醉方式
    surgeon_name: str | None = None
    surgeon_code: str | None = None
    anaesthetist_name: str | None = None
    anaesthetist_code: str | None = None


class IntensiveCare(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A time in an intensive-care ward (`icuinfo`)."""

    ward_kind: str
    entered_at: dt.datetime
    left_at: dt.datetime
    duration: Annotated[str, Meta(max_length=10)]  #: days/hours/minutes, such as 1/13/24


class SettlementListSubmitted(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.list.submitted.v1`: 医疗保障基金结算清单上传 (national transactions 4101 and 4101A)."""

    person_no: Identifier | None = None
    visit_id: Identifier | None = None
    settlement_id: Identifier | None = None
    settlement_level: str | None = None  #: 医保结算等级
    insurance_no: str | None = None  #: 医保编号
    medical_record_no: str | None = None  #: 病案号
    declared_at: dt.datetime | None = None
    person_name: str | None = None
    sex: str | None = None  #: code table gend
    birth_date: dt.date | None = None
    age: str | None = None
    nationality: str | None = None
    age_days: int | None = None  #: of a child under one year
    ethnic_group: str | None = None
    document_kind: str | None = None
    document_no: str | None = None
    profession: str | None = None
    contact_name: str | None = None
    contact_relation: str | None = None
    contact_address: str | None = None
    contact_phone: str | None = None
    insurance_kind: str | None = None  #: 医保类型
    inpatient_kind: str | None = None  #: 住院医疗类型
    admission_way: str | None = None  #: 入院途径, code table adm_way
    treatment_kind: str | None = None  #: 治疗类别
    admitted_at: dt.datetime | None = None
    admission_department: str | None = None
    discharged_at: dt.datetime | None = None
    discharge_department: str | None = None
    days: int | None = None  #: 实际住院天数
    main_diagnosis: bool | None = None  #: 主诊断标志
    discharge_way: str | None = None  #: 离院方式, code table dscg_way
    bill_code: str | None = None  #: 票据代码
    bill_no: str | None = None  #: 票据号码
    business_no: str | None = None  #: 业务流水号
    doctor_name: str | None = None  #: 主诊医师
    doctor_code: str | None = None
    settled_from: dt.date | None = None
    settled_until: dt.date | None = None
    self_paid: Fen | None = None  #: 个人自付
    own_expense: Fen | None = None  #: 个人自费
    account_paid: Fen | None = None
    cash_paid: Fen | None = None
    payment_way: str | None = None  #: 医保支付方式
    agency: str | None = None  #: 医保机构
    agency_operator: str | None = None
    filled_by_department: str | None = None
    filled_by: str | None = None
    fund_payments: tuple[FundPayment, ...] = ()
    outpatient_diseases: tuple[OutpatientDisease, ...] = ()
    diagnoses: tuple[ListedDiagnosis, ...] = ()
    charges: tuple[ChargeSum, ...] = ()
    operations: tuple[Operation, ...] = ()
    intensive_care: tuple[IntensiveCare, ...] = ()
    currency: str = "CNY"


class SettlementListAccepted(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settlement.list.accepted.v1`: the platform's answer to a settlement list."""

    list_id: Identifier | None = None  #: 结算清单流水号

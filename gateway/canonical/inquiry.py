"""Inquiries: what the centre has recorded about visits, diagnoses, fees, sums and stays."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.identity import Region
from gateway.canonical.money import Fen
from gateway.canonical.outpatient import Days
from gateway.canonical.request import Answer, PersonRequest, Request
from gateway.canonical.settlement import Identifier, Quantity, Ratio, UnitPrice

Sum = Annotated[Decimal, Meta(description="two decimals at most", extra={"decimals": 2})]


class VisitsQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.visits.queried.v1`: the visits of a person (national transaction 5201)."""

    person_no: Identifier
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    medical_kind: str | None = None  #: code table med_type
    visit_id: Identifier | None = None


class StayQuery(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.stay.queried.v1`: is the person in a hospital now (national transaction 5303).

    A platform asks for the person number or for a certificate, as its province has it.
    """

    insured_region: Region | None = None
    person_no: Identifier | None = None
    certificate_kind: str | None = None  #: code table mdtrt_cert_type
    certificate_no: str | None = None
    card_sn: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    document_kind: str | None = None  #: code table psn_cert_type
    document_no: str | None = None
    name: str | None = None


class VisitRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A visit or a stay as the centre has it."""

    visit_id: Identifier
    person_no: Identifier
    document_kind: str
    document_no: str
    person_name: str
    sex: str
    ethnic_group: str | None = None
    birth_date: dt.date | None = None
    age: str | None = None
    contact_name: str | None = None
    phone: str | None = None
    insurance_kind: str
    person_kind: str
    assisted: bool | None = None  #: 医疗救助对象标志
    civil_servant: bool
    flexible_employment: bool | None = None
    newborn: bool | None = None
    insuring_agency: str | None = None
    employer: str | None = None
    began_at: dt.datetime
    ended_at: dt.datetime | None = None
    certificate_kind: str | None = None
    medical_kind: str
    across_years: bool | None = None  #: 跨年度住院标志
    paid_in_advance: bool | None = None  #: 先行支付标志
    encounter_no: str | None = None  #: 住院/门诊号
    medical_record_no: str | None = None
    doctor_code: str | None = None
    doctor_name: str | None = None
    admission_department_code: str | None = None
    admission_department_name: str | None = None
    admission_bed: str | None = None
    main_diagnosis_code: str | None = None
    main_diagnosis_name: str | None = None
    discharge_department_code: str | None = None
    discharge_department_name: str | None = None
    discharge_bed: str | None = None
    discharge_way: str | None = None  #: code table dscg_way
    condition: str | None = None
    disease_code: str | None = None
    disease_name: str | None = None
    operation_code: str | None = None
    operation_name: str | None = None
    outpatient_diagnosis: str | None = None
    stay_state: str | None = None  #: code table inhosp_stas
    died_on: dt.date | None = None
    days: int | None = None  #: of the stay
    family_planning_no: str | None = None
    maternity_kind: str | None = None
    birth_control_kind: str | None = None
    late_childbirth: bool | None = None
    gestation_weeks: int | None = None
    birth_order: int | None = None
    fetus_count: int | None = None
    premature: bool | None = None
    maternity_date: dt.date | None = None
    complications: bool | None = None
    operator_code: str | None = None
    operator_name: str | None = None
    recorded_at: dt.datetime | None = None
    memo: str | None = None


class VisitsAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.visits.answered.v1`: answers 5201 and 5303."""

    visits: tuple[VisitRecord, ...] = ()


class DiagnosesQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.diagnoses.queried.v1`: the diagnoses of a visit (national transaction 5202)."""

    visit_id: Identifier
    person_no: Identifier


class DiagnosisRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A diagnosis as the centre has it."""

    record_no: str | None = None  #: 诊断信息ID
    visit_id: Identifier | None = None
    person_no: Identifier | None = None
    kind: str  #: code table diag_type
    main: bool | None = None
    rank: int
    code: str
    name: str
    condition: str | None = None  #: 入院病情
    department: str | None = None
    doctor_code: str | None = None
    doctor_name: str | None = None
    diagnosed_at: dt.datetime | None = None
    valid: bool | None = None


class DiagnosesAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.diagnoses.answered.v1`."""

    diagnoses: tuple[DiagnosisRecord, ...] = ()


class FeesQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.fees.queried.v1`: the fee lines of a visit or a settlement (national transaction 5204)."""

    person_no: Identifier
    settlement_id: Identifier | None = None
    visit_id: Identifier


class MedicationQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.medication.queried.v1`: drugs given for chronic diseases (national transaction 5205)."""

    person_no: Identifier
    since: dt.datetime
    until: dt.datetime


class FeeRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fee line as the centre has it: what was charged, and how it was divided."""

    visit_id: Identifier
    settlement_id: Identifier | None = None
    line_no: Identifier
    order_no: str | None = None  #: 处方/医嘱号
    medical_kind: str | None = None
    occurred_at: dt.datetime
    quantity: Quantity
    unit_price: UnitPrice
    dose: str | None = None
    frequency: str | None = None
    days: Days | None = None
    route: str | None = None
    amount: Fen
    price_limit: UnitPrice | None = None
    self_pay_ratio: Ratio | None = None
    own_expense: Fen | None = None
    over_limit: Fen | None = None
    advance_self_pay: Fen | None = None
    in_scope: Fen | None = None
    level: str | None = None  #: code table chrgitm_lv
    insurance_code: str | None = None  #: 医保目录编码
    insurance_name: str | None = None
    list_kind: str | None = None  #: code table list_type
    catalogue_code: str | None = None
    item_code: str | None = None
    item_name: str | None = None
    charge_kind: str | None = None  #: code table med_chrgitm_type
    product_name: str | None = None
    specification: str | None = None
    dosage_form: str | None = None
    department_code: str | None = None
    department_name: str | None = None
    doctor_code: str | None = None
    doctor_name: str | None = None
    receiving_department_code: str | None = None
    receiving_department_name: str | None = None
    receiving_doctor_code: str | None = None
    receiving_doctor_name: str | None = None
    limited_use: bool | None = None
    hospital_preparation: bool | None = None
    approved: bool | None = None
    herbal_use: str | None = None
    origin: str | None = None  #: 生产地类别
    basic_drug: bool | None = None
    negotiated_drug: bool | None = None
    childrens_drug: bool | None = None
    outside_examination: bool | None = None
    outside_hospital: str | None = None
    taken_home: bool | None = None
    special_item: bool | None = None
    maternity: bool | None = None
    direct: bool | None = None
    memo: str | None = None
    operator_code: str | None = None
    operator_name: str | None = None
    recorded_at: dt.datetime | None = None


class FeesAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.fees.answered.v1`: answers 5204 and 5205."""

    fees: tuple[FeeRecord, ...] = ()


class SumsQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.sums.queried.v1`: what has added up for a person (national transaction 5206)."""

    person_no: Identifier
    month: str | None = None  #: yyyyMM


class SumRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sum of a person: an amount in yuan, or a number of stays where the kind says so."""

    insurance_kind: str
    year: str
    month: str | None = None
    kind: str  #: 累计类别: C0000 stays, S0000 expenses, Q0000 deductible, D and a fund type
    value: Sum


class SumsAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inquiry.sums.answered.v1`."""

    sums: tuple[SumRecord, ...] = ()

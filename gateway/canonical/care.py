"""Care: a patient's stay in a hospital, from admission to discharge, and what was charged and found meanwhile.

Each body has two sources. A hospital's HL7 v2 messages know the patient (name, ward, bed), the national
transactions 2401 to 2405 know the insured (person number, certificate, disease). So most fields are optional
here; which of them a format must have is said by its mapping.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.identity import Region
from gateway.canonical.money import Fen
from gateway.canonical.request import Answer, Request
from gateway.canonical.settlement import Identifier


class Diagnosis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One diagnosis (诊断信息, national node `diseinfo`)."""

    person_no: Identifier | None = None  #: the national node repeats it in every row
    visit_id: Identifier | None = None  #: of a discharge diagnosis only
    kind: str | None = None  #: 诊断类别, code table diag_type
    main: bool  #: 主诊断标志
    rank: int  #: 诊断排序号, from 1
    code: Annotated[str, Meta(min_length=1, max_length=20)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    condition: str | None = None  #: 入院病情
    department: str | None = None
    doctor_code: str | None = None
    doctor_name: str | None = None
    diagnosed_at: dt.datetime | None = None


class Stay(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which stay an event is about."""

    insured_region: Region | None = None
    person_no: Identifier | None = None  #: 人员编号; None where only the hospital knows the patient so far
    visit_id: Identifier | None = None  #: 就诊ID; None until 2401 has answered
    encounter_no: str | None = None  #: 就诊号, the hospital's own
    inpatient_no: str | None = None  #: 住院号
    patient_name: str | None = None
    recorded_at: dt.datetime | None = None  #: when the hospital wrote the event down
    extra: str | None = None  #: 扩展字段 exp_content: JSON text, as the province agreed it


class Visit(Stay, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The patient and where they are."""

    outpatient_no: str | None = None  #: 门诊号
    card_no: str | None = None
    identity_no: str | None = None  #: 身份证号
    sex: str | None = None  #: code table gend
    birth_date: dt.date | None = None
    address: str | None = None
    phone: str | None = None
    marital_state: str | None = None
    social_security_no: str | None = None
    ethnic_group: str | None = None  #: GB/T 3304
    nationality: str | None = None
    insurance_kind: str | None = None  #: 险种类型, code table insutype
    medical_kind: str | None = None  #: 医疗类别, code table med_type
    payer: str | None = None  #: 费别, code table fee_payer
    inpatient: bool = True
    ward: str | None = None
    bed: str | None = None
    department_code: str | None = None
    department_name: str | None = None
    doctor_code: str | None = None  #: 主治(主管)医生
    doctor_name: str | None = None
    admitted_at: dt.datetime | None = None


class Episode(Visit, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the stay is for: diagnoses, and what decides how it is paid."""

    disease_code: str | None = None  #: 病种编码
    disease_name: str | None = None
    operation_code: str | None = None  #: 手术操作代码
    operation_name: str | None = None
    family_planning_no: str | None = None  #: 计划生育服务证号
    maternity_kind: str | None = None  #: 生育类别
    birth_control_kind: str | None = None  #: 计划生育手术类别
    late_childbirth: bool | None = None
    gestation_weeks: int | None = None
    birth_order: int | None = None  #: 胎次
    fetus_count: int | None = None
    premature: bool | None = None
    maternity_date: dt.date | None = None  #: 计划生育手术或生育日期
    diagnoses: tuple[Diagnosis, ...] = ()


class Admission(Episode, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is registered at admission and may be corrected later."""

    contact_name: str | None = None
    contact_phone: str | None = None
    certificate_kind: str | None = None  #: 就诊凭证类型, code table mdtrt_cert_type
    medical_record_no: str | None = None  #: 病历号
    admission_diagnosis: str | None = None  #: 入院诊断描述
    main_diagnosis_code: str | None = None  #: 住院主诊断代码
    main_diagnosis_name: str | None = None
    main_condition: str | None = None  #: 主要病情描述
    disease_kind: str | None = None  #: 病种类型


class PatientAdmitted(Admission, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.patient.admitted.v1`: 入院 (national transaction 2401, HL7 ADT^A01)."""

    certificate_no: str | None = None  #: e-voucher token, identity number or card number, by kind


class AdmissionRegistered(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.admission.registered.v1`: the platform's answer to an admission."""

    visit_id: Identifier


class PatientUpdated(Admission, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.patient.updated.v1`: 住院信息变更 (national transaction 2403, HL7 ADT^A08)."""

    discharged_at: dt.datetime | None = None


class PatientTransferred(Visit, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.patient.transferred.v1`: 转科 (HL7 ADT^A02); the place of the `Visit` is the new one."""

    from_ward: str | None = None
    from_bed: str | None = None
    from_department_code: str | None = None


class PatientDischarged(Episode, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.patient.discharged.v1`: 出院 (national transaction 2402, HL7 ADT^A16 and ADT^A03)."""

    discharged_at: dt.datetime
    settled: bool = False  #: the hospital has closed the bill as well (HL7 ADT^A03)
    complications: bool | None = None  #: 伴有并发症标志
    discharge_way: str | None = None  #: 离院方式, code table dscg_way
    died_on: dt.date | None = None


class AdmissionCancelled(Stay, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.admission.cancelled.v1`: 入院撤销 (national transaction 2404, HL7 ADT^A11)."""


class DischargeCancelled(Stay, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.discharge.cancelled.v1`: 出院撤销 (national transaction 2405, HL7 ADT^A25 and ADT^A13)."""

    settled: bool = False  #: it is the closing of the bill that is taken back (HL7 ADT^A13)


class Registration(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who a patient is, as the hospital's index of patients has it: about the person, not about a stay."""

    patient_no: str  #: 患者ID, the hospital's own
    patient_name: str
    document_kind: str | None = None  #: 身份证件类别, as the hospital's code system has it
    document_no: str | None = None
    sex: str | None = None  #: code table gend
    birth_date: dt.date | None = None
    phone: str | None = None
    marital_state: str | None = None  #: GB/T 2261.2
    ethnic_group: str | None = None  #: GB/T 3304
    occupation: str | None = None  #: 职业类别, as the hospital's code system has it
    employer: str | None = None
    contact_relation: str | None = None  #: 家庭关系, as the hospital's code system has it
    contact_name: str | None = None
    contact_phone: str | None = None
    coverage_kind: str | None = None  #: 医疗保险类别, as the hospital's code system has it; not insutype
    registered_at: dt.datetime | None = None
    recorded_at: dt.datetime | None = None  #: when the hospital wrote the message


class PatientRegistered(Registration, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.patient.registered.v1`: 个人信息注册 (HL7 v3 PRPA_IN201311UV02)."""


class RegistrationUpdated(Registration, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.registration.updated.v1`: 个人信息更新 (HL7 v3 PRPA_IN201314UV02)."""


class Charge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One bill of a stay or an outpatient visit (HL7 segment FT1)."""

    invoice_no: str
    charged_at: dt.datetime
    payer: str | None = None  #: 费别, code table fee_payer
    settlement_stage: str | None = None  #: 结算方式, code table settlement_stage
    total: Fen
    insured: Fen | None = None  #: 医保金额
    own_expense: Fen | None = None  #: 自费金额


class ChargesPosted(Visit, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.charges.posted.v1`: 费用记账 (HL7 DFT^P03)."""

    charges: tuple[Charge, ...] = ()
    currency: str = "CNY"


class InvoiceItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one kind of charge adds up to on an invoice (HL7 segment PMI)."""

    code: str
    name: str | None = None
    amount: Fen


class InvoiceIssued(Visit, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.invoice.issued.v1`: 门诊发票 (HL7 ZPI^PMI)."""

    invoice_no: str
    insured: Fen | None = None  #: 医保金额
    personal: Fen | None = None  #: 个人缴费
    payment_way: str | None = None
    rounding: Fen | None = None  #: 舍入
    total: Fen
    cashier_code: str | None = None
    cashier_name: str | None = None
    settled_at: dt.datetime
    state: str  #: code table invoice_state: issued, printed again, refunded
    original_invoice_no: str | None = None
    items: tuple[InvoiceItem, ...] = ()
    currency: str = "CNY"


class Observation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One finding (HL7 segment OBX)."""

    rank: int
    value_kind: str  #: HL7 table 0125, such as `NM` or `ST`
    code: str
    name: str | None = None
    value: str | None = None
    unit: str | None = None
    reference_range: str | None = None
    abnormal: str | None = None  #: HL7 table 0078, such as `H` or `L`
    state: str  #: HL7 table 0085, such as `F` for final


class ResultReported(Visit, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`care.result.reported.v1`: the result of one examination or laboratory order (HL7 ORU^R01)."""

    order_no: str | None = None  #: of whoever ordered
    report_no: str | None = None  #: of whoever did it
    service_code: str
    service_name: str | None = None
    observed_at: dt.datetime | None = None
    state: str | None = None  #: HL7 table 0123, such as `F` for final
    observations: tuple[Observation, ...] = ()

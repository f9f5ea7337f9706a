"""Filings (备案): referrals, chronic diseases, designated institutions, and taking them back."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.identity import Region
from gateway.canonical.request import Answer, PersonRequest
from gateway.canonical.settlement import Identifier


class ReferralFiled(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.referral.submitted.v1`: a transfer to another hospital (national transactions 2501, 2501A)."""

    previous_visit_id: Identifier | None = None  #: 转院前就诊ID, asked for by 2501A
    person_no: Identifier
    insurance_kind: str | None = None  #: code table insutype
    phone: str | None = None
    address: str | None = None
    insuring_agency: str | None = None  #: 参保机构医保区划
    diagnosis_code: Annotated[str, Meta(min_length=1, max_length=20)]
    diagnosis_name: Annotated[str, Meta(min_length=1, max_length=100)]
    condition: str | None = None
    target_code: Annotated[str, Meta(min_length=1, max_length=12)]  #: 转往定点医药机构编号
    target_name: Annotated[str, Meta(min_length=1, max_length=200)]
    target_region: Region
    agreed: bool | None = None  #: 医院同意转院标志
    kind: str  #: 转院类型
    referred_on: dt.date
    reason: str
    opinion: str
    since: dt.date | None = None
    until: dt.date | None = None
    used: str | None = None  #: 转诊使用标志


class ChronicDiseaseFiled(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.chronic_disease.submitted.v1`: a chronic or special disease (national transaction 2503)."""

    person_no: Identifier
    insurance_kind: str
    disease_code: Annotated[str, Meta(min_length=1, max_length=30)]
    disease_name: Annotated[str, Meta(min_length=1, max_length=300)]
    phone: str | None = None
    address: str | None = None
    insuring_agency: str
    certifier_code: Annotated[str, Meta(min_length=1, max_length=30)]  #: 鉴定定点医药机构编号
    certifier_name: Annotated[str, Meta(min_length=1, max_length=200)]
    certified_on: dt.date
    doctor_code: str
    doctor_name: str
    since: dt.date
    until: dt.date | None = None


class DesignationFiled(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.designation.submitted.v1`: the institution a person chooses (national transaction 2505)."""

    person_no: Identifier
    phone: str | None = None
    address: str | None = None
    kind: str  #: 业务申请类型, code table biz_appy_type
    since: dt.date
    until: dt.date | None = None
    agent_name: str | None = None  #: 代办人
    agent_document_kind: str | None = None
    agent_document_no: str | None = None
    agent_phone: str | None = None
    agent_address: str | None = None
    agent_relation: str | None = None
    rank: str  #: 定点排序号
    designated_code: Annotated[str, Meta(min_length=1, max_length=12)]
    designated_name: Annotated[str, Meta(min_length=1, max_length=200)]
    memo: str | None = None


class FilingAccepted(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.request.accepted.v1`: the number of the filing (2501, 2503, 2505)."""

    filing_no: Identifier  #: 待遇申报明细流水号


class FilingWithdrawn(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.request.withdrawn.v1`: take back a filing (national transactions 2502, 2504, 2506).

    `transaction` says which of the three, since a filing number alone does not.
    """

    transaction: str
    filing_no: Identifier
    person_no: Identifier
    reason: str | None = None


class ChronicDiseaseQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.chronic_disease.queried.v1`: which ones are filed for a person (national transaction 5301)."""

    person_no: Identifier


class ChronicDisease(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One chronic or special disease that is filed."""

    disease_code: str
    disease_name: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None


class ChronicDiseaseAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.chronic_disease.answered.v1`."""

    diseases: tuple[ChronicDisease, ...] = ()


class DesignationQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.designation.queried.v1`: which institutions a person has chosen (national transaction 5302)."""

    person_no: Identifier
    kind: str  #: code table biz_appy_type


class Designation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One institution that a person has chosen."""

    person_no: Identifier
    insurance_kind: str | None = None
    rank: str | None = None
    designated_code: str
    designated_name: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    memo: str | None = None


class DesignationAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.designation.answered.v1`."""

    designations: tuple[Designation, ...] = ()


class ReferralQuery(PersonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.referral.queried.v1`: the transfers of a person (national transaction 5304)."""

    since: dt.datetime
    until: dt.datetime | None = None
    person_no: Identifier


class Referral(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One transfer to another hospital as the centre has it."""

    filing_no: Identifier | None = None
    source: str | None = None  #: 申报来源
    person_no: Identifier
    person_name: str | None = None
    sex: str | None = None
    birth_date: dt.date | None = None
    insurance_kind: str | None = None
    phone: str | None = None
    address: str | None = None
    insuring_agency: str | None = None
    diagnosis_code: str | None = None
    diagnosis_name: str | None = None
    condition: str | None = None
    target_code: str | None = None
    target_name: str | None = None
    target_region: str | None = None
    agreed: bool | None = None
    kind: str | None = None
    referred_on: dt.date | None = None
    reason: str | None = None
    opinion: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    used: str | None = None


class ReferralAnswer(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`filing.referral.answered.v1`."""

    referrals: tuple[Referral, ...] = ()

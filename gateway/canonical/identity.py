"""Identity: who is this person, and what are they insured for."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.money import Fen

Region = Annotated[str, Meta(pattern=r"^\d{6}$", description="GB/T 2260 region code")]
InstitutionCode = Annotated[str, Meta(min_length=1, max_length=30)]


class Caller(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asks: the institution and its operator, as the public header of the national interface has them."""

    institution_code: InstitutionCode
    institution_name: str
    treatment_region: Region
    operator_code: str
    operator_name: str


class PersonQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.person.queried.v1`: national transaction 1101, 人员信息获取."""

    institution_code: InstitutionCode
    institution_name: str
    treatment_region: Region
    insured_region: Region | None = None  #: where the hospital knows it, as for a person from elsewhere
    operator_code: str
    operator_name: str
    certificate_kind: str  #: 就诊凭证类型, code table mdtrt_cert_type
    certificate_no: str  #: e-voucher token, identity number or card number, by kind
    card_sn: str | None = None
    since: dt.datetime | None = None  #: asks for the insurance history from then on
    document_kind: str | None = None  #: 人员证件类型, code table psn_cert_type
    document_no: str | None = None
    name: str | None = None
    extension: str | None = None  #: what else the sender said, as JSON text


class Insurance(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One insurance relation of a person."""

    kind: str  #: 险种类型, code table insutype
    balance: Fen
    person_kind: str  #: 人员类别, code table psn_type
    state: str | None = None  #: 人员参保状态, code table psn_insu_stas
    since: dt.date | None = None
    paused_since: dt.date | None = None
    civil_servant: bool = False
    insured_region: Region | None = None
    employer: str | None = None


class Status(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A special status of a person (身份信息), such as a recipient of assistance."""

    kind: str
    level: str
    memo: str | None = None
    since: dt.datetime
    until: dt.datetime | None = None


class PersonAnswer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.person.answered.v1`: what the settlement platform knows about the person."""

    person_no: str
    document_kind: str
    document_no: str
    name: str
    sex: str  #: code table gend
    ethnic_group: str | None = None  #: GB/T 3304
    birth_date: dt.date | None = None
    age: str  #: years with one decimal, as the platform counts them
    insurances: tuple[Insurance, ...] = ()
    statuses: tuple[Status, ...] = ()
    extra: str | None = None  #: 字段扩展 exp_content
    extension: str | None = None  #: what else the platform said, as JSON text
    raw_code: str
    raw_text: str | None = None

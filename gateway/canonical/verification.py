"""Verification: does the population register of the police agree with what a person says, and is she alive?

An `outcome` speaks of the answer as a whole. `not_found` is no `mismatch`: a new-born, a soldier or somebody
who moved last week is not found either. `unavailable` says nothing about the person at all; it is what an
answer is until somebody has looked at it.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.identity import Region

DocumentNo = Annotated[str, Meta(pattern=r"^\d{17}[\dX]$", description="GB 11643")]
Name = Annotated[str, Meta(min_length=1, max_length=50)]
Purpose = Annotated[str, Meta(min_length=1, max_length=60, description="为何核验, for the register's audit")]
Outcome = Annotated[str, Meta(pattern=r"^(match|mismatch|not_found|unavailable)$")]
Operator = Annotated[str, Meta(min_length=1, max_length=30)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Code = Annotated[str, Meta(min_length=1, max_length=30)]
Photo = Annotated[str, Meta(min_length=1, max_length=400_000, description="JPEG in base64")]


class PersonCheckAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.check.asked.v1`: do name and number belong together?

    The register wants to know who looks: an operator without an identity number cannot ask everywhere.
    """

    document_no: DocumentNo
    name: Name
    region: Region  #: where the business happens
    purpose: Purpose
    operator_code: Operator
    operator_name: Name
    operator_document_no: DocumentNo | None = None
    operator_department: Operator
    operator_address: Operator | None = None  #: MAC or IP
    photo_wanted: bool = False


class RegisterRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person as the register has her; a service gives the columns it was asked for."""

    document_no: DocumentNo
    name: Name | None = None
    former_name: Name | None = None
    sex: str | None = None  #: code table gend
    ethnic_group: str | None = None  #: code table naty
    birth_date: dt.date | None = None
    address: Text | None = None
    photo: Photo | None = None


class PersonCheckAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.check.answered.v1`: results where the service compares, records where it shows what it has."""

    outcome: Outcome = "unavailable"
    document_result: str | None = None  #: code table nciic_result
    name_result: str | None = None  #: code table nciic_result
    photo: Photo | None = None
    records: tuple[RegisterRecord, ...] = ()
    raw_code: Code | None = None
    raw_text: Text | None = None


class PersonToCheck(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person of a list."""

    document_no: DocumentNo
    name: Name
    region: Region
    purpose: Purpose


class PersonChecksAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.checks.asked.v1`: `identity.check.asked.v1` for many at once."""

    operator_code: Operator
    operator_name: Name
    operator_document_no: DocumentNo | None = None
    operator_department: Operator
    photo_wanted: bool = False
    persons: tuple[PersonToCheck, ...] = ()


class CheckedPerson(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The answer about one person of a list."""

    row_no: int | None = None  #: of the person asked about, from 1; rows may come in any order
    document_no: Text | None = None  #: as the service repeats it, right or wrong
    name: Text | None = None
    outcome: Outcome = "unavailable"
    document_result: str | None = None  #: code table nciic_result
    name_result: str | None = None  #: code table nciic_result
    photo: Photo | None = None
    raw_text: Text | None = None
    raw_field: Text | None = None  #: what the words are about


class PersonChecksAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.checks.answered.v1`: one row for every person asked about that the service spoke of."""

    persons: tuple[CheckedPerson, ...] = ()
    raw_code: Code | None = None
    raw_text: Text | None = None


class PersonOfRoll(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who may have died."""

    document_no: DocumentNo
    name: Name


class SurvivalAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.survival.asked.v1`: who of these is still alive? Answered later, in any number of parts."""

    purpose: Purpose
    operator_code: Operator
    operator_name: Name
    operator_document_no: DocumentNo
    operator_department: Operator
    operator_address: Operator | None = None
    persons: tuple[PersonOfRoll, ...] = ()


class SurvivingPerson(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the register says about one person of the roll.

    `state` is `alive`, `suspected_deceased` or `not_found`, or the register's own code where the table
    has no word for it. Deaths are reported late and sometimes wrongly: nothing ends by itself because of this.
    """

    document_no: DocumentNo
    name: Name | None = None
    state: Code  #: code table psn_register_state


class SurvivalAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`identity.survival.answered.v1`: one part of an answer. Who is in none of the parts was not found."""

    total_count: int
    persons: tuple[SurvivingPerson, ...] = ()
    raw_code: Code
    raw_text: Text | None = None

"""What must be true of every message before the police are asked anything. Pure.

Who asks, about whom and why is recorded at their end and in our audit log; a message that does not say it, or
says two different things, goes nowhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, TypeAlias

from adapters.police.persons import demand_sound, region_known
from gateway.canonical import Message
from gateway.canonical.verification import (
    PersonCheckAsked,
    PersonChecksAsked,
    PersonOfRoll,
    PersonToCheck,
    SurvivalAsked,
)
from gateway.contract import Reject
from mappings.catalogue import china_day

Asked: TypeAlias = PersonCheckAsked | PersonChecksAsked | SurvivalAsked

MOST: Final = 100_000  #: persons of one list
_OPERATOR: Final = ("operator_code", "operator_name", "operator_department")


def demand_all(message: Message, body: Asked, allowed: tuple[str, ...]) -> int:
    """Checks a message of any length; how many of its numbers name no region of today.

    Raises:
        Reject: naming the field and the rule, never a value of it.
    """
    today = china_day(message.time)
    for field in _OPERATOR:
        if not getattr(body, field).strip():
            raise _refused(field, "required", "不可为空", "must not be blank")
    if body.operator_document_no is not None:
        demand_sound(body.operator_document_no, today, "operator_document_no")
    if isinstance(body, PersonCheckAsked):
        _demand_purpose(message, body.purpose, allowed)
        return _demand_persons([body], today)
    if not 0 < len(body.persons) <= MOST:
        raise _refused("persons", "count", f"须为 1 至 {MOST} 人", f"must be 1 to {MOST}")
    if isinstance(body, SurvivalAsked):
        _demand_purpose(message, body.purpose, allowed)
    else:
        for purpose in {person.purpose for person in body.persons}:
            _demand_purpose(message, purpose, allowed, same=False)
    return _demand_persons(body.persons, today, rows=True)


def _demand_purpose(message: Message, purpose: str, allowed: tuple[str, ...], same: bool = True) -> None:
    """The purpose in the body goes to the police, that of the envelope into the audit log."""
    if not purpose.strip() or not (message.purpose or "").strip():
        zh = "必须说明，报文信封与内容都要有，以便审计"
        raise _refused("purpose", "required", zh, "must be stated in envelope and body, for the audit log")
    if same and purpose != message.purpose:
        raise _refused("purpose", "same", "与报文信封不一致", "differs from that of the envelope")
    if allowed and purpose not in allowed:
        raise _refused("purpose", "allowed", "不在允许的使用目的之内", "is not among the allowed purposes")


def _demand_persons(
    persons: Sequence[PersonCheckAsked | PersonToCheck | PersonOfRoll], today: dt.date, rows: bool = False
) -> int:
    strange = 0
    for place, person in enumerate(persons):
        where = f"persons[{place}]." if rows else ""
        demand_sound(person.document_no, today, f"{where}document_no")
        if not person.name.strip():
            raise _refused(f"{where}name", "required", "不可为空", "must not be blank")
        strange += not region_known(person.document_no)
    return strange


def _refused(field: str, rule: str, zh: str, en: str) -> Reject:
    return Reject(f"{field} {zh}", f"{field} {en}", code="invalid", field=field, rule=rule)

"""How the platform's own books tell what became of a transaction whose answer was lost.

A question is a query transaction (52xx, 53xx) about the subject of the request, and a judgement of its answer:

    Accepted   it came and took effect; with the reply it would have had
    Absent     it is not in the books
    Unknown    the books do not tell: somewhat there, somewhat not, or not as it was asked for

Judgements are pure and see canonical bodies only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.canonical import Body
from gateway.canonical.care import (
    AdmissionCancelled,
    AdmissionRegistered,
    DischargeCancelled,
    PatientAdmitted,
    PatientDischarged,
    PatientUpdated,
)
from gateway.canonical.filing import (
    ChronicDiseaseAnswer,
    ChronicDiseaseFiled,
    ChronicDiseaseQuery,
    DesignationAnswer,
    DesignationFiled,
    DesignationQuery,
    FilingAccepted,
    ReferralAnswer,
    ReferralFiled,
    ReferralQuery,
)
from gateway.canonical.inquiry import (
    DiagnosesAnswer,
    DiagnosesQuery,
    StayQuery,
    VisitRecord,
    VisitsAnswer,
    VisitsQuery,
)
from gateway.canonical.outpatient import (
    RegistrationDone,
    RegistrationSubmitted,
    RegistrationWithdrawn,
    VisitSubmitted,
)
from gateway.canonical.refusal import RequestDone
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimQuery,
    ClaimSettled,
)
from gateway.contract import Absent, Accepted, Unknown

Verdict: TypeAlias = Accepted | Absent | Unknown
#: A day on either side of a time that the platform may have rounded or moved.
_AROUND: Final = dt.timedelta(days=1)


class Question(Struct, frozen=True):
    """A query, and what its answer proves about a request."""

    infno: str
    ask: Callable[[Any], Body]  #: the request → the query
    judge: Callable[[Any, Any], Verdict]  #: the request, the query's answer → what is known
    #: The answer that "found nothing" stands for; None: then the request is not in the books.
    nothing: Callable[..., Body] | None = None
    #: Ours among several, by our msgid, where the answer holds settlements of others as well.
    pick: Callable[[dict[str, Any], str], dict[str, Any] | None] | None = None


def caller(body: Any) -> dict[str, Any]:
    """Who asks, and where the person is insured: there, where nothing else is known, as treated."""
    return {
        "institution_code": body.institution_code,
        "institution_name": body.institution_name,
        "treatment_region": body.treatment_region,
        "insured_region": body.insured_region or body.treatment_region,
        "operator_code": body.operator_code,
        "operator_name": body.operator_name,
    }


def done(answer: Any) -> RequestDone:
    """The reply of a request that has no content of its own."""
    return RequestDone(raw_code=answer.raw_code, raw_text=answer.raw_text)


# -- 5203: settlements, and refunds as settlements of their own ---------------------------------------


def _settlement_of(body: Any) -> ClaimQuery:
    return ClaimQuery(**caller(body), person_no=body.person_no, visit_id=body.visit_id)


def our_settlement(output: dict[str, Any], msgid: str) -> dict[str, Any] | None:
    """The settlement of our msgid; some platforms give one settlement, some a list."""
    info = output.get("setlinfo")
    for one in info if isinstance(info, list) else [info]:
        if isinstance(one, dict) and one.get("medins_setl_id") == msgid:
            # Fund details are of all settlements together where there are several.
            details = output.get("setldetail") if not isinstance(info, list) or len(info) == 1 else None
            return {"setlinfo": one, "setldetail": details}
    return None


def _settled(body: Any, found: ClaimSettled) -> Verdict:
    return Accepted(reply=refund_of(found) if isinstance(body, CancellationRequested) else found)


def refund_of(settled: ClaimSettled) -> CancellationDone:
    """5203 shows settlements and refunds alike; a cancellation's answer is the refund."""
    return CancellationDone(
        settlement_id=settled.settlement_id,
        visit_id=settled.visit_id,
        settled_at=settled.settled_at,
        total=settled.total,
        fund_total=settled.fund_total,
        personal_total=settled.personal_total,
        account_paid=settled.account_paid,
        cash_paid=settled.cash_paid,
        balance=settled.balance,
        clearing_agency=settled.clearing_agency,
        sender_message_id=settled.sender_message_id,
        raw_code=settled.raw_code,
        raw_text=settled.raw_text,
    )


SETTLEMENT: Final = Question("5203", _settlement_of, _settled, pick=our_settlement)


# -- 5201: visits --------------------------------------------------------------------------------------


def _visits_around(body: RegistrationSubmitted) -> VisitsQuery:
    return VisitsQuery(
        **caller(body),
        person_no=body.person_no,
        since=body.registered_at - _AROUND,
        until=body.registered_at + _AROUND,
    )


def _registered(body: RegistrationSubmitted, found: VisitsAnswer) -> Verdict:
    visit = next((v for v in found.visits if v.encounter_no == body.outpatient_no), None)
    if visit is None:
        return Absent()
    reply = RegistrationDone(
        visit_id=visit.visit_id,
        person_no=visit.person_no,
        outpatient_no=body.outpatient_no,
        raw_code=found.raw_code,
        raw_text=found.raw_text,
    )
    return Accepted(reply=reply)


def _visit_of(body: Any) -> VisitsQuery:
    return VisitsQuery(**caller(body), person_no=body.person_no, visit_id=body.visit_id)


def _gone(body: RegistrationWithdrawn | AdmissionCancelled, found: VisitsAnswer) -> Verdict:
    return Accepted(reply=done(found)) if _visit(found, body.visit_id) is None else Absent()


def _visit(found: VisitsAnswer, visit_id: str | None) -> VisitRecord | None:
    return next((v for v in found.visits if v.visit_id == visit_id), None)


REGISTRATION: Final = Question("5201", _visits_around, _registered, VisitsAnswer)
NO_SUCH_VISIT: Final = Question("5201", _visit_of, _gone, VisitsAnswer)


# -- 5202: diagnoses of a visit ------------------------------------------------------------------------


def _diagnoses_of(body: VisitSubmitted) -> DiagnosesQuery:
    return DiagnosesQuery(**caller(body), visit_id=body.visit_id, person_no=body.person_no)


def _diagnosed(body: VisitSubmitted, found: DiagnosesAnswer) -> Verdict:
    ours = {(d.kind, d.code, d.valid) for d in body.diagnoses}
    there = {(d.kind, d.code, d.valid is not False) for d in found.diagnoses} & ours
    if not ours:
        return Unknown(reason="没有诊断，5202 无从核实 / without diagnoses 5202 tells nothing")
    if there == ours:
        return Accepted(reply=done(found))
    return Absent() if not there else Unknown(reason="只查到部分诊断 / only some of the diagnoses are there")


DIAGNOSES: Final = Question("5202", _diagnoses_of, _diagnosed, DiagnosesAnswer)


# -- 5303: who is in hospital --------------------------------------------------------------------------


def _stay_of(body: Any) -> StayQuery:
    return StayQuery(**caller(body), person_no=body.person_no)


def _admitted(body: PatientAdmitted, found: VisitsAnswer) -> Verdict:
    stay = next((v for v in found.visits if v.encounter_no == body.inpatient_no), None)
    if stay is None:
        return Absent()
    reply = AdmissionRegistered(visit_id=stay.visit_id, raw_code=found.raw_code, raw_text=found.raw_text)
    return Accepted(reply=reply)


def _discharged(body: PatientDischarged, found: VisitsAnswer) -> Verdict:
    stay = _visit(found, body.visit_id)
    return Absent() if stay is not None and stay.ended_at is None else Accepted(reply=done(found))


def _back_in_hospital(body: DischargeCancelled, found: VisitsAnswer) -> Verdict:
    stay = _visit(found, body.visit_id)
    return Absent() if stay is None or stay.ended_at is not None else Accepted(reply=done(found))


#: Fields of a change (2403) that the centre shows: the request's, the record's.
_SHOWN: Final = (
    ("admitted_at", "began_at"),
    ("bed", "admission_bed"),
    ("department_code", "admission_department_code"),
    ("doctor_code", "doctor_code"),
    ("main_diagnosis_code", "main_diagnosis_code"),
    ("medical_record_no", "medical_record_no"),
    ("disease_code", "disease_code"),
)


def _changed(body: PatientUpdated, found: VisitsAnswer) -> Verdict:
    stay = _visit(found, body.visit_id)
    if stay is None:
        return Unknown(reason="5303 没有此次住院 / 5303 does not show the stay")
    pairs = [(getattr(body, ours), getattr(stay, theirs)) for ours, theirs in _SHOWN]
    same = all(ours == theirs for ours, theirs in pairs if ours is not None)
    return Accepted(reply=done(found)) if same else Absent()


ADMISSION: Final = Question("5303", _stay_of, _admitted, VisitsAnswer)
DISCHARGE: Final = Question("5303", _stay_of, _discharged, VisitsAnswer)
NO_DISCHARGE: Final = Question("5303", _stay_of, _back_in_hospital, VisitsAnswer)
CHANGE: Final = Question("5303", _stay_of, _changed, VisitsAnswer)


# -- 5301, 5302, 5304: filings -------------------------------------------------------------------------

_NO_NUMBER: Final = Unknown(
    reason="备案已在，但查询不给流水号 / it is filed, but the query does not tell its number"
)


def _referrals_of(body: ReferralFiled) -> ReferralQuery:
    day = dt.datetime.combine(body.referred_on, dt.time(), dt.UTC)
    return ReferralQuery(**caller(body), person_no=body.person_no, since=day - _AROUND, until=day + _AROUND)


def _referred(body: ReferralFiled, found: ReferralAnswer) -> Verdict:
    wanted = (body.target_code, body.referred_on, body.diagnosis_code)
    rows = [r for r in found.referrals if (r.target_code, r.referred_on, r.diagnosis_code) == wanted]
    if not rows:
        return Absent()
    if rows[0].filing_no is None:
        return _NO_NUMBER
    return Accepted(
        reply=FilingAccepted(filing_no=rows[0].filing_no, raw_code=found.raw_code, raw_text=found.raw_text)
    )


def _diseases_of(body: ChronicDiseaseFiled) -> ChronicDiseaseQuery:
    return ChronicDiseaseQuery(**caller(body), person_no=body.person_no)


def _disease_filed(body: ChronicDiseaseFiled, found: ChronicDiseaseAnswer) -> Verdict:
    wanted = (body.disease_code, body.since)
    return _NO_NUMBER if wanted in [(d.disease_code, d.since) for d in found.diseases] else Absent()


def _designations_of(body: DesignationFiled) -> DesignationQuery:
    return DesignationQuery(**caller(body), person_no=body.person_no, kind=body.kind)


def _designated(body: DesignationFiled, found: DesignationAnswer) -> Verdict:
    wanted = (body.designated_code, body.since)
    rows = [(d.designated_code, d.since) for d in found.designations]
    return _NO_NUMBER if wanted in rows else Absent()


REFERRAL: Final = Question("5304", _referrals_of, _referred, ReferralAnswer)
CHRONIC_DISEASE: Final = Question("5301", _diseases_of, _disease_filed, ChronicDiseaseAnswer)
DESIGNATION: Final = Question("5302", _designations_of, _designated, DesignationAnswer)

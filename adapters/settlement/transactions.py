"""The transactions of the national interface, one row each: what carries which canonical message.

`effect` says what an answer that never came may mean, and so how it is settled (`on_unknown` of the manifest):

    none      nothing is recorded, or twice is as good as once: sent again                  resend
    reversed  2601 takes it back: asked about, where there is a question, then reversed     reverse
    asked     the platform's own books tell whether it came: asked about, sent again if not query
    open      neither: a person decides                                                     manual
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from adapters.settlement import questions as ask
from adapters.settlement import stored_fees
from adapters.settlement.questions import Question
from gateway.canonical import (
    Body,
    care,
    catalogue,
    filing,
    identity,
    inpatient,
    inquiry,
    outpatient,
    reconciliation,
    refusal,
    settlement,
    settlement_list,
)
from gateway.contract import Reject

Effect = Literal["none", "reversed", "asked", "open"]
#: Newer forms that a province takes in place of the older: the same fields under another number.
Variant = Literal["2203A", "2207A"]


class Transaction(Struct, frozen=True):
    """How one kind of message is carried."""

    operation: str  #: its name in the manifest
    infno: str
    request: type[Any]
    reply: type[Any]
    effect: Effect = "none"
    ask: Question | None = None  #: what tells whether it took effect
    moves_money: bool = False
    form: str = ""  #: whose mappings it shares, where they are not its own: `input`, or `input/output`
    when: Callable[[Any], bool] | None = None  #: which messages, where several transactions share a type

    @property
    def input(self) -> str:
        """The mapping of its input."""
        return f"{self.form.partition('/')[0] or self.infno.lower()}.input"

    @property
    def output(self) -> str | None:
        """The mapping of its output; None where success says everything."""
        if self.reply in (refusal.RequestDone, settlement.ReversalDone):
            return None
        return f"{self.form.rpartition('/')[2] or self.infno.lower()}.output"


def _filing(*numbers: str) -> Callable[[filing.FilingWithdrawn], bool]:
    return lambda body: body.transaction in numbers


_T = Transaction
_ROWS: Final = (
    _T("person-query", "1101", identity.PersonQuery, identity.PersonAnswer),
    _T("benefit-query", "2001", outpatient.BenefitQuery, outpatient.BenefitAnswer),
    # Outpatients
    _T("registration", "2201", outpatient.RegistrationSubmitted, outpatient.RegistrationDone,
       "asked", ask.REGISTRATION),
    _T("registration-withdrawal", "2202", outpatient.RegistrationWithdrawn, refusal.RequestDone,
       "asked", ask.NO_SUCH_VISIT),
    _T("visit", "2203", outpatient.VisitSubmitted, refusal.RequestDone, "asked", ask.DIAGNOSES),
    _T("fees", "2204", outpatient.OutpatientFeesUploaded, outpatient.OutpatientFeesPriced,
       "asked", stored_fees.UPLOAD),
    _T("fees-withdrawal", "2205", outpatient.OutpatientFeesWithdrawn, refusal.RequestDone,
       "asked", stored_fees.BATCH_WITHDRAWAL),
    _T("outpatient-estimate", "2206", outpatient.OutpatientEstimateRequested, settlement.ClaimEstimated),
    _T("outpatient-settlement", "2207", settlement.ClaimSubmitted, settlement.ClaimSettled,
       "reversed", ask.SETTLEMENT, moves_money=True),
    _T("settlement-cancellation", "2208", settlement.CancellationRequested, settlement.CancellationDone,
       "reversed", ask.SETTLEMENT, moves_money=True),
    # Inpatients
    _T("inpatient-fees", "2301", inpatient.FeesUploaded, inpatient.FeesPriced, "asked", stored_fees.UPLOAD),
    _T("inpatient-fees-withdrawal", "2302", inpatient.FeesWithdrawn, refusal.RequestDone,
       "asked", stored_fees.LINES_WITHDRAWAL),
    _T("inpatient-estimate", "2303", inpatient.EstimateRequested, settlement.ClaimEstimated),
    _T("inpatient-settlement", "2304", inpatient.InpatientClaimSubmitted, settlement.ClaimSettled,
       "reversed", ask.SETTLEMENT, moves_money=True),
    _T("inpatient-cancellation", "2305", inpatient.InpatientCancellationRequested, settlement.CancellationDone,
       "reversed", ask.SETTLEMENT, moves_money=True),
    _T("admission", "2401", care.PatientAdmitted, care.AdmissionRegistered, "reversed", ask.ADMISSION),
    _T("discharge", "2402", care.PatientDischarged, refusal.RequestDone, "asked", ask.DISCHARGE),
    _T("stay-change", "2403", care.PatientUpdated, refusal.RequestDone, "asked", ask.CHANGE),
    _T("admission-cancellation", "2404", care.AdmissionCancelled, refusal.RequestDone,
       "asked", ask.NO_SUCH_VISIT),
    _T("discharge-cancellation", "2405", care.DischargeCancelled, refusal.RequestDone,
       "asked", ask.NO_DISCHARGE),
    # Filings
    _T("referral-filing", "2501", filing.ReferralFiled, filing.FilingAccepted, "asked", ask.REFERRAL,
       when=lambda body: body.previous_visit_id is None),
    _T("referral-filing", "2501A", filing.ReferralFiled, filing.FilingAccepted, "asked", ask.REFERRAL,
       form="2501"),
    _T("chronic-disease-filing", "2503", filing.ChronicDiseaseFiled, filing.FilingAccepted,
       "asked", ask.CHRONIC_DISEASE, form="2503/2501"),
    _T("designation-filing", "2505", filing.DesignationFiled, filing.FilingAccepted,
       "asked", ask.DESIGNATION, form="2505/2501"),
    # No query shows a withdrawal: what was withdrawn years ago and what never was look the same.
    _T("filing-withdrawal", "2502", filing.FilingWithdrawn, refusal.RequestDone, "open",
       when=_filing("2502")),
    _T("filing-withdrawal", "2504", filing.FilingWithdrawn, refusal.RequestDone, "open",
       when=_filing("2504")),
    _T("filing-withdrawal", "2506", filing.FilingWithdrawn, refusal.RequestDone, "open",
       form="2504", when=_filing("2506")),
    # A reversal is about one msgid: sent again it cannot reverse anything else.
    _T("settlement-reversal", "2601", settlement.ReversalRequested, settlement.ReversalDone),
    # Reconciliation compares and records nothing that a second comparison would double.
    _T("statement", "3201", reconciliation.StatementSubmitted, reconciliation.StatementAnswered),
    _T("statement-details", "3202", reconciliation.DetailsSubmitted, reconciliation.DetailsCompared),
    _T("catalogue-match", "3301", catalogue.CatalogueMatched, refusal.RequestDone, "open"),
    _T("catalogue-match-withdrawal", "3302", catalogue.CatalogueMatchWithdrawn, refusal.RequestDone, "open"),
    # Only 4101A names the person.
    _T("settlement-list", "4101", settlement_list.SettlementListSubmitted,
       settlement_list.SettlementListAccepted, "open", when=lambda body: body.person_no is None),
    _T("settlement-list", "4101A", settlement_list.SettlementListSubmitted,
       settlement_list.SettlementListAccepted, "open"),
    # Inquiries
    _T("visits-query", "5201", inquiry.VisitsQuery, inquiry.VisitsAnswer),
    _T("diagnoses-query", "5202", inquiry.DiagnosesQuery, inquiry.DiagnosesAnswer),
    _T("settlement-query", "5203", settlement.ClaimQuery, settlement.ClaimSettled),
    _T("fees-query", "5204", inquiry.FeesQuery, inquiry.FeesAnswer),
    _T("medication-query", "5205", inquiry.MedicationQuery, inquiry.FeesAnswer),
    _T("sums-query", "5206", inquiry.SumsQuery, inquiry.SumsAnswer),
    _T("chronic-disease-query", "5301", filing.ChronicDiseaseQuery, filing.ChronicDiseaseAnswer),
    _T("designation-query", "5302", filing.DesignationQuery, filing.DesignationAnswer),
    _T("stay-query", "5303", inquiry.StayQuery, inquiry.VisitsAnswer),
    _T("referral-query", "5304", filing.ReferralQuery, filing.ReferralAnswer),
)  # fmt: skip

#: Canonical request → the transactions that carry it; the first whose `when` holds does.
TRANSACTIONS: Final[dict[type[Any], tuple[Transaction, ...]]] = {
    row.request: tuple(r for r in _ROWS if r.request is row.request) for row in _ROWS
}
#: Mappings of what travels beside 3202.
_FILES: Final = ("3202.file", "3202.result", "9101.input", "9101.output", "9102.input")
#: Every mapping that is needed; the sign-in is written by the channel itself.
FORMATS: Final = tuple(
    sorted({row.input for row in _ROWS} | {row.output for row in _ROWS if row.output} | {*_FILES})
)


def as_sent(infno: str, variants: Collection[str]) -> str:
    """The number under which a transaction goes to the platform, whichever of its two the hospital uses."""
    older = infno.removesuffix("A")
    newer = f"{older}A"
    if newer in variants:
        return newer
    return older if infno in get_args(Variant) else infno


def transaction_of(body: Body, variants: Collection[str] = ()) -> Transaction:
    """The transaction for a message, in the newer form where the province takes that.

    Raises:
        Reject: this platform has none for it.
    """
    rows = TRANSACTIONS.get(type(body))
    if rows is None:
        raise Reject("结算平台不接收此类消息", "the platform takes no such message", code="unknown-operation")
    row = next((r for r in rows if r.when is None or r.when(body)), None)
    if row is None:
        raise Reject(
            "备案撤销的交易编号应为 2502、2504 或 2506",
            "a filing is withdrawn by 2502, 2504 or 2506",
            code="invalid",
            field="transaction",
            rule="code",
        )
    newer = f"{row.infno}A"
    return replace(row, infno=newer, form=row.infno) if newer in variants else row

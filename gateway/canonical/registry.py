"""Which body belongs to which message type. A new body is added here, or in `registry_levy`, and nowhere else."""

from __future__ import annotations

from typing import TypeAlias

from gateway.canonical.account import (
    EntriesNotified,
    StatementReported,
    VerificationAnswered,
    VerificationAsked,
)
from gateway.canonical.care import (
    AdmissionCancelled,
    AdmissionRegistered,
    ChargesPosted,
    DischargeCancelled,
    InvoiceIssued,
    PatientAdmitted,
    PatientDischarged,
    PatientRegistered,
    PatientTransferred,
    PatientUpdated,
    RegistrationUpdated,
    ResultReported,
)
from gateway.canonical.catalogue import CatalogueMatched, CatalogueMatchWithdrawn
from gateway.canonical.exchange import FileSubmitted
from gateway.canonical.filing import (
    ChronicDiseaseAnswer,
    ChronicDiseaseFiled,
    ChronicDiseaseQuery,
    DesignationAnswer,
    DesignationFiled,
    DesignationQuery,
    FilingAccepted,
    FilingWithdrawn,
    ReferralAnswer,
    ReferralFiled,
    ReferralQuery,
)
from gateway.canonical.identity import PersonAnswer, PersonQuery
from gateway.canonical.inpatient import (
    EstimateRequested,
    FeesPriced,
    FeesUploaded,
    FeesWithdrawn,
    InpatientCancellationRequested,
    InpatientClaimSubmitted,
)
from gateway.canonical.inquiry import (
    DiagnosesAnswer,
    DiagnosesQuery,
    FeesAnswer,
    FeesQuery,
    MedicationQuery,
    StayQuery,
    SumsAnswer,
    SumsQuery,
    VisitsAnswer,
    VisitsQuery,
)
from gateway.canonical.organisation import RegistrationChanged
from gateway.canonical.outpatient import (
    BenefitAnswer,
    BenefitQuery,
    OutpatientEstimateRequested,
    OutpatientFeesPriced,
    OutpatientFeesUploaded,
    OutpatientFeesWithdrawn,
    RegistrationDone,
    RegistrationSubmitted,
    RegistrationWithdrawn,
    VisitSubmitted,
)
from gateway.canonical.payment import (
    BatchReturned,
    ItemReturned,
    PaymentBatch,
    ReconciliationReported,
    StatusReported,
)
from gateway.canonical.receipt import MessageReceived
from gateway.canonical.reconciliation import (
    DetailFile,
    DetailsCompared,
    DetailsSubmitted,
    DifferencesReturned,
    StatementAnswered,
    StatementSubmitted,
)
from gateway.canonical.refusal import RequestDone, RequestRefused
from gateway.canonical.registry_levy import LEVY_BODIES, LevyBody
from gateway.canonical.session import (
    FileDownloadRequested,
    FileUploadDone,
    FileUploadRequested,
    SignInDone,
    SignInRequested,
    SignOutDone,
    SignOutRequested,
)
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimEstimated,
    ClaimQuery,
    ClaimSettled,
    ClaimSubmitted,
    ReversalDone,
    ReversalRequested,
)
from gateway.canonical.settlement_list import SettlementListAccepted, SettlementListSubmitted
from gateway.canonical.verification import (
    PersonCheckAnswered,
    PersonCheckAsked,
    PersonChecksAnswered,
    PersonChecksAsked,
    SurvivalAnswered,
    SurvivalAsked,
)

Body: TypeAlias = (
    PersonQuery
    | PersonAnswer
    | ClaimSubmitted
    | ClaimSettled
    | CancellationRequested
    | CancellationDone
    | ReversalRequested
    | ReversalDone
    | PaymentBatch
    | BatchReturned
    | ItemReturned
    | FileSubmitted
    | StatusReported
    | ReconciliationReported
    | StatementReported
    | EntriesNotified
    | VerificationAsked
    | VerificationAnswered
    | ClaimEstimated
    | PatientAdmitted
    | AdmissionRegistered
    | PatientTransferred
    | PatientDischarged
    | PatientUpdated
    | AdmissionCancelled
    | DischargeCancelled
    | ChargesPosted
    | InvoiceIssued
    | ResultReported
    | PatientRegistered
    | RegistrationUpdated
    | FeesUploaded
    | FeesPriced
    | FeesWithdrawn
    | EstimateRequested
    | InpatientClaimSubmitted
    | InpatientCancellationRequested
    | SettlementListSubmitted
    | SettlementListAccepted
    | CatalogueMatched
    | CatalogueMatchWithdrawn
    | ClaimQuery
    | BenefitQuery
    | BenefitAnswer
    | RegistrationSubmitted
    | RegistrationDone
    | RegistrationWithdrawn
    | VisitSubmitted
    | OutpatientFeesUploaded
    | OutpatientFeesPriced
    | OutpatientFeesWithdrawn
    | OutpatientEstimateRequested
    | ReferralFiled
    | ChronicDiseaseFiled
    | DesignationFiled
    | FilingAccepted
    | FilingWithdrawn
    | ChronicDiseaseQuery
    | ChronicDiseaseAnswer
    | DesignationQuery
    | DesignationAnswer
    | ReferralQuery
    | ReferralAnswer
    | VisitsQuery
    | StayQuery
    | VisitsAnswer
    | DiagnosesQuery
    | DiagnosesAnswer
    | FeesQuery
    | MedicationQuery
    | FeesAnswer
    | SumsQuery
    | SumsAnswer
    | StatementSubmitted
    | StatementAnswered
    | DetailsSubmitted
    | DetailsCompared
    | DetailFile
    | DifferencesReturned
    | SignInRequested
    | SignInDone
    | SignOutRequested
    | SignOutDone
    | FileUploadRequested
    | FileUploadDone
    | FileDownloadRequested
    | RequestDone
    | RegistrationChanged
    | MessageReceived
    | PersonCheckAsked
    | PersonCheckAnswered
    | PersonChecksAsked
    | PersonChecksAnswered
    | SurvivalAsked
    | SurvivalAnswered
    | RequestRefused
    | LevyBody
)

#: Message type (`area.entity.event.vN`) → body class.
BODIES: dict[str, type[Body]] = {
    "identity.person.queried.v1": PersonQuery,
    "identity.person.answered.v1": PersonAnswer,
    "settlement.claim.submitted.v1": ClaimSubmitted,
    "settlement.claim.settled.v1": ClaimSettled,
    "settlement.cancellation.requested.v1": CancellationRequested,
    "settlement.cancellation.done.v1": CancellationDone,
    "settlement.reversal.requested.v1": ReversalRequested,
    "settlement.reversal.done.v1": ReversalDone,
    "payment.batch.submitted.v1": PaymentBatch,
    "payment.batch.returned.v1": BatchReturned,
    "payment.item.returned.v1": ItemReturned,
    "file.exchange.submitted.v1": FileSubmitted,
    "payment.status.reported.v1": StatusReported,
    "payment.reconciliation.reported.v1": ReconciliationReported,
    "account.statement.reported.v1": StatementReported,
    "account.entries.notified.v1": EntriesNotified,
    "account.verification.asked.v1": VerificationAsked,
    "account.verification.answered.v1": VerificationAnswered,
    "settlement.claim.estimated.v1": ClaimEstimated,
    "settlement.list.submitted.v1": SettlementListSubmitted,
    "settlement.list.accepted.v1": SettlementListAccepted,
    "catalogue.match.submitted.v1": CatalogueMatched,
    "catalogue.match.withdrawn.v1": CatalogueMatchWithdrawn,
    "care.patient.admitted.v1": PatientAdmitted,
    "care.admission.registered.v1": AdmissionRegistered,
    "care.patient.transferred.v1": PatientTransferred,
    "care.patient.discharged.v1": PatientDischarged,
    "care.patient.updated.v1": PatientUpdated,
    "care.admission.cancelled.v1": AdmissionCancelled,
    "care.discharge.cancelled.v1": DischargeCancelled,
    "care.charges.posted.v1": ChargesPosted,
    "care.invoice.issued.v1": InvoiceIssued,
    "care.result.reported.v1": ResultReported,
    "care.patient.registered.v1": PatientRegistered,
    "care.registration.updated.v1": RegistrationUpdated,
    "inpatient.fees.uploaded.v1": FeesUploaded,
    "inpatient.fees.priced.v1": FeesPriced,
    "inpatient.fees.withdrawn.v1": FeesWithdrawn,
    "inpatient.estimate.requested.v1": EstimateRequested,
    "inpatient.claim.submitted.v1": InpatientClaimSubmitted,
    "inpatient.cancellation.requested.v1": InpatientCancellationRequested,
    "settlement.claim.queried.v1": ClaimQuery,
    "outpatient.benefit.queried.v1": BenefitQuery,
    "outpatient.benefit.answered.v1": BenefitAnswer,
    "outpatient.registration.submitted.v1": RegistrationSubmitted,
    "outpatient.registration.done.v1": RegistrationDone,
    "outpatient.registration.withdrawn.v1": RegistrationWithdrawn,
    "outpatient.visit.submitted.v1": VisitSubmitted,
    "outpatient.fees.uploaded.v1": OutpatientFeesUploaded,
    "outpatient.fees.priced.v1": OutpatientFeesPriced,
    "outpatient.fees.withdrawn.v1": OutpatientFeesWithdrawn,
    "outpatient.estimate.requested.v1": OutpatientEstimateRequested,
    "filing.referral.submitted.v1": ReferralFiled,
    "filing.chronic_disease.submitted.v1": ChronicDiseaseFiled,
    "filing.designation.submitted.v1": DesignationFiled,
    "filing.request.accepted.v1": FilingAccepted,
    "filing.request.withdrawn.v1": FilingWithdrawn,
    "filing.chronic_disease.queried.v1": ChronicDiseaseQuery,
    "filing.chronic_disease.answered.v1": ChronicDiseaseAnswer,
    "filing.designation.queried.v1": DesignationQuery,
    "filing.designation.answered.v1": DesignationAnswer,
    "filing.referral.queried.v1": ReferralQuery,
    "filing.referral.answered.v1": ReferralAnswer,
    "inquiry.visits.queried.v1": VisitsQuery,
    "inquiry.stay.queried.v1": StayQuery,
    "inquiry.visits.answered.v1": VisitsAnswer,
    "inquiry.diagnoses.queried.v1": DiagnosesQuery,
    "inquiry.diagnoses.answered.v1": DiagnosesAnswer,
    "inquiry.fees.queried.v1": FeesQuery,
    "inquiry.medication.queried.v1": MedicationQuery,
    "inquiry.fees.answered.v1": FeesAnswer,
    "inquiry.sums.queried.v1": SumsQuery,
    "inquiry.sums.answered.v1": SumsAnswer,
    "reconciliation.statement.submitted.v1": StatementSubmitted,
    "reconciliation.statement.answered.v1": StatementAnswered,
    "reconciliation.details.submitted.v1": DetailsSubmitted,
    "reconciliation.details.compared.v1": DetailsCompared,
    "reconciliation.file.submitted.v1": DetailFile,
    "reconciliation.differences.returned.v1": DifferencesReturned,
    "session.sign_in.requested.v1": SignInRequested,
    "session.sign_in.done.v1": SignInDone,
    "session.sign_out.requested.v1": SignOutRequested,
    "session.sign_out.done.v1": SignOutDone,
    "file.upload.requested.v1": FileUploadRequested,
    "file.upload.done.v1": FileUploadDone,
    "file.download.requested.v1": FileDownloadRequested,
    "gateway.request.done.v1": RequestDone,
    "organisation.registration.changed.v1": RegistrationChanged,
    "gateway.message.received.v1": MessageReceived,
    "identity.check.asked.v1": PersonCheckAsked,
    "identity.check.answered.v1": PersonCheckAnswered,
    "identity.checks.asked.v1": PersonChecksAsked,
    "identity.checks.answered.v1": PersonChecksAnswered,
    "identity.survival.asked.v1": SurvivalAsked,
    "identity.survival.answered.v1": SurvivalAnswered,
    "gateway.request.refused.v1": RequestRefused,
    **LEVY_BODIES,
}

"""The part of the registry that holds levies; only `registry` uses it."""

from __future__ import annotations

from typing import Final, TypeAlias

from gateway.canonical.levy import (
    AgreementAnswered,
    AgreementAsked,
    DebitAnswered,
    DebitAsked,
    DebitBatchReturned,
    DebitBatchSubmitted,
    DebitReversalAnswered,
    DebitReversalAsked,
    DebitsChecked,
)
from gateway.canonical.levy_bank import (
    BankDayAnswered,
    BankDayStated,
    DebitForwarded,
)
from gateway.canonical.levy_bill import (
    BillAnswered,
    BillDebitAnswered,
    BillDebitAsked,
    BillDeclared,
    BillQueried,
)
from gateway.canonical.levy_day import (
    CorrectionsChecked,
    EntriesAsked,
    EntriesReported,
    PackagesAnnounced,
    RefundsChecked,
    ReportAsked,
    ReportReported,
)
from gateway.canonical.levy_network import (
    ConnectionTested,
    DebitStateAnswered,
    DebitStateAsked,
    NodeFaultAnnounced,
    NodeLoggedOut,
    NodeLogInAnswered,
    NodeLogInAsked,
    NodeLogOutAnswered,
    NodeLogOutAsked,
    ReceiptGiven,
    RequestAnswered,
    ResendAsked,
    ServiceStopped,
    TextSent,
    WorkingDayChanged,
)
from gateway.canonical.levy_reference import (
    ParametersChanged,
    ReferenceDataChanged,
)
from gateway.canonical.levy_refund import (
    CorrectionsSubmitted,
    OffsetsSubmitted,
    PackageAnswered,
    RefundsSubmitted,
    SelfPaymentsSubmitted,
)

LevyBody: TypeAlias = (
    DebitAsked
    | DebitAnswered
    | DebitBatchSubmitted
    | DebitBatchReturned
    | DebitReversalAsked
    | DebitReversalAnswered
    | AgreementAsked
    | AgreementAnswered
    | DebitStateAsked
    | DebitStateAnswered
    | DebitsChecked
    | ReceiptGiven
    | NodeLogInAsked
    | NodeLogInAnswered
    | WorkingDayChanged
    | DebitForwarded
    | BankDayStated
    | BankDayAnswered
    | BillQueried
    | BillAnswered
    | BillDeclared
    | BillDebitAsked
    | BillDebitAnswered
    | PackagesAnnounced
    | RefundsChecked
    | CorrectionsChecked
    | EntriesAsked
    | EntriesReported
    | ReportAsked
    | ReportReported
    | NodeLogOutAsked
    | NodeLogOutAnswered
    | NodeLoggedOut
    | ConnectionTested
    | NodeFaultAnnounced
    | ServiceStopped
    | TextSent
    | RequestAnswered
    | ResendAsked
    | ReferenceDataChanged
    | ParametersChanged
    | SelfPaymentsSubmitted
    | RefundsSubmitted
    | CorrectionsSubmitted
    | OffsetsSubmitted
    | PackageAnswered
)

#: Message type → body class.
LEVY_BODIES: Final[dict[str, type[LevyBody]]] = {
    "levy.debit.asked.v1": DebitAsked,
    "levy.debit.answered.v1": DebitAnswered,
    "levy.batch.submitted.v1": DebitBatchSubmitted,
    "levy.batch.returned.v1": DebitBatchReturned,
    "levy.reversal.asked.v1": DebitReversalAsked,
    "levy.reversal.answered.v1": DebitReversalAnswered,
    "levy.agreement.asked.v1": AgreementAsked,
    "levy.agreement.answered.v1": AgreementAnswered,
    "levy.state.asked.v1": DebitStateAsked,
    "levy.state.answered.v1": DebitStateAnswered,
    "levy.day.checked.v1": DebitsChecked,
    "levy.message.answered.v1": ReceiptGiven,
    "levy.log_in.asked.v1": NodeLogInAsked,
    "levy.log_in.answered.v1": NodeLogInAnswered,
    "levy.working_day.changed.v1": WorkingDayChanged,
    "levy.debit.forwarded.v1": DebitForwarded,
    "levy.bank_day.stated.v1": BankDayStated,
    "levy.bank_day.answered.v1": BankDayAnswered,
    "levy.bill.queried.v1": BillQueried,
    "levy.bill.answered.v1": BillAnswered,
    "levy.bill.declared.v1": BillDeclared,
    "levy.bill_debit.asked.v1": BillDebitAsked,
    "levy.bill_debit.answered.v1": BillDebitAnswered,
    "levy.packages.announced.v1": PackagesAnnounced,
    "levy.refunds.checked.v1": RefundsChecked,
    "levy.corrections.checked.v1": CorrectionsChecked,
    "levy.treasury_entries.asked.v1": EntriesAsked,
    "levy.treasury_entries.reported.v1": EntriesReported,
    "levy.treasury_report.asked.v1": ReportAsked,
    "levy.treasury_report.reported.v1": ReportReported,
    "levy.log_out.asked.v1": NodeLogOutAsked,
    "levy.log_out.answered.v1": NodeLogOutAnswered,
    "levy.log_out.forced.v1": NodeLoggedOut,
    "levy.connection.tested.v1": ConnectionTested,
    "levy.node_fault.announced.v1": NodeFaultAnnounced,
    "levy.service.stopped.v1": ServiceStopped,
    "levy.text.sent.v1": TextSent,
    "levy.request.answered.v1": RequestAnswered,
    "levy.resend.asked.v1": ResendAsked,
    "levy.reference_data.changed.v1": ReferenceDataChanged,
    "levy.parameters.changed.v1": ParametersChanged,
    "levy.self_payments.submitted.v1": SelfPaymentsSubmitted,
    "levy.refunds.submitted.v1": RefundsSubmitted,
    "levy.corrections.submitted.v1": CorrectionsSubmitted,
    "levy.offsets.submitted.v1": OffsetsSubmitted,
    "levy.package.answered.v1": PackageAnswered,
}

"""Payments: batches given to a bank, and what became of each item. Words and limits are those of ISO 20022.

One family serves every bank and both directions of money. `own_*` is the account of the party that submits the
batch: the debtor's in a credit transfer (代发), the creditor's in a direct debit (代扣). An item names the account
on the other side.

A result's `status` is one of `OUTCOMES`, and where the partner says more by the same code, a finer word
behind a dot: `rejected.no-account`. So each code of a partner has exactly one status, and whoever only wants
to know whether money moved asks `outcome`. A code that no table knows stays as the partner wrote it: its
outcome is `unknown`, which is neither success nor failure.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from msgspec import Meta, Struct

from gateway.canonical.money import Fen

Reference = Annotated[str, Meta(min_length=1, max_length=35, description="ISO 20022 Max35Text")]
AccountNo = Annotated[str, Meta(min_length=1, max_length=35)]
PartyName = Annotated[str, Meta(min_length=1, max_length=140)]
BankLineNo = Annotated[str, Meta(pattern=r"^\d{12}$", description="联行号, the CNAPS number of a branch")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
PaymentKind = Annotated[str, Meta(pattern=r"^(credit-transfer|direct-debit)$")]
Stage = Annotated[str, Meta(description="`final` or `intermediate`, perhaps with a finer word behind a dot")]
Status = Annotated[str, Meta(min_length=1, max_length=40, description="see `outcome`")]

#: accepted: checked, not booked yet. settled: money has moved. returned: it moved and came back (退汇).
OUTCOMES: Final = frozenset({"accepted", "settled", "rejected", "pending", "returned", "partial"})


def outcome(status: str) -> str:
    """`"rejected.no-account"` → `"rejected"`; `"unknown"` for what no code table knew."""
    word = status.partition(".")[0]
    return word if word in OUTCOMES else "unknown"


class PaymentItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One transfer or debit. `sequence` or `end_to_end_id` finds its result: a partner's format has at least one."""

    sequence: int | None = None  #: its number in the batch
    end_to_end_id: Reference | None = None
    name: PartyName  #: 户名, the creditor of a credit transfer, the debtor of a direct debit
    account_no: AccountNo
    bank_line_no: BankLineNo | None = None
    bank_name: PartyName | None = None
    bank_place: PartyName | None = None  #: 开户地
    inter_bank: bool | None = None  #: 他行
    document_no: Reference | None = None  #: identity number, for the bank to compare
    amount: Fen
    mandate_id: Reference | None = None  #: 协议号, a direct debit's
    remittance: Annotated[str, Meta(min_length=1, max_length=140)] | None = None  #: 摘要


class PaymentBatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`payment.batch.submitted.v1`: credit transfers (代发, pain.001) or direct debits (代扣, pain.008) in one go.

    `number_of_transactions` and `control_sum` are those of the items; mappings check both on the way in.
    """

    batch_id: Reference  #: MsgId, 批次号; where a bank's format has a daily number, unique with the date
    kind: PaymentKind
    created_at: dt.datetime | None = None
    requested_on: dt.date | None = None  #: ReqdExctnDt or ReqdColltnDt
    number_of_transactions: int
    control_sum: Fen
    initiating_party: PartyName | None = None
    initiating_party_id: Reference | None = None  #: the number the bank knows it by
    own_name: PartyName | None = None
    own_account_no: AccountNo | None = None
    own_bank_line_no: BankLineNo | None = None
    inter_bank: bool | None = None  #: 跨行, where a batch holds only the one sort
    category_purpose: Reference | None = None  #: CtgyPurp, or the bank's code of the business (交易类型)
    purpose: Annotated[str, Meta(min_length=1, max_length=140)] | None = None  #: 用途
    currency: str = "CNY"
    items: tuple[PaymentItem, ...] = ()
    extension: str | None = None


class PaymentResult(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of one item."""

    sequence: int | None = None
    end_to_end_id: Reference | None = None
    name: PartyName | None = None
    account_no: AccountNo | None = None
    amount: Fen | None = None  #: as it was asked for
    settled_amount: Fen | None = None  #: what moved, where the partner says it by itself (partial debits)
    status: Status
    raw_code: Reference | None = None  #: the partner's own reason, beside its status
    raw_text: Text | None = None
    settled_on: dt.date | None = None
    bank_reference: Reference | None = None


class BatchReturned(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`payment.batch.returned.v1`: a bank's results for a batch (回盘), from a file or as the answer to a query.

    An item without a result is not settled and not rejected: nobody knows, until a later return says it or a
    statement does. `settled_*` and `failed_*` are the bank's own totals.
    """

    batch_id: Reference | None = None
    initiating_party_id: Reference | None = None
    returned_on: dt.date | None = None
    stage: Stage
    status: Status | None = None  #: of the batch as a whole; it never speaks for an item
    number_of_transactions: int | None = None
    control_sum: Fen | None = None
    settled_count: int | None = None
    settled_sum: Fen | None = None
    failed_count: int | None = None
    failed_sum: Fen | None = None
    bank_reference: Reference | None = None  #: the bank's number of the batch (流程实例号)
    raw_code: Reference | None = None
    raw_text: Text | None = None
    currency: str = "CNY"
    results: tuple[PaymentResult, ...] = ()
    extension: str | None = None


class StatusReported(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`payment.status.reported.v1`: a bank's word on a batch it was given (pain.002), item by item where it has one.

    `status` is that of the batch. An item without a result has the batch's, unless that is absent or `partial`.
    """

    report_id: Reference | None = None
    created_at: dt.datetime | None = None
    batch_id: Reference | None = None  #: OrgnlMsgId
    original_message: Reference | None = None  #: OrgnlMsgNmId, as `pain.001.001.09`
    number_of_transactions: int | None = None
    control_sum: Fen | None = None
    status: Status | None = None
    bank_reference: Reference | None = None
    raw_code: Reference | None = None
    raw_text: Text | None = None
    currency: str = "CNY"
    results: tuple[PaymentResult, ...] = ()
    extension: str | None = None


class ReconciliationLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One payment as the partner has it in its books."""

    booked_on: dt.date | None = None
    bank_reference: Reference  #: 流水号
    end_to_end_id: Reference | None = None  #: 单号, our number
    account_no: AccountNo | None = None
    amount: Fen
    status: Status | None = None


class ReconciliationReported(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`payment.reconciliation.reported.v1`: all payments of one day and party as the partner booked them (对账)."""

    reconciled_on: dt.date
    initiating_party_id: Reference | None = None
    batch_id: Reference | None = None
    number_of_transactions: int
    control_sum: Fen
    currency: str = "CNY"
    lines: tuple[ReconciliationLine, ...] = ()


class ItemReturned(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`payment.item.returned.v1`: one result of a `BatchReturned`, as a message of its own for systems that book
    item by item."""

    batch_id: Reference | None = None
    initiating_party_id: Reference | None = None
    returned_on: dt.date | None = None
    stage: Stage
    currency: str = "CNY"
    result: PaymentResult

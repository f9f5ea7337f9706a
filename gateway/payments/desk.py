"""The payments desk: what it does with which message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.books.desk import BookDesk, Take
from gateway.canonical.account import EntriesNotified, StatementReported, VerificationAnswered
from gateway.canonical.payment import (
    BatchReturned,
    PaymentBatch,
    ReconciliationReported,
    StatusReported,
)
from gateway.payments import proposals, reconciliation, results, returns, verification
from gateway.payments.operations import OPERATIONS
from gateway.payments.parts import Parts

_TAKES: Final[Mapping[type, Take[Parts]]] = {
    PaymentBatch: proposals.take,
    BatchReturned: results.take,
    StatusReported: results.take,
    EntriesNotified: returns.take,
    StatementReported: returns.take,
    ReconciliationReported: reconciliation.take,
    VerificationAnswered: verification.take,
}


class Desk(BookDesk[Parts]):
    """The `Sender` behind the name `payments`."""

    operations = OPERATIONS

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, _TAKES)

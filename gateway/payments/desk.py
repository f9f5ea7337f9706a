"""The payments desk: takes the messages that concern payments as a partner would, and books them.

Whatever it does it may do again: how far a message was taken in stands in the store, in the same transaction
as what was taken in. So an interrupted delivery is simply made once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gateway.books.intake import reference_of
from gateway.canonical import Message
from gateway.canonical.account import EntriesNotified, StatementReported, VerificationAnswered
from gateway.canonical.payment import (
    BatchReturned,
    PaymentBatch,
    ReconciliationReported,
    StatusReported,
)
from gateway.contract import Accepted, Outcome, Prepared, Reject, Rejected, RetryLater
from gateway.payments import proposals, reconciliation, results, returns, verification
from gateway.payments.operations import OPERATIONS
from gateway.payments.parts import Parts
from gateway.store.errors import Moved

#: The name under which routes send to the desk, and under which it sends.
DESK: Final = "payments"

_Take = Callable[[Parts, Message], Awaitable[None]]
_TAKES: Final[Mapping[type, _Take]] = {
    PaymentBatch: proposals.take,
    BatchReturned: results.take,
    StatusReported: results.take,
    EntriesNotified: returns.take,
    StatementReported: returns.take,
    ReconciliationReported: reconciliation.take,
    VerificationAnswered: verification.take,
}


class Desk:
    """The `Sender` behind the name `payments`."""

    operations = OPERATIONS

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def stop(self) -> None:
        """Ends what is under way after its present chunk."""
        self.parts.halt.set()

    async def prepare(self, message: Message) -> Prepared:
        """See `gateway.contract.Sender.prepare`. Nothing is to be prepared: the message is the content."""
        return Prepared(operation="book", reference=reference_of(self.parts.name, message), content=b"")

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """Books a message; see `gateway.contract.Sender.send`."""
        try:
            await _TAKES[type(message.data)](self.parts, message)
        except Reject as refusal:
            return Rejected(
                code=refusal.code, reason=f"{refusal.zh} / {refusal.en}", field=refusal.field or None
            )
        except Moved:
            return RetryLater(
                reason="账本有变动，其余重新登记 / the book has moved; the rest is taken in again", after=0.1
            )
        return Accepted(reference=message.id)

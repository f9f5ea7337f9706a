"""The desk of the book of levies: takes the messages that concern levies as a partner would, and books them.

Whatever it does it may do again: how far a message was taken in stands in the store, in the same transaction
as what was taken in. So an interrupted delivery is simply made once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gateway.books.intake import reference_of
from gateway.canonical import Message
from gateway.canonical.levy import (
    AgreementAnswered,
    DebitAnswered,
    DebitAsked,
    DebitBatchReturned,
    DebitBatchSubmitted,
    DebitReversalAnswered,
    DebitsChecked,
)
from gateway.canonical.levy_network import WorkingDayChanged
from gateway.contract import Accepted, Outcome, Prepared, Reject, Rejected, RetryLater
from gateway.levies import agreements, answers, days, registering, singles
from gateway.levies.operations import OPERATIONS
from gateway.levies.packing import NotTaken
from gateway.levies.parts import Parts
from gateway.store.errors import Moved

_Take = Callable[[Parts, Message], Awaitable[None]]
_TAKES: Final[Mapping[type, _Take]] = {
    DebitBatchSubmitted: registering.take_file,
    DebitAsked: singles.take,
    DebitAnswered: answers.take_answer,
    DebitReversalAnswered: answers.take_reversal,
    DebitBatchReturned: answers.take_return,
    AgreementAnswered: agreements.take,
    WorkingDayChanged: days.take_day,
    DebitsChecked: days.take_part,
}


class Desk:
    """The `Sender` behind the name `levies`."""

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
        except NotTaken as missing:
            return missing.outcome
        except Moved:
            return RetryLater(
                reason="账本有变动，其余重新登记 / the book has moved; the rest is taken in again", after=0.1
            )
        return Accepted(reference=message.id)

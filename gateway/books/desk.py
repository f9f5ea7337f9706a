"""The desk of a book: takes the messages that concern it as a partner would, and books them.

Whatever it does it may do again: how far a message was taken in stands in the store, in the same transaction
as what was taken in. So an interrupted delivery is simply made once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from gateway.books.intake import Taking, reference_of
from gateway.canonical import Message
from gateway.contract import Accepted, Outcome, Prepared, Reject, Rejected, RetryLater
from gateway.store.errors import Moved

P = TypeVar("P", bound=Taking)

#: Books one message, or goes on where that was interrupted.
Take = Callable[[P, Message], Awaitable[None]]


class Later(Exception):
    """Nothing can be done now; the reason is for operators.

    Args:
        after: seconds.
    """

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.outcome = RetryLater(reason=reason, after=after)


class BookDesk(Generic[P]):
    """The `Sender` behind the name of a book.

    Args:
        takes: what is done with a body, by its class.
    """

    def __init__(self, parts: P, takes: Mapping[type, Take[P]]) -> None:
        self.parts = parts
        self._takes = takes

    def stop(self) -> None:
        """Ends what is under way after its present chunk."""
        self.parts.halt.set()

    async def prepare(self, message: Message) -> Prepared:
        """See `gateway.contract.Sender.prepare`. Nothing is to be prepared: the message is the content."""
        return Prepared(operation="book", reference=reference_of(self.parts.name, message), content=b"")

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """Books a message; see `gateway.contract.Sender.send`."""
        try:
            await self._takes[type(message.data)](self.parts, message)
        except Reject as refusal:
            return Rejected(code=refusal.code, reason=refusal.both, field=refusal.field or None)
        except Later as later:
            return later.outcome
        except Moved:
            return RetryLater(
                reason="账本有变动，其余重新登记 / the book has moved; the rest is taken in again", after=0.1
            )
        return Accepted(reference=message.id)

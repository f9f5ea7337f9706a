"""Booking a chunk of a bank's words: decided by the machine on what the store has, committed if it is still so."""

from __future__ import annotations

from gateway.canonical import Message
from gateway.canonical.payment import PaymentResult, outcome
from gateway.payments.lifecycle import FAILED, SETTLED, Step, after_word
from gateway.payments.parts import Parts
from gateway.store import payments_booking as booking
from gateway.store.payments import BatchRow, Book, Change, DifferenceRow, Word
from gateway.store.payments_reads import Booked


class Posting:
    """One chunk on its way into the book: the changes so far, and the states they lead to.

    `batch` is that of all its words, where the message names one.
    """

    def __init__(
        self, parts: Parts, message: Message, position: int, count: int, batch: BatchRow | None = None
    ) -> None:
        self._parts = parts
        self._message = message
        self.bank = message.partner
        self._span = (position, position + count)
        self._now = parts.now
        self._batch = batch
        self._changed: dict[str, Booked] = {}
        self._batches: set[str] = set()
        self._changes: list[Change] = []
        self._words: list[Word] = []
        self._differences: list[DifferenceRow] = []

    def book(self, item: Booked, result: PaymentResult, *, final: bool, day: str | None) -> None:
        """One word on one item."""
        item = self._changed.get(item.id, item)
        step = self._step(item, result, final=final)
        code = result.raw_code or result.status
        if step.difference is not None:
            ours, theirs = _sides(step.difference, item, result)
            self.differ(step.difference, item.account, item, result.end_to_end_id, ours, theirs)
        if step.after != item.state:
            moved = result.settled_amount
            if step.after != SETTLED:
                moved = None
            elif moved is None:
                moved = item.amount
            elif moved != item.amount:
                ours, theirs = str(item.amount), str(moved)
                self.differ("partial", item.account, item, result.end_to_end_id, ours, theirs)
            on = result.settled_on.isoformat() if result.settled_on else day
            settled_on = on if step.after == SETTLED else None
            self._changes.append(
                Change(
                    step.after, moved, settled_on, result.bank_reference, code, self._now, item.id, item.state
                )
            )
            booked = item.settled_amount if moved is None else moved
            self._changed[item.id] = item._replace(state=step.after, settled_amount=booked)
            if self._batch is None and item.batch_id is not None:
                self._batches.add(item.batch_id)
        text = None if result.raw_text is None else self._parts.seals.seal_text(result.raw_text, item.id)
        self._words.append(Word(item.id, self._now, self._message.id, result.status, step.after, code, text))

    def _step(self, item: Booked, result: PaymentResult, *, final: bool) -> Step:
        if self._elsewhere(item, result):
            return Step(item.state, "account")
        word = outcome(result.status)
        step = after_word(
            item.state,
            word,
            final=final,
            amount=item.amount,
            asked=result.amount,
            moved=result.settled_amount,
            booked=item.settled_amount,
        )
        refused = self._batch is not None and self._batch.state == FAILED
        if refused and step.difference is None and word != "rejected" and step.after == item.state:
            return Step(item.state, "contradiction")  # the bank has it after all, perhaps still at work on it
        return step

    def differ(
        self,
        kind: str,
        account: str,
        item: Booked | None = None,
        reference: str | None = None,
        ours: str | None = None,
        theirs: str | None = None,
        batch_id: str | None = None,
    ) -> None:
        """Something for people."""
        row = DifferenceRow(
            kind=kind,
            account=account,
            item_id=None if item is None else item.id,
            batch_id=batch_id if item is None else item.batch_id,
            reference=reference if item is None or reference else item.end_to_end_id,
            message_id=self._message.id,
            ours=ours,
            theirs=theirs,
            created=self._now,
        )
        self._differences.append(row)

    async def commit(self, *, last: bool = False) -> None:
        """
        Args:
            last: nothing more is to be taken in of the message.

        Raises:
            Moved: an item has moved since it was read.
        """
        first, after = self._span
        unit = Book(
            message_id=self._message.id,
            position=first,
            after=after,
            changes=tuple(map(tuple, self._changes)),
            words=tuple(map(tuple, self._words)),
            differences=tuple(self._differences),
            batches=tuple(sorted(self._batches)),
            at=self._now,
        )
        await self._parts.store.work(booking.book, unit, last)

    def _elsewhere(self, item: Booked, result: PaymentResult) -> bool:
        """Whether the bank names another account. A masked number says nothing."""
        number = result.account_no
        return number is not None and "*" not in number and self._parts.seals.tag(number) != item.account_tag


def _sides(kind: str, item: Booked, result: PaymentResult) -> tuple[str | None, str | None]:
    """What stands against what: amounts, or states; account numbers are not told."""
    if kind == "account":
        return None, None
    if kind != "amount":
        return item.state, result.status
    if result.amount not in (None, item.amount):
        return str(item.amount), str(result.amount)
    said = item.amount if result.settled_amount is None else result.settled_amount
    return str(item.amount if item.settled_amount is None else item.settled_amount), str(said)

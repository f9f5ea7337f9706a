"""Booking a chunk of the network's words: decided by the machine on what the store has, committed if it is still so."""

from __future__ import annotations

import datetime as dt

from gateway.levies.lifecycle import REVERSED, SUCCEEDED, SUCCESS, Step, after_word
from gateway.levies.parts import Parts
from gateway.levies.settings import CollectorSettings
from gateway.store import levies_booking as booking
from gateway.store.levies import Book, Change, DifferenceRow, EarlyRow, Word
from gateway.store.levies_reads import Booked


class Said:
    """One word on one debit.

    Attributes:
        word: see `gateway.levies.lifecycle`.
        amount: as the network repeats it, if it does.
        attempt: (day, serial) of the debit it answers, where it says that.
    """

    __slots__ = ("amount", "attempt", "code", "debited_on", "text", "word")

    def __init__(
        self,
        word: str,
        code: str,
        *,
        debited_on: dt.date | None = None,
        text: str | None = None,
        amount: int | None = None,
        attempt: tuple[str, str] | None = None,
    ) -> None:
        self.word = word
        self.code = code
        self.debited_on = None if debited_on is None else debited_on.isoformat()
        self.text = text
        self.amount = amount
        self.attempt = attempt


class Posting:
    """One chunk on its way into the book: the changes so far, and the states they lead to."""

    def __init__(self, parts: Parts, message_id: str, collector: CollectorSettings) -> None:
        self._parts = parts
        self._message_id = message_id
        self._collector = collector
        self._now = parts.now
        self._states: dict[str, str] = {}
        self._changes: dict[str, Change] = {}
        self._words: list[Word] = []
        self._differences: list[DifferenceRow] = []
        self._early: list[EarlyRow] = []

    def book(self, debit: Booked, said: Said) -> None:
        """One word on one debit."""
        state = self._states.get(debit.id, debit.state)
        step = self._step(debit, state, said)
        if step.difference is not None:
            amounts = step.difference == "amount"
            ours, theirs = (str(debit.amount), str(said.amount)) if amounts else (state, said.word)
            self.differ(
                step.difference,
                reference=debit.voucher_no,
                debit_id=debit.id,
                batch_no=debit.package,
                ours=ours,
                theirs=theirs,
            )
        if step.after != state:
            on = said.debited_on if step.after == SUCCESS else None
            before = self._changes[debit.id].before if debit.id in self._changes else debit.state
            self._changes[debit.id] = Change(step.after, on, said.code, self._now, debit.id, before)
            self._states[debit.id] = step.after
        text = None if said.text is None else self._parts.seals.seal_text(said.text, debit.id)
        self._words.append(
            Word(debit.id, self._now, self._message_id, said.word, step.after, said.code, text)
        )

    def _step(self, debit: Booked, state: str, said: Said) -> Step:
        """A word on a debit of the same voucher that was asked for at another time does not count for this one."""
        if said.attempt is not None and said.attempt != (debit.entrusted_on, debit.serial):
            taken = said.word == SUCCEEDED and state != REVERSED
            return Step(state, "taken-again" if taken else None)
        return after_word(state, said.word, amount=debit.amount, said=said.amount)

    def differ(
        self,
        kind: str,
        *,
        reference: str | None = None,
        debit_id: str | None = None,
        batch_no: str | None = None,
        ours: str | None = None,
        theirs: str | None = None,
    ) -> None:
        """Something for people; see `DifferenceRow`."""
        self._differences.append(
            self._parts.difference(
                kind,
                self._collector.name,
                self._message_id,
                debit_id=debit_id,
                batch_no=batch_no,
                reference=reference,
                ours=ours,
                theirs=theirs,
            )
        )

    def wait(self, said: Said, entrusted_on: str, serial: str, voucher_no: str | None) -> None:
        """Keeps a word whose debit is not known yet."""
        text = None if said.text is None else self._parts.seals.seal_text(said.text, self._message_id)
        self._early.append(
            EarlyRow(
                collector=self._collector.name,
                voucher_no=voucher_no,
                entrusted_on=entrusted_on,
                serial=serial,
                message_id=self._message_id,
                word=said.word,
                code=said.code,
                debited_on=said.debited_on,
                text=text,
                created=self._now,
            )
        )

    async def commit(
        self, position: int, count: int, *, last: bool = False, waited: int | None = None
    ) -> None:
        """
        Args:
            position: where the chunk of so many records begins in its message.
            last: nothing more is to be taken in of the message.
            waited: number of the early word that this is.

        Raises:
            Moved: a debit has moved since it was read.
        """
        unit = Book(
            collector=self._collector.name,
            receipts=self._collector.receipt_prefix,
            message_id=self._message_id,
            position=position,
            after=position + count,
            changes=tuple(map(tuple, self._changes.values())),
            words=tuple(map(tuple, self._words)),
            differences=tuple(self._differences),
            early=tuple(self._early),
            waited=() if waited is None else (waited,),
            at=self._now,
            last=last,
        )
        await self._parts.store.work(booking.book, unit)

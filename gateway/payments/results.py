"""What a bank says became of a batch, booked record by record, each once.

A chunk is read, decided by the machine on what the store has, and committed under the guard of what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.internet.threads import deferToThread

from gateway.canonical import Message
from gateway.canonical.payment import BatchReturned, PaymentResult, StatusReported, outcome
from gateway.payments.batches import CHINA
from gateway.payments.lifecycle import LIVE, RELEASED, after_word
from gateway.payments.parts import Intake, Parts
from gateway.store import payments_booking as booking
from gateway.store import payments_reads as reads
from gateway.store.errors import Moved
from gateway.store.payments import BatchRow, Book, Change, DifferenceRow, Word
from gateway.store.payments_reads import Booked

#: A chunk whose items have moved since they were read is decided anew so many times; then the delivery is.
_TRIES = 3
#: Why an item is refused that a final return leaves out.
MISSING = "rejected.missing"

Find = Callable[[PaymentResult], Sequence[Booked]]


class Posting:
    """One chunk on its way into the book: the changes so far, and the states they lead to."""

    def __init__(self, parts: Parts, message: Message, position: int, count: int) -> None:
        self._parts = parts
        self._message = message
        self.bank = message.partner
        self._span = (position, position + count)
        self._now = parts.now
        self._states: dict[str, str] = {}
        self._changes: list[Change] = []
        self._words: list[Word] = []
        self._differences: list[DifferenceRow] = []

    def book(self, item: Booked, result: PaymentResult, *, final: bool, day: str | None) -> None:
        """One word on one item."""
        state = self._states.get(item.id, item.state)
        word = outcome(result.status)
        if self._elsewhere(item, result):
            self.differ("account", item.account, item, reference=result.end_to_end_id)
            return
        step = after_word(
            state,
            word,
            final=final,
            amount=item.amount,
            asked=result.amount,
            moved=result.settled_amount,
        )
        code = result.raw_code or result.status
        if step.difference is not None:
            ours, theirs = (state, result.status)
            if step.difference == "amount":
                said = result.amount if result.amount not in (None, item.amount) else result.settled_amount
                ours, theirs = str(item.amount), str(said)
            self.differ(step.difference, item.account, item, result.end_to_end_id, ours, theirs)
        elif word == "partial" and step.after != state and step.after not in LIVE:
            self.differ(
                "partial",
                item.account,
                item,
                result.end_to_end_id,
                str(item.amount),
                str(result.settled_amount),
            )
        if step.after != state:
            self._states[item.id] = step.after
            moved = None
            if step.after == "settled":
                moved = item.amount if result.settled_amount is None else result.settled_amount
            on = result.settled_on.isoformat() if result.settled_on else day
            settled_on = on if step.after == "settled" else None
            self._changes.append(
                Change(step.after, moved, settled_on, result.bank_reference, code, self._now, item.id, state)
            )
        text = None if result.raw_text is None else self._parts.seals.seal_text(result.raw_text, item.id)
        self._words.append(Word(item.id, self._now, self._message.id, result.status, step.after, code, text))

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

    async def commit(self) -> None:
        """
        Raises:
            Moved: an item has moved since it was read.
        """
        first, after = self._span
        unit = Book(
            message_id=self._message.id,
            position=first,
            after=after,
            changes=tuple(self._changes),
            words=tuple(self._words),
            differences=tuple(self._differences),
        )
        await self._parts.store.work(booking.book, unit)

    def _elsewhere(self, item: Booked, result: PaymentResult) -> bool:
        """Whether the bank names another account. A masked number says nothing."""
        number = result.account_no
        return number is not None and "*" not in number and self._parts.seals.tag(number) != item.account_tag


async def take(parts: Parts, message: Message) -> None:
    """Books a `payment.batch.returned.v1` or `payment.status.reported.v1`."""
    body = message.data
    assert isinstance(body, (BatchReturned, StatusReported))
    intake = Intake(parts, message)
    if not await intake.begin():
        return
    batch = None if body.batch_id is None else await parts.store.ask(reads.batch, body.batch_id)
    if batch is not None and batch.bank != message.partner:
        batch = None
    if body.batch_id is not None and batch is None:
        await _unknown_batch(parts, intake, body)
        return
    if batch is not None and batch.state == RELEASED and batch.delivery_id is not None:
        await parts.took_effect(batch.delivery_id)
    final = not isinstance(body, BatchReturned) or body.stage.partition(".")[0] == "final"
    day = _day(message, body)

    async def take_chunk(chunk: list[PaymentResult]) -> None:
        for attempt in range(_TRIES):
            find = await _finder(parts, batch, chunk, message.partner)
            posting = Posting(parts, message, intake.position, len(chunk))
            # In a thread: thousands of words are no work for the reactor's.
            await deferToThread(_decide, posting, find, batch, chunk, final=final, day=day)
            try:
                await posting.commit()
                return
            except Moved:
                if attempt == _TRIES - 1:
                    raise

    await intake.each(body.results, PaymentResult, take_chunk)
    await _finish(parts, intake, batch, body, final=final)


def _decide(
    posting: Posting,
    find: Find,
    batch: BatchRow | None,
    chunk: Sequence[PaymentResult],
    *,
    final: bool,
    day: str,
) -> None:
    for result in chunk:
        items = find(result)
        if len(items) == 1:
            posting.book(items[0], result, final=final, day=day)
        else:
            posting.differ(
                "ambiguous" if items else "unknown-item",
                posting.bank if batch is None else batch.account,
                reference=result.end_to_end_id or result.bank_reference or str(result.sequence),
                theirs=result.status,
                batch_id=None if batch is None else batch.id,
            )


async def _finder(parts: Parts, batch: BatchRow | None, chunk: Sequence[PaymentResult], bank: str) -> Find:
    """How the items of a chunk are found: by number in the batch, else by end-to-end id, in the batch or at the bank."""
    numbers = sorted({r.sequence for r in chunk if r.sequence is not None}) if batch is not None else []
    references = sorted(
        {
            r.end_to_end_id
            for r in chunk
            if r.end_to_end_id is not None and (batch is None or r.sequence is None)
        }
    )
    ask = parts.store.ask
    if batch is None:
        ours = {account.name for account in parts.accounts_of(bank)}
        named = await ask(reads.booked_anywhere, "end_to_end_id", references)
        by_reference = _grouped((item.end_to_end_id, item) for item in named if item.account in ours)
        return lambda result: by_reference.get(result.end_to_end_id or "", ())
    found = await ask(reads.booked_by_sequence, batch.id, numbers) if numbers else []
    by_number = {item.batch_sequence: (item,) for item in found}
    named = await ask(reads.booked_by_reference, batch.id, references) if references else []
    in_batch = _grouped((item.end_to_end_id, item) for item in named)

    def find(result: PaymentResult) -> Sequence[Booked]:
        if result.sequence is None:
            return in_batch.get(result.end_to_end_id or "", ())
        items = by_number.get(result.sequence, ())
        # A number and a name that do not belong together name nobody.
        return [item for item in items if result.end_to_end_id in (None, item.end_to_end_id)]

    return find


def _grouped(pairs: Iterable[tuple[str, Booked]]) -> Mapping[str, list[Booked]]:
    groups: dict[str, list[Booked]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return groups


def _day(message: Message, body: BatchReturned | StatusReported) -> str:
    """The day money moved where the bank does not say: that of its return."""
    said = body.returned_on if isinstance(body, BatchReturned) else None
    return (said or message.time.astimezone(CHINA).date()).isoformat()


async def _unknown_batch(parts: Parts, intake: Intake, body: BatchReturned | StatusReported) -> None:
    posting = Posting(parts, intake.message, intake.position, 0)
    posting.differ("unknown-batch", intake.message.partner, batch_id=body.batch_id, theirs=body.status)
    await posting.commit()
    await parts.store.work(booking.end_results, intake.message.id, (), None, parts.now)


async def _finish(
    parts: Parts,
    intake: Intake,
    batch: BatchRow | None,
    body: BatchReturned | StatusReported,
    *,
    final: bool,
) -> None:
    """What the words on the batch as a whole mean for items without one of their own."""
    message = intake.message
    whole = isinstance(body, StatusReported) and not body.results and message.attachment is None
    if batch is not None and whole and body.status and outcome(body.status) != "partial":
        await _whole(parts, intake, batch, body)
    if batch is not None and isinstance(body, BatchReturned) and final:
        account = parts.account(batch.account)
        if account is not None and account.missing_in_final == "failed":
            await parts.store.work(booking.missing, message.id, batch.id, MISSING, parts.now)
    ids = () if batch is None else (batch.id,)
    await parts.store.work(booking.end_results, message.id, ids, body.bank_reference, parts.now)
    parts.log.info("payments.booked", message=message.id, batch=body.batch_id, count=intake.position)


async def _whole(parts: Parts, intake: Intake, batch: BatchRow, body: BatchReturned | StatusReported) -> None:
    """A status report without items: each has the batch's status."""
    items = await parts.store.ask(reads.booked_of, batch.id)
    said = PaymentResult(status=body.status or "", raw_code=body.raw_code, raw_text=body.raw_text)
    day = _day(intake.message, body)
    for start in range(intake.position, len(items), parts.chunk):
        chunk = items[start : start + parts.chunk]
        posting = Posting(parts, intake.message, start, len(chunk))
        for item in chunk:
            posting.book(item, said, final=True, day=day)
        await posting.commit()

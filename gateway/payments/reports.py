"""What goes back to the agency that proposed: the results of its items, under its own numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence

from twisted.internet.threads import deferToThread

from gateway.books.intake import CHINA
from gateway.canonical import Message
from gateway.canonical.payment import BatchReturned, PaymentBatch, PaymentResult
from gateway.contract import Reject
from gateway.payments.lifecycle import SETTLED
from gateway.payments.parts import Parts
from gateway.store import payments_changes as changes
from gateway.store import payments_reads as reads
from gateway.store.api import Accept
from gateway.store.payments import ItemRow, ProposalRow

#: Results of one message; a file of more is reported in several, the last of them final.
LARGEST = 20_000
_FROM = "payments"


async def report(parts: Parts, row: ProposalRow, *, ended: bool) -> None:
    """A proposal whose items have all come to an end is reported; again, where one of them came back later."""
    if row.state != "proposed" or not ended:
        await parts.store.work(changes.looked, row.message_id, row.touched)
        return
    told = [unit async for unit in _messages(parts, row)]
    units = [unit for unit, _ in told]
    if await parts.store.work(changes.report, row.message_id, row.touched, units):
        for _, publish in told:
            publish()
        parts.log.info("payments.reported", message=row.message_id, count=row.count, parts=len(told))


async def _messages(parts: Parts, row: ProposalRow) -> AsyncIterator[tuple[Accept, Callable[[], None]]]:
    """None where no route takes results to the proposer."""
    original = await parts.store.message(row.message_id)
    correlation = row.message_id if original is None else original.correlation_id
    asked = None if original is None else parts.open_message(original.body, original.id).data
    party_id = getattr(asked, "initiating_party_id", None)
    portion = await _outcomes(parts, row, "")
    part = 1
    while portion:
        following = await _outcomes(parts, row, portion[-1].id)
        stage = "intermediate.part" if following else "final"
        body = await deferToThread(_body, parts, row, party_id, portion, stage)
        key = f"return/{row.message_id}/{row.reports + 1}/{part}"
        unit = parts.dispatch(
            _message(parts, row.region, correlation, row.message_id, key, body), row.proposer
        )
        if unit is None:
            return
        yield unit
        portion, part = following, part + 1


async def _outcomes(parts: Parts, row: ProposalRow, after: str) -> list[ItemRow]:
    return await parts.store.ask(reads.outcomes, row.message_id, after, LARGEST)


def _body(
    parts: Parts, row: ProposalRow, party_id: str | None, items: Sequence[ItemRow], stage: str
) -> BatchReturned:
    settled = [item for item in items if item.state == SETTLED]
    failed = [item for item in items if item.state != SETTLED]
    return BatchReturned(
        batch_id=row.batch_id,
        initiating_party_id=party_id,
        returned_on=parts.clock.now().astimezone(CHINA).date(),
        stage=stage,
        number_of_transactions=len(items),
        control_sum=sum(item.amount for item in items),
        settled_count=len(settled),
        settled_sum=sum(item.settled_amount or 0 for item in settled),
        failed_count=len(failed),
        failed_sum=sum(item.amount for item in failed),
        results=tuple(_result(parts, row, item) for item in items),
    )


def _result(parts: Parts, row: ProposalRow, item: ItemRow) -> PaymentResult:
    party = parts.seals.open(item.sealed, item.id)
    word = "rejected.withdrawn" if item.state == "withdrawn" else item.state
    if item.state == SETTLED and item.settled_amount != item.amount:
        word = "partial"
    return PaymentResult(
        sequence=item.own_sequence,
        end_to_end_id=item.own_reference or f"{row.batch_id}-{item.own_sequence}",
        name=party.name,
        account_no=party.account_no,
        amount=item.amount,
        settled_amount=item.settled_amount,
        status=word,
        raw_code=None if item.state in (SETTLED, "withdrawn") else item.code,
        settled_on=None if item.settled_on is None else dt.date.fromisoformat(item.settled_on),
        bank_reference=item.bank_reference,
    )


def refused(
    parts: Parts, message: Message, body: PaymentBatch, refusal: Reject
) -> tuple[Accept, Callable[[], None]] | None:
    """Tells the proposer that nothing of its file was taken in, and why."""
    told = BatchReturned(
        batch_id=body.batch_id,
        initiating_party_id=body.initiating_party_id,
        returned_on=parts.clock.now().astimezone(CHINA).date(),
        stage="final",
        status="rejected",
        number_of_transactions=body.number_of_transactions,
        control_sum=body.control_sum,
        settled_count=0,
        settled_sum=0,
        raw_code=refusal.code,
        raw_text=refusal.both[:500],
    )
    key = f"return/{message.id}/0/1"
    made = _message(parts, message.region, message.correlation_id, message.id, key, told)
    return parts.dispatch(made, message.partner)


def _message(
    parts: Parts, region: str, correlation: str, cause: str, key: str, body: BatchReturned
) -> Message:
    return Message(
        id=parts.ids(),
        source=f"/{_FROM}",
        type="payment.batch.returned.v1",
        time=parts.clock.now(),
        subject=body.batch_id,
        partner=_FROM,
        partner_message_id=key,
        correlation_id=correlation,
        causation_id=cause,
        region=region,
        data=body,
    )

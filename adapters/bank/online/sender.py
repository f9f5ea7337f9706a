"""The sender: one batch becomes one or more slices, each of whose outcomes is known before the next goes out.

A slice whose answer is lost is never sent again: the batch is asked about by its reference. Where the connection failed
before anything was written, the next attempt goes on with that slice.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.bank.online.channel import Channel
from adapters.bank.online.words import Batch, Doubt, Head, Kind, Nobody, Refused, Slice, Taken
from gateway.canonical import Message
from gateway.canonical.payment import PaymentBatch
from gateway.canonical.rows import with_rows
from gateway.contract import Accepted, Outcome, PartnerDown, Prepared, Reject, Rejected, Unknown

OPERATION: Final = "payment-batch"
#: Between the slices in what is stored: no document holds one.
_BETWEEN: Final = b"\n"


class OnlineSender:
    """Implements `gateway.contract.Sender`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._context = channel.context

    async def prepare(self, message: Message) -> Prepared:
        """Writes all slices. The batch's id is the reference: it is the same at every attempt.

        Raises:
            Reject: this batch can never be sent to this bank.
        """
        body = batch_of(message)
        reactor = self._context.reactor
        # Beside the reactor: a batch may be of a hundred thousand items.
        written: Deferred[list[bytes]] = deferToThreadPool(
            reactor, reactor.getThreadPool(), self._written, message, body
        )
        slices = await written
        return Prepared(operation=OPERATION, reference=body.batch_id, content=_BETWEEN.join(slices))

    def _written(self, message: Message, body: PaymentBatch) -> list[bytes]:
        body = self._completed(self._with_items(message, body))
        _demand_whole(body)
        batch, size = self._batch(message, body), self._channel.settings.slice_size
        pieces = [body.items[at : at + size] for at in range(0, len(body.items), size)]
        return [
            self._channel.dialect.write(
                msgspec.structs.replace(
                    body,
                    items=items,
                    number_of_transactions=len(items),
                    control_sum=sum(item.amount for item in items),
                ),
                body,
                number,
                len(pieces),
                batch,
            )
            for number, items in enumerate(pieces)
        ]

    def _with_items(self, message: Message, body: PaymentBatch) -> PaymentBatch:
        """A large batch travels without its items, which are records of its attachment."""
        claim = message.attachment
        if body.items or claim is None or not claim.records:
            return body
        whole: PaymentBatch = with_rows(message, self._context.attachments.records(claim))
        return whole

    def _completed(self, body: PaymentBatch) -> PaymentBatch:
        """With what is the same for all batches of this bank, where the batch itself does not say it."""
        settings, kind = self._channel.settings, kind_of(body)
        return msgspec.structs.replace(
            body,
            own_account_no=body.own_account_no or settings.account or None,
            category_purpose=body.category_purpose or settings.transaction_kinds.get(kind),
            purpose=body.purpose or settings.purposes.get(kind),
        )

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """One attempt. Raises PartnerDown where nothing was written but what the bank has confirmed."""
        body = batch_of(message)
        documents = prepared.content.split(_BETWEEN)
        due = self._context.clock.now().timestamp() + self._channel.settings.poll.every
        batch = await self._channel.ledger.begin(self._batch(message, body), due)
        if batch.message != message.id:
            return duplicate()
        if batch.request is not None and not batch.taken:
            return Unknown(
                reason="银行已有该批次，不再发送 / the bank has this batch already: not sent again"
            )
        if batch.begun > batch.taken:
            return Unknown(
                reason="上一次提交结果不明，不再发送 / what became of the last submission is not known: not sent again"
            )
        heard: Taken | None = None
        for number in range(batch.taken, len(documents)):
            piece = Slice(number=number, of=len(documents), document=documents[number])
            answered = await self._submit(piece, batch)
            if not isinstance(answered, Taken):
                return await self._not_taken(answered, batch)
            heard = answered
            request = heard.report.bank_reference or ""
            if batch.request not in (None, request):
                return Unknown(
                    reason="续传应答的流程实例号变了 / the bank answered a later slice by another number",
                    raw=heard.raw,
                )
            batch = msgspec.structs.replace(batch, begun=number + 1, taken=number + 1, request=request)
            await self._channel.ledger.taken(batch.reference, batch.taken, request)
            self._context.progress(prepared.reference, batch.taken, piece.of)
        return Accepted(
            raw=heard.raw if heard is not None else b"",
            reference=batch.request,
            mapping=heard.mapping if heard is not None else None,
        )

    async def _submit(self, piece: Slice, batch: Batch) -> Taken | Refused | Doubt:
        ledger = self._channel.ledger
        await ledger.submitting(batch.reference, piece.number + 1)
        try:
            return await self._channel.dialect.submit(piece, batch)
        except PartnerDown:
            await ledger.submitting(batch.reference, piece.number)
            raise

    async def _not_taken(self, answered: Refused | Doubt, batch: Batch) -> Outcome:
        if isinstance(answered, Doubt):
            return Unknown(reason=answered.reason, raw=answered.raw)
        if batch.taken:
            return Unknown(
                reason=f"第 {batch.taken + 1} 片被拒绝，代码 {answered.code}，此前各片已在银行：须人工向银行核实 / a later slice was"
                " refused: a person must ask the bank",
                raw=answered.raw,
            )
        if answered.code in self._channel.settings.refused_codes:
            await self._channel.ledger.forget(batch.reference)
            return Rejected(code=answered.code, reason=answered.text, raw=answered.raw)
        return await self._verified(answered, batch)

    async def _verified(self, refused: Refused, batch: Batch) -> Outcome:
        """A bank refuses a reference it knows, too, and may fail after it has booked: only its books tell."""
        try:
            found = await self._channel.ask(batch, answered=True)
        except PartnerDown as down:
            return Unknown(reason=down.both, raw=refused.raw)
        if isinstance(found, Nobody):
            await self._channel.ledger.forget(batch.reference)
            return Rejected(code=refused.code, reason=refused.text, raw=refused.raw)
        what = (
            "银行却已有该批次 / yet the bank has it"
            if isinstance(found, Head)
            else "且未能核实 / and not verified"
        )
        return Unknown(reason=f"银行答拒绝，代码 {refused.code}，{what}", raw=refused.raw)

    def _batch(self, message: Message, body: PaymentBatch) -> Batch:
        return first_known(message, body, self._context.clock.now())


def kind_of(body: PaymentBatch) -> Kind:
    """Which way the money goes."""
    return "direct-debit" if body.kind == "direct-debit" else "credit-transfer"


def first_known(message: Message, body: PaymentBatch, tried: dt.datetime) -> Batch:
    """A batch of which the bank has not confirmed anything."""
    return Batch(
        reference=body.batch_id,
        message=message.id,
        kind=kind_of(body),
        count=body.number_of_transactions,
        total=body.control_sum,
        at=message.time,
        tried=tried,
    )


def duplicate() -> Rejected:
    """The reference was used for another batch: the bank could not tell the two apart."""
    return Rejected(
        code="duplicate-reference",
        reason="此批次号已用于另一批次，未发送 / this batch id was used for another batch: not sent",
        field="batch_id",
    )


def batch_of(message: Message) -> PaymentBatch:
    """The body, if it is a batch.

    Raises:
        Reject: it is another.
    """
    if isinstance(message.data, PaymentBatch):
        return message.data
    raise Reject(
        "此接口只接收支付批次", "this interface takes batches of payments only", code="unknown-operation"
    )


def _demand_whole(body: PaymentBatch) -> None:
    """The bank is told how many and how much before it has all: both must be right from the start."""
    sums = len(body.items), sum(item.amount for item in body.items)
    if not body.items or sums != (body.number_of_transactions, body.control_sum):
        raise Reject(
            "批次的笔数或金额与明细不符，或没有明细",
            "number or sum of the batch are not those of its items, or it has none",
            code="invalid",
            field="items",
            rule="total",
        )
    numbers = [item.sequence for item in body.items]
    if None in numbers or any((one or 0) >= (other or 0) for one, other in pairwise(numbers)):
        raise Reject(
            "每笔须有序号 sequence，且逐笔递增：银行按序号答复结果。没有序号的文件请先送 payments 组批",
            "each item needs a sequence, ascending, because the bank answers by it: have files without one go to"
            " `payments` first, which numbers them",
            code="invalid",
            field="items.sequence",
            rule="sequence",
        )

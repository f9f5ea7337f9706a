"""Settles unknown outcomes: what the bank has under the batch's reference, and nothing else, decides."""

from __future__ import annotations

from adapters.bank.online.channel import Channel
from adapters.bank.online.sender import batch_of, duplicate, first_known
from adapters.bank.online.words import Batch, Head, Nobody, Refused
from gateway.canonical import Message
from gateway.contract import Absent, Accepted, Prepared, QueryOutcome, Rejected, ReverseOutcome, Unknown


class OnlineResolver:
    """Implements `gateway.contract.Resolver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """Asks by the reference. That the bank has a batch is `Accepted`; what became of it comes as its results."""
        body = batch_of(message)
        # Where nothing is on record (the state folder is new), the message's own time is the best guess of when.
        batch = await self._channel.ledger.known(body.batch_id) or first_known(message, body, message.time)
        if batch.message != message.id:
            return duplicate()
        heard = await self._channel.ask(batch)
        if isinstance(heard, Head):
            return await self._found(batch, heard, many=b"\n" in prepared.content)
        if isinstance(heard, Nobody):
            await self._channel.ledger.forget(batch.reference)
            return Absent(raw=heard.raw)
        if isinstance(heard, Refused):
            return Unknown(
                reason=f"查询被拒绝，代码 {heard.code}；若该代码证明银行没有此批次，可填入设置 absent_codes / the query was refused; a"
                " code that proves absence belongs into the setting `absent_codes`",
                raw=heard.raw,
            )
        return Unknown(reason=heard.reason, raw=heard.raw)

    async def _found(self, batch: Batch, head: Head, *, many: bool) -> QueryOutcome:
        if many and head.receiving:
            return Unknown(
                reason="银行尚未收齐该批次，无法判断缺哪一片：须人工请银行撤销后重报 / the bank has only a part of this batch: have it"
                " cancelled there",
                raw=head.raw,
            )
        request = head.body.bank_reference or ""
        await self._channel.ledger.begin(batch, self._channel.context.clock.now().timestamp())
        await self._channel.ledger.seen(batch.reference, request)
        return Accepted(raw=head.raw, reference=request, mapping=head.mapping)

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """A bank takes nothing back."""
        return Rejected(
            code="not-reversible",
            reason="银行批次不能冲正，只能向银行申请撤销 / a batch cannot be reversed: ask the bank to cancel it",
        )

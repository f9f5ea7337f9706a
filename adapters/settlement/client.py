"""The sender: canonical messages become transactions, by the table in `transactions`.

What an answer proves decides the outcome. Success is believed only where it speaks of what was asked; a refusal of a
money operation only where 5203 does not show it settled all the same.
"""

from __future__ import annotations

import dataclasses

import msgspec

from adapters.settlement.channel import Channel, says
from adapters.settlement.checks import mismatch
from adapters.settlement.codec import Answer, Caller, Unreadable, caller_of, infno_of, with_fresh_signature
from adapters.settlement.details import Details
from adapters.settlement.files import Files
from adapters.settlement.link import Heard
from adapters.settlement.resolver import SettlementResolver
from adapters.settlement.stored_fees import UPLOAD
from adapters.settlement.transactions import Transaction, as_sent, transaction_of
from gateway.canonical import Body, Message
from gateway.canonical.reconciliation import DetailsSubmitted
from gateway.canonical.refusal import RequestDone
from gateway.canonical.settlement import ClaimSubmitted, ReversalDone, ReversalRequested
from gateway.contract import Absent, Accepted, Outcome, PartnerDown, Prepared, Rejected, Unknown


class SettlementSender:
    """Implements `gateway.contract.Sender`."""

    def __init__(self, channel: Channel, resolver: SettlementResolver) -> None:
        self._channel = channel
        self._settings = channel.settings
        self._resolver = resolver
        self._details = Details(channel, resolver)
        self._files = Files(channel)

    async def prepare(self, message: Message) -> Prepared:
        """Maps the message and gives each of its parts a msgid.

        Raises:
            Reject: this message can never be sent to this platform.
        """
        transaction = transaction_of(message.data, self._settings.variants)
        body = caller_of(message.data)
        tree = self._channel.formats.write(transaction.input, self._told(message.data), message.time)
        before: tuple[bytes, ...] = ()
        if isinstance(message.data, ClaimSubmitted):
            before = await self._details.prepare(message.data, message.time, tree)
        elif isinstance(message.data, DetailsSubmitted):
            before = await self._files.prepare(message.data, message.time)
        msgid, content = await self._channel.make(transaction.infno, tree, body)
        return Prepared(operation=transaction.operation, reference=msgid, content=content, before=before)

    def _told(self, body: Body) -> Body:
        """What the platform is told: it knows the original of a reversal by the number that it was sent by."""
        if not isinstance(body, ReversalRequested):
            return body
        infno = as_sent(body.original_transaction, self._settings.variants)
        return msgspec.structs.replace(body, original_transaction=infno)

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """One attempt. Raises PartnerDown where nothing was sent that could take effect."""
        asked = message.data
        if isinstance(asked, ClaimSubmitted):
            stopped = await self._details.send(asked, message, prepared.before)
            if stopped is not None:
                return stopped
        elif isinstance(asked, DetailsSubmitted) and prepared.before:
            return await self._compare(asked, message, prepared)
        return await self._exchange(message, prepared, prepared.content)

    async def _exchange(self, message: Message, prepared: Prepared, content: bytes) -> Outcome:
        transaction = transaction_of(message.data)
        body = caller_of(message.data)
        heard = await self._channel.call(infno_of(content), content, body)
        if transaction.effect == "none" and self._is_used_up(heard):
            heard = await self._once_more(content, body)
        if not isinstance(heard, Answer):
            return heard
        if self._channel.succeeded(heard):
            return self._accepted(transaction, message, prepared, heard)
        return await self._refused(transaction, message, prepared, heard)

    async def _compare(self, wanted: DetailsSubmitted, message: Message, prepared: Prepared) -> Outcome:
        """9101, 3202, 9102. Comparing changes nothing: where the result does not come, all of it is done again."""
        (part,) = prepared.before
        content = await self._files.upload(part, prepared.content, wanted, message.time)
        if not isinstance(content, bytes):
            return content
        outcome = await self._exchange(message, prepared, content)
        if not isinstance(outcome, Accepted) or outcome.reply is None:
            return outcome
        reply = await self._files.with_differences(wanted, outcome.reply, message.time)
        return reply if isinstance(reply, Unknown) else dataclasses.replace(outcome, reply=reply)

    # -- what an answer proves ------------------------------------------------------------------------

    def _accepted(
        self, transaction: Transaction, message: Message, prepared: Prepared, answer: Answer
    ) -> Outcome:
        if transaction.output is None:
            return Accepted(
                reply=_contentless(message.data, answer), raw=answer.raw, reference=answer.reference
            )
        try:
            reply = self._channel.formats.read(transaction.output, answer, message.time)
        except Unreadable as error:
            return Unknown(
                reason=f"应答不符合接口约定 / the answer is not what the interface promises: {error}",
                raw=answer.raw,
            )
        wrong = mismatch(message.data, reply, prepared.reference, self._settings)
        if wrong is not None:
            return Unknown(
                reason=f"应答与请求不一致：{wrong} / the answer contradicts the request in {wrong}",
                raw=answer.raw,
            )
        return Accepted(
            reply=reply,
            raw=answer.raw,
            reference=answer.reference,
            mapping=self._channel.formats.label(transaction.output, message.time),
        )

    async def _refused(
        self, transaction: Transaction, message: Message, prepared: Prepared, answer: Answer
    ) -> Outcome:
        if answer.infcode in self._settings.doubtful_codes:
            return Unknown(
                reason=f"代码 {answer.infcode} 表示结果不明 / the code leaves the outcome open",
                raw=answer.raw,
            )
        body = message.data
        if isinstance(body, ReversalRequested) and self._resolver.is_reversed(answer):
            return Accepted(reply=_contentless(body, answer), raw=answer.raw, reference=answer.reference)
        rejected = Rejected(code=answer.infcode, reason=answer.err_msg, raw=answer.raw)
        if transaction.effect == "none":
            return rejected
        if says(answer, self._settings.duplicate_words):
            return Unknown(
                reason="平台已收到过此报文ID / the platform has seen this msgid before", raw=answer.raw
            )
        if transaction.ask is UPLOAD and says(answer, self._settings.duplicate_rows_words):
            return await self._known_rows(message, prepared, rejected)
        return await self._verified(message, prepared, rejected) if transaction.moves_money else rejected

    async def _known_rows(self, message: Message, prepared: Prepared, rejected: Rejected) -> Outcome:
        """The platform has lines of these numbers: ours, where an earlier answer was lost, or others."""
        found = await self._looked_up(message, prepared)
        return rejected if isinstance(found, Absent) else found

    async def _verified(self, message: Message, prepared: Prepared, rejected: Rejected) -> Outcome:
        """A platform that fails after its commit answers “failed”; only the books tell."""
        if not self._settings.verify_refusals:
            return rejected
        found = await self._looked_up(message, prepared)
        if isinstance(found, Accepted):
            return Unknown(
                reason="平台答失败，但 5203 查到已结算 / refused, yet 5203 shows it settled", raw=rejected.raw
            )
        if isinstance(found, Unknown):
            return Unknown(
                reason=f"平台答失败，且未能核实 / refused, and not verified: {found.reason}", raw=rejected.raw
            )
        return rejected

    async def _looked_up(self, message: Message, prepared: Prepared) -> Accepted | Absent | Unknown:
        try:
            return await self._resolver.look_up(message, prepared)
        except PartnerDown as down:  # the refusal was heard, the question whether it is true was not sent
            return Unknown(reason=down.both)

    def _is_used_up(self, heard: Heard) -> bool:
        """Whether the platform refuses a msgid because it knows it."""
        return (
            isinstance(heard, Answer)
            and not self._channel.succeeded(heard)
            and says(heard, self._settings.duplicate_words)
        )

    async def _once_more(self, content: bytes, body: Caller) -> Heard:
        """For what is harmless to repeat: the same under a new msgid, since the old one is used up."""
        fresh = await self._channel.sign(body.institution_code)
        return await self._channel.call(infno_of(content), with_fresh_signature(content, fresh), body)


def _contentless(body: Body, answer: Answer) -> Body:
    """The reply of a transaction whose success says everything."""
    code, text = answer.infcode, answer.err_msg or None
    if not isinstance(body, ReversalRequested):
        return RequestDone(raw_code=code, raw_text=text)
    return ReversalDone(original_message_id=body.original_message_id, raw_code=code, raw_text=text)

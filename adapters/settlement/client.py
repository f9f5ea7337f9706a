"""The sender: canonical messages become transactions.

    ClaimSubmitted          2204 … 2204, 2207    the details first, which settle nothing
    CancellationRequested   2208
    PersonQuery             1101
    ReversalRequested       2601

What an answer proves decides the outcome. Success is believed only where it names our message, person,
visit and amount; a refusal of a money operation only where 5203 does not show it settled all the same.
"""

from __future__ import annotations

from typing import Any

from adapters.settlement.channel import Channel, says
from adapters.settlement.checks import mismatch
from adapters.settlement.codec import Answer, Unreadable, with_fresh_signature
from adapters.settlement.formats import Asked, Transaction, asked, transaction_of
from adapters.settlement.link import Heard
from adapters.settlement.resolver import SettlementResolver
from gateway.canonical import Body, Message
from gateway.canonical.settlement import ClaimSubmitted, ReversalDone, ReversalRequested
from gateway.contract import Absent, Accepted, Outcome, PartnerDown, Prepared, Rejected, RetryLater, Unknown

_UPLOAD = "2204"


class SettlementSender:
    """Implements `gateway.contract.Sender`."""

    def __init__(self, channel: Channel, resolver: SettlementResolver) -> None:
        self._channel = channel
        self._settings = channel.settings
        self._resolver = resolver

    async def prepare(self, message: Message) -> Prepared:
        """Maps the message and gives each of its parts a msgid.

        Raises:
            Reject: this message can never be sent to this platform.
        """
        body = asked(message.data)
        transaction = transaction_of(body)
        tree = self._channel.formats.write(transaction.input, body)
        before: tuple[bytes, ...] = ()
        if isinstance(body, ClaimSubmitted) and body.fee_lines:
            before = await self._details(body, tree)
        msgid, content = await self._channel.make(transaction.infno, tree, body)
        return Prepared(operation=transaction.operation, reference=msgid, content=content, before=before)

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """One attempt. Raises PartnerDown where nothing was sent that could take effect."""
        body = asked(message.data)
        for part in prepared.before:
            stopped = await self._upload(part, body)
            if stopped is not None:
                return stopped
        transaction = transaction_of(body)
        heard = await self._channel.call(transaction.infno, prepared.content, body)
        if (
            not transaction.moves_money
            and isinstance(heard, Answer)
            and not self._channel.succeeded(heard)
            and says(heard, self._settings.duplicate_words)
        ):
            heard = await self._once_more(transaction, prepared, body)
        if not isinstance(heard, Answer):
            return heard
        if self._channel.succeeded(heard):
            return self._accepted(transaction, message, prepared, heard)
        return await self._refused(transaction, message, prepared, heard)

    # -- fee details ----------------------------------------------------------------------------------

    async def _details(self, claim: ClaimSubmitted, tree: dict[str, Any]) -> tuple[bytes, ...]:
        """The 2204 requests; with `inline` none, the rows go into the 2207 instead."""
        how = self._settings.fee_details
        if how == "none":
            return ()
        rows = self._channel.formats.write("2204.input", claim)["feedetail"]
        if how == "inline":
            tree["feedetail"] = rows
            return ()
        size = self._settings.fee_rows_per_call
        parts = [{"feedetail": rows[at : at + size]} for at in range(0, len(rows), size)]
        return tuple([(await self._channel.make(_UPLOAD, part, claim))[1] for part in parts])

    async def _upload(self, content: bytes, body: Asked) -> Rejected | RetryLater | None:
        """One 2204; None where the details have arrived. Nothing is settled yet, whatever happens here."""
        heard = await self._channel.call(_UPLOAD, content, body)
        if isinstance(heard, Unknown):
            return RetryLater(
                reason=f"费用明细未确认，尚未结算 / fee details not confirmed, nothing settled: {heard.reason}"
            )
        if not isinstance(heard, Answer):
            return heard
        if self._channel.succeeded(heard) or says(heard, self._settings.duplicate_words):
            return None
        if heard.infcode in self._settings.doubtful_codes:
            return RetryLater(
                reason=f"费用明细上传失败，代码 {heard.infcode} / the upload of fee details failed"
            )
        return Rejected(code=heard.infcode, reason=heard.err_msg, field="fee_lines", raw=heard.raw)

    # -- what an answer proves ------------------------------------------------------------------------

    def _accepted(
        self, transaction: Transaction, message: Message, prepared: Prepared, answer: Answer
    ) -> Outcome:
        if transaction.output is None:
            return Accepted(
                reply=_reversal_done(message.data, answer), raw=answer.raw, reference=answer.reference
            )
        try:
            reply = self._channel.formats.read(transaction.output, answer)
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
            mapping=self._channel.formats.label(transaction.output),
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
            return Accepted(reply=_reversal_done(body, answer), raw=answer.raw, reference=answer.reference)
        rejected = Rejected(code=answer.infcode, reason=answer.err_msg, raw=answer.raw)
        if not transaction.moves_money:
            return rejected
        if says(answer, self._settings.duplicate_words):
            return Unknown(
                reason="平台已收到过此报文ID / the platform has seen this msgid before", raw=answer.raw
            )
        return await self._verified(message, prepared, rejected)

    async def _verified(self, message: Message, prepared: Prepared, rejected: Rejected) -> Outcome:
        """A platform that fails after its commit answers “failed”; only the books tell."""
        if not self._settings.verify_refusals:
            return rejected
        found: Accepted | Absent | Unknown
        try:
            found = await self._resolver.look_up(message, prepared)
        except PartnerDown as down:  # the refusal was heard, the question whether it is true was not sent
            found = Unknown(reason=f"{down.zh} / {down.en}")
        if isinstance(found, Accepted):
            return Unknown(
                reason="平台答失败，但 5203 查到已结算 / refused, yet 5203 shows it settled", raw=rejected.raw
            )
        if isinstance(found, Unknown):
            return Unknown(
                reason=f"平台答失败，且未能核实 / refused, and not verified: {found.reason}", raw=rejected.raw
            )
        return rejected

    async def _once_more(self, transaction: Transaction, prepared: Prepared, body: Asked) -> Heard:
        """For what is harmless to repeat: the same under a new msgid, since the old one is used up."""
        fresh = await self._channel.sign(body.institution_code)
        content = with_fresh_signature(prepared.content, prepared.reference, fresh)
        return await self._channel.call(transaction.infno, content, body)


def _reversal_done(body: Body, answer: Answer) -> ReversalDone:
    assert isinstance(body, ReversalRequested)
    return ReversalDone(
        original_message_id=body.original_message_id,
        raw_code=answer.infcode,
        raw_text=answer.err_msg or None,
    )

"""Fee lines ahead of the settlement they belong to (2204 before 2207), and what to do with older ones (2205).

    if-different   2204 … 2204                      refused as known: 5204; the same → on; else 2205, 2204 again
    always         2205, 2204 … 2204                the 2205 finds nothing where there is nothing
    never          2204 … 2204

Nothing is settled yet, whatever happens here: every part may be repeated.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec

from adapters.settlement.channel import Channel, says
from adapters.settlement.codec import Answer, infno_of, with_fresh_signature
from adapters.settlement.questions import caller
from adapters.settlement.resolver import SettlementResolver
from adapters.settlement.stored_fees import UPLOAD, compared
from gateway.canonical import Message
from gateway.canonical.inquiry import FeesAnswer, FeesQuery
from gateway.canonical.outpatient import OutpatientFee, OutpatientFeesUploaded, OutpatientFeesWithdrawn
from gateway.canonical.settlement import ClaimSubmitted
from gateway.contract import Rejected, RetryLater, Unknown

_UPLOAD: Final = "2204"
_WITHDRAW: Final = "2205"
_FIELD: Final = "fee_lines"
#: What keeps the settlement from being sent; None: it may be.
Stopped = Rejected | RetryLater | None


def fees_of(claim: ClaimSubmitted) -> OutpatientFeesUploaded:
    """The fee lines of a claim as an upload of their own, where each line says whose it is."""
    whose: dict[str, Any] = {
        "visit_id": claim.visit_id,
        "person_no": claim.person_no,
        "charge_batch_no": claim.charge_batch_no,
    }
    lines = tuple([OutpatientFee(**whose, **msgspec.structs.asdict(line)) for line in claim.fee_lines])
    return OutpatientFeesUploaded(**caller(claim), fees=lines)


class Details:
    """The fee lines of one platform's claims."""

    def __init__(self, channel: Channel, resolver: SettlementResolver) -> None:
        self._channel = channel
        self._settings = channel.settings
        self._resolver = resolver

    async def prepare(
        self, claim: ClaimSubmitted, at: dt.datetime, tree: dict[str, Any]
    ) -> tuple[bytes, ...]:
        """The requests that go first; with `inline` none, the rows go into the 2207's `tree` instead."""
        how = self._settings.fee_details
        if how == "none" or not claim.fee_lines:
            return ()
        rows = self._channel.formats.write("2204.input", fees_of(claim), at)["feedetail"]
        if how == "inline":
            tree["feedetail"] = rows
            return ()
        size = self._settings.fee_rows_per_call
        parts = [{"feedetail": rows[n : n + size]} for n in range(0, len(rows), size)]
        first = [await self._withdrawal(claim, at)] if self._settings.old_details == "always" else []
        return (*first, *[(await self._channel.make(_UPLOAD, part, claim))[1] for part in parts])

    async def send(self, claim: ClaimSubmitted, message: Message, parts: tuple[bytes, ...]) -> Stopped:
        """Sends them all. Raises PartnerDown."""
        for part in parts:
            infno = infno_of(part)
            heard = await self._channel.call(infno, part, claim)
            if isinstance(heard, Answer) and says(heard, self._settings.duplicate_rows_words):
                return await self._known_already(claim, message, parts, heard)
            stopped = self._judged(infno, heard)
            if stopped is not None:
                return stopped
        return None

    async def _known_already(
        self, claim: ClaimSubmitted, message: Message, parts: tuple[bytes, ...], refused: Answer
    ) -> Stopped:
        """The platform has lines of these numbers: perhaps from an attempt whose answer was lost."""
        query = FeesQuery(**caller(claim), person_no=claim.person_no, visit_id=claim.visit_id)
        found = await self._resolver.inquire(UPLOAD, query, message.time)
        if not isinstance(found, FeesAnswer):
            return RetryLater(
                reason="费用明细已存在，未能核对 / fee lines are there, and could not be compared"
            )
        if compared(claim.fee_lines, found) == "equal":
            return None
        if self._settings.old_details == "never":
            return Rejected(code=refused.infcode, reason=refused.err_msg, field=_FIELD, raw=refused.raw)
        # Absent: an earlier attempt withdrew them and got no further; the platform repeats its old refusal.
        return await self._replaced(claim, message, parts)

    async def _replaced(self, claim: ClaimSubmitted, message: Message, parts: tuple[bytes, ...]) -> Stopped:
        """Takes the batch back and uploads it again, under new msgids: the old ones stand for a refusal."""
        uploads = [part for part in parts if infno_of(part) == _UPLOAD]
        for old in (await self._withdrawal(claim, message.time), *uploads):
            infno = infno_of(old)
            part = with_fresh_signature(old, await self._channel.sign(claim.institution_code))
            stopped = self._judged(infno, await self._channel.call(infno, part, claim))
            if stopped is not None:
                return stopped
        return None

    async def _withdrawal(self, claim: ClaimSubmitted, at: dt.datetime) -> bytes:
        body = OutpatientFeesWithdrawn(
            **caller(claim),
            visit_id=claim.visit_id,
            charge_batch_no=claim.charge_batch_no,
            person_no=claim.person_no,
        )
        tree = self._channel.formats.write("2205.input", body, at)
        return (await self._channel.make(_WITHDRAW, tree, claim))[1]

    def _judged(self, infno: str, heard: Answer | Rejected | RetryLater | Unknown) -> Stopped:
        """None where the part has arrived."""
        if isinstance(heard, Unknown):
            return RetryLater(
                reason=f"费用明细未确认，尚未结算 / fee details not confirmed, nothing settled: {heard.reason}"
            )
        if not isinstance(heard, Answer):
            return heard
        if self._channel.succeeded(heard) or says(heard, self._settings.duplicate_words):
            return None
        if infno == _WITHDRAW and says(heard, self._settings.not_found_words):
            return None
        if heard.infcode in self._settings.doubtful_codes:
            return RetryLater(
                reason=f"费用明细 {infno} 失败，代码 {heard.infcode} / the fee details were not taken"
            )
        return Rejected(code=heard.infcode, reason=heard.err_msg, field=_FIELD, raw=heard.raw)

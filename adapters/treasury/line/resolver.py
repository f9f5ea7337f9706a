"""Settles unknown outcomes: what came late, then a question about the state, then a reversal. Never a second put.

ledger: an answer came after all ──► its outcome
        nothing was ever put     ──► absent; a debit needs no reversal
9003 ──► 9004: only by the meanings of states that the settings name
1021 ──► 2021 "reversed" ──► reversed; anything else stays in doubt until the check of the day (3122) settles it
"""

from __future__ import annotations

from typing import Final

from adapters.treasury.line.business import DEBIT, PACKAGES, RECEIPT, Business, business_of
from adapters.treasury.line.channel import Channel, Task
from adapters.treasury.line.exchange import Answer
from adapters.treasury.line.ledger import Request
from adapters.treasury.line.verdict import REVERSALS, being_undone, settled
from gateway.canonical import Message
from gateway.canonical.levy import DebitReversalAnswered, DebitReversalAsked
from gateway.canonical.levy_network import DebitStateAsked
from gateway.contract import (
    Absent,
    Accepted,
    Prepared,
    QueryOutcome,
    Reject,
    Rejected,
    Reversed,
    ReverseOutcome,
    Unknown,
)

_REASON: Final = "超时未收到回执"
_FORGOTTEN: Final = Unknown(
    reason="台账晚于此笔，不知是否曾发出：须人工向国库核实 / the ledger is younger than this message: a person must ask whether it"
    " was sent"
)


class TreasuryResolver:
    """Implements `gateway.contract.Resolver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ledger = channel.ledger

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """Looks whether an answer came late, then asks for the state, where settings say how. Raises PartnerDown."""
        business = business_of(message.data)
        request = await self._ledger.of_message(message.id, business.number)
        if request is None:
            return Absent() if await self._complete(message) else _FORGOTTEN
        known = await settled(self._channel, request, message.data) or self._taken_in_silence(request)
        if known is not None:
            return known
        if await being_undone(self._channel, request):
            return Unknown(
                reason="已请求冲正，以冲正应答为准 / a reversal was asked for: only its answer decides"
            )
        return await self._asked(message, request)

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """Asks the network to undo a debit (1021). Raises PartnerDown."""
        if business_of(message.data).number != DEBIT:
            return Rejected(
                code="not-reversible", reason="只有实时扣款可以冲正 / only a single debit can be reversed"
            )
        request = await self._ledger.of_message(message.id, DEBIT)
        if request is None:
            return Reversed() if await self._complete(message) else _FORGOTTEN
        return await self._word(message, request) or await self._undo(message, request)

    async def _word(self, message: Message, request: Request) -> ReverseOutcome | None:
        """What is known already, so that no reversal is put."""
        earlier = await self._ledger.undoing(request.id)
        # The network's words, though they came late, or before a restart; of several, one that reversed it.
        words = [self._undone(one.code, b"") for one in earlier if one.code and one.answered_by != RECEIPT]
        if words:
            return next((word for word in words if isinstance(word, Reversed)), words[0])
        if not earlier and await settled(self._channel, request, message.data) is not None:
            return Unknown(reason="应答刚刚到达 / its answer has just come")  # the next query finds it
        return None

    async def _undo(self, message: Message, request: Request) -> ReverseOutcome:
        day = self._channel.session.day()
        body = DebitReversalAsked(
            collector_code=request.collector, entrusted_on=day, reversal_no="",
            original_entrusted_on=request.day, original_serial=request.serial, reason=_REASON,
        )  # fmt: skip
        answer = await self._put(message, body, request)
        if isinstance(answer, Unknown):
            return answer
        if not isinstance(answer.body, DebitReversalAnswered):
            return Unknown(reason="冲正报文被退回 / the reversal was refused as a message", raw=answer.raw)
        return self._undone(answer.body.raw_code, answer.raw)

    def _undone(self, code: str, raw: bytes) -> ReverseOutcome:
        if self._channel.meaning(code, REVERSALS) == "reversed":
            return Reversed(raw=raw)
        return Unknown(
            reason=f"冲正应答为 {code}，未能冲正，待日终核对了结 / the answer to the reversal is {code}: the check of the day"
            " settles it",
            raw=raw,
        )

    # How

    async def _asked(self, message: Message, request: Request) -> QueryOutcome:
        wanted = self._channel.settings.state_query
        batch = request.number in PACKAGES
        if wanted is None or not (batch or request.number == DEBIT):
            return Unknown(reason="没有应答，且未设置状态查询 / no answer, and no query of states is set")
        body = DebitStateAsked(
            sender_code=request.collector, kind=wanted.package if batch else wanted.debit,
            original_message=request.number, entrusted_on=request.day,
        )  # fmt: skip
        answer = await self._put(message, body, request)
        # What the answer proves of the original, the receiver has noted with the original.
        latest = await self._ledger.known(request.id)
        known = None if latest is None else await settled(self._channel, latest, message.data)
        if known is not None:
            return known
        if isinstance(answer, Unknown):
            return answer
        return Unknown(reason="状态查询的应答不能说明结果 / the state proves nothing", raw=answer.raw)

    async def _put(
        self, message: Message, body: DebitStateAsked | DebitReversalAsked, about: Request
    ) -> Answer | Unknown:
        """A question of our own about a message. Raises PartnerDown."""
        business: Business = business_of(body)
        task = Task(body=body, business=business, message=message.id, at=message.time, about=about)
        try:
            heard = await self._channel.ask(task, self._channel.settings.timeout)
        except Reject as no:
            return Unknown(reason=f"{business.number} 无法发出 / cannot be sent: {no.zh} / {no.en}")
        return heard.answer or Unknown(reason=f"{business.number} 没有应答 / not answered in time")

    def _taken_in_silence(self, request: Request) -> Accepted | None:
        """A package that the queue manager had, and that nobody refused in time, before or after a restart."""
        packages = self._channel.settings.packages
        age = self._channel.context.clock.now().timestamp() - request.at
        silent = request.number in PACKAGES and request.state == "put" and age > packages.answer_timeout
        return Accepted(reference=request.wire_no) if silent and packages.silence_means_taken else None

    async def _complete(self, message: Message) -> bool:
        """Whether what is not in the ledger was never put: it was there before the message was."""
        since = await self._ledger.fact("since")
        return since is not None and float(since) <= message.time.timestamp()

"""What words of the network prove, by the `outcome` of its code tables. A code that proves nothing leaves all unknown."""

from __future__ import annotations

from typing import Final

from adapters.treasury.line.business import RECEIPT, Answered
from adapters.treasury.line.channel import Channel
from adapters.treasury.line.exchange import Answer
from adapters.treasury.line.ledger import Request
from gateway.canonical import Body
from gateway.canonical.levy import (
    DebitAnswered,
    DebitAsked,
    DebitBatchReturned,
    DebitReversalAnswered,
    DebitReversalAsked,
)
from gateway.canonical.levy_network import ReceiptGiven
from gateway.canonical.levy_refund import PackageAnswered
from gateway.contract import Accepted, Rejected, RetryLater, Unknown

#: The table of answers to reversals; all others are of the results' table.
REVERSALS: Final = "tips_cancel_answer"
#: Answers which show that a package was taken, whatever became of its rows.
_WORKED_OFF: Final = (Answered.BATCH, Answered.PACKAGE)
#: Seconds until a message is tried again that came before the log-in.
_SOON: Final = 5.0


def judged(channel: Channel, answer: Answer) -> Accepted | Rejected | RetryLater | Unknown:
    """The outcome of a message that was just answered."""
    body = answer.body
    if isinstance(body, ReceiptGiven) and channel.not_logged_in(body):
        return RetryLater(
            reason="网络称尚未登录，报文未受理 / the network says that we are not logged in: nothing was taken",
            after=_SOON,
        )
    if answer.number in _WORKED_OFF:
        return Accepted(raw=answer.raw)  # what became of its rows is for whom they are handed on to
    if isinstance(body, ReceiptGiven | DebitBatchReturned | PackageAnswered):
        return _by(channel, body.raw_code, body.raw_text, None, answer)
    if isinstance(body, DebitAnswered | DebitReversalAnswered):
        return _by(channel, body.raw_code, body.raw_text, body, answer)
    return Accepted(reply=body, raw=answer.raw, mapping=answer.mapping)


def remembered(channel: Channel, request: Request, asked: Body) -> Accepted | Rejected | None:
    """The outcome of a message whose answer is in the ledger; None where it has none, or one that proves nothing."""
    if request.code is None:
        return None
    if request.answered_by in _WORKED_OFF:
        return Accepted(reference=request.wire_no)
    reply = _reply(request, request.code, asked)
    outcome = _by(channel, request.code, None, reply, Answer(request.answered_by or "", asked, b"", ""))
    return None if isinstance(outcome, Unknown) else outcome


async def settled(channel: Channel, request: Request, asked: Body) -> Accepted | Rejected | None:
    """As `remembered`; but once a reversal may be on its way, a success proves nothing: only the reversal's answer does."""
    outcome = remembered(channel, request, asked)
    return None if isinstance(outcome, Accepted) and await being_undone(channel, request) else outcome


async def being_undone(channel: Channel, request: Request) -> bool:
    """Whether a reversal of this request may have been put, and was not refused as a message."""
    for reversal in await channel.ledger.undoing(request.id):
        refused = reversal.answered_by == RECEIPT and channel.meaning(reversal.code or "") == "rejected"
        if not refused:
            return True
    return False


def _by(
    channel: Channel, code: str, text: str | None, reply: Body | None, answer: Answer
) -> Accepted | Rejected | Unknown:
    undone = isinstance(reply, DebitReversalAnswered) and answer.number != RECEIPT
    meaning = channel.meaning(code, REVERSALS) if undone else channel.meaning(code)
    if meaning == ("reversed" if undone else "success"):
        return Accepted(reply=reply, raw=answer.raw, mapping=answer.mapping or None)
    if meaning == "rejected":
        return Rejected(code=code, reason=text or "", raw=answer.raw)
    return Unknown(
        reason=f"应答 {answer.number} 的代码 {code} 不能说明结果 / code {code} proves nothing", raw=answer.raw
    )


def _reply(request: Request, code: str, asked: Body) -> Body | None:
    """What the network answered, as far as the ledger keeps it: not its free text."""
    if isinstance(asked, DebitAsked):
        return DebitAnswered(
            collector_code=request.collector, entrusted_on=request.day, serial=request.serial,
            voucher_no=request.voucher, debited_on=request.debited_on, raw_code=code,
        )  # fmt: skip
    if isinstance(asked, DebitReversalAsked):
        return DebitReversalAnswered(
            collector_code=request.collector, reversal_no=request.serial, asked_on=request.day,
            original_entrusted_on=asked.original_entrusted_on, original_serial=asked.original_serial,
            raw_code=code,
        )  # fmt: skip
    return None

"""The resolver: what became of a message whose answer was lost, and how to make sure that it has no effect.

query     5203 by person and visit; ours is the one whose medins_setl_id is our msgid
reverse   2601 by our msgid and transaction number
"""

from __future__ import annotations

from typing import Any

from adapters.settlement.channel import Channel, says
from adapters.settlement.checks import mismatch
from adapters.settlement.codec import Answer, Unreadable
from adapters.settlement.formats import Asked, asked, transaction_of
from adapters.settlement.link import Heard
from gateway.canonical import Body, Message
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimSettled,
    ClaimSubmitted,
    ReversalRequested,
)
from gateway.contract import (
    Absent,
    Accepted,
    Prepared,
    QueryOutcome,
    Rejected,
    Reversed,
    ReverseOutcome,
    Unknown,
)

_QUERY = "5203"
_REVERSE = "2601"
_NO_REFERENCE = Unknown(
    reason="没有报文ID，无法查询或冲正 / without its msgid it can be neither asked for nor reversed"
)


class SettlementResolver:
    """Implements `gateway.contract.Resolver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._settings = channel.settings

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """Asks with 5203, unless the partner's settings say to reverse at once.

        Raises:
            PartnerDown: nobody was asked.
        """
        if not transaction_of(message.data).moves_money:
            return Absent()
        if not self._settings.query_before_reverse:
            return Unknown(reason="按配置不查询 / not queried, by configuration")
        return await self.look_up(message, prepared)

    async def look_up(self, message: Message, prepared: Prepared) -> Accepted | Absent | Unknown:
        """Whether the platform's books hold the settlement of our msgid."""
        if not prepared.reference:
            return _NO_REFERENCE
        body = asked(message.data)
        heard = await self._ask(_QUERY, self._query_tree(body), body)
        if not isinstance(heard, Answer):
            return _not_heard(heard)
        if not self._channel.succeeded(heard):
            if says(heard, self._settings.not_found_words):
                return Absent(raw=heard.raw)
            return Unknown(reason=f"5203 被拒绝，代码 {heard.infcode} / 5203 was refused", raw=heard.raw)
        return self._found(body, prepared, heard)

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """Reverses with 2601. Repeating it is harmless: it is about one msgid only. Raises PartnerDown."""
        body = asked(message.data)
        transaction = transaction_of(body)
        if isinstance(body, ReversalRequested):
            return Rejected(code="irreversible", reason="冲正本身不可冲正 / a reversal cannot be reversed")
        if not isinstance(body, ClaimSubmitted | CancellationRequested):
            return Reversed()  # a question has no effect
        if not prepared.reference:
            return _NO_REFERENCE
        tree = self._channel.formats.write(
            "2601.input", _reversal(body, prepared.reference, transaction.infno)
        )
        heard = await self._ask(_REVERSE, tree, body)
        return self._undone(heard) if isinstance(heard, Answer) else _not_heard(heard)

    def _undone(self, answer: Answer) -> ReverseOutcome:
        if self._channel.succeeded(answer) or self.is_reversed(answer):
            return Reversed(raw=answer.raw)
        if answer.infcode in self._settings.doubtful_codes:
            return Unknown(
                reason=f"2601 代码 {answer.infcode} 表示结果不明 / the code leaves the outcome open",
                raw=answer.raw,
            )
        if says(answer, self._settings.not_found_words):
            return Unknown(
                reason="平台未找到原交易，不能确认其今后不会生效 / the platform does not know the original and may"
                " yet accept it",
                raw=answer.raw,
            )
        return Rejected(code=answer.infcode, reason=answer.err_msg, raw=answer.raw)

    def is_reversed(self, answer: Answer) -> bool:
        """Whether a 2601 that was refused says that the original has no effect all the same."""
        if says(answer, self._settings.reversed_words):
            return True
        return self._settings.reversal_not_found_is_success and says(answer, self._settings.not_found_words)

    # -- inside ---------------------------------------------------------------------------------------

    async def _ask(self, infno: str, tree: dict[str, Any], body: Asked) -> Heard:
        _, content = await self._channel.make(infno, tree, body)
        return await self._channel.call(infno, content, body)

    def _query_tree(self, body: Asked) -> dict[str, Any]:
        if isinstance(body, ClaimSubmitted):
            return self._channel.formats.write("5203.input", body)
        assert isinstance(body, CancellationRequested)
        return {"data": {"psn_no": body.person_no, "mdtrt_id": body.visit_id}}

    def _found(self, body: Asked, prepared: Prepared, answer: Answer) -> Accepted | Absent | Unknown:
        ours = _ours(answer.output, prepared.reference)
        if ours is None:
            return Absent(raw=answer.raw)
        try:
            settled = self._channel.formats.read("5203.output", answer, ours)
        except Unreadable as error:
            return Unknown(
                reason=f"5203 应答不符合接口约定 / not what the interface promises: {error}", raw=answer.raw
            )
        reply = _as_reply(body, settled)
        wrong = mismatch(body, reply, prepared.reference, self._settings)
        if wrong is not None:
            return Unknown(
                reason=f"5203 与请求不一致：{wrong} / 5203 contradicts the request", raw=answer.raw
            )
        return Accepted(
            reply=reply,
            raw=answer.raw,
            reference=answer.reference,
            mapping=self._channel.formats.label("5203.output"),
        )


def _ours(output: dict[str, Any], msgid: str) -> dict[str, Any] | None:
    """The settlement of our msgid; some platforms give one settlement, some a list."""
    info = output.get("setlinfo")
    for one in info if isinstance(info, list) else [info]:
        if isinstance(one, dict) and one.get("medins_setl_id") == msgid:
            # Fund details are of all settlements together where there are several.
            details = output.get("setldetail") if not isinstance(info, list) or len(info) == 1 else None
            return {"setlinfo": one, "setldetail": details}
    return None


def _not_heard(heard: Heard) -> Unknown:
    assert not isinstance(heard, Answer)
    return heard if isinstance(heard, Unknown) else Unknown(reason=heard.reason)


def _reversal(body: ClaimSubmitted | CancellationRequested, msgid: str, infno: str) -> ReversalRequested:
    return ReversalRequested(
        institution_code=body.institution_code,
        institution_name=body.institution_name,
        treatment_region=body.treatment_region,
        insured_region=body.insured_region,
        operator_code=body.operator_code,
        operator_name=body.operator_name,
        person_no=body.person_no,
        original_message_id=msgid,
        original_transaction=infno,
    )


def _as_reply(body: Asked, settled: Body) -> Body:
    """5203 shows settlements and refunds alike; a cancellation's answer is the refund."""
    assert isinstance(settled, ClaimSettled)
    if not isinstance(body, CancellationRequested):
        return settled
    return CancellationDone(
        settlement_id=settled.settlement_id,
        visit_id=settled.visit_id,
        settled_at=settled.settled_at,
        total=settled.total,
        fund_total=settled.fund_total,
        personal_total=settled.personal_total,
        account_paid=settled.account_paid,
        cash_paid=settled.cash_paid,
        balance=settled.balance,
        clearing_agency=settled.clearing_agency,
        sender_message_id=settled.sender_message_id,
        raw_code=settled.raw_code,
        raw_text=settled.raw_text,
    )

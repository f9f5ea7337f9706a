"""The resolver: what became of a message whose answer was lost, and how to make sure that it has no effect.

query     the question of the transaction (52xx, 53xx); settlements: the one whose medins_setl_id is our msgid
reverse   2601 by our msgid and transaction number
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any, Final

from adapters.settlement.channel import Channel, says
from adapters.settlement.checks import mismatch
from adapters.settlement.codec import Answer, Unreadable, caller_of, infno_of
from adapters.settlement.link import Heard
from adapters.settlement.questions import Question, caller
from adapters.settlement.transactions import transaction_of
from gateway.canonical import Body, Message
from gateway.canonical.settlement import ReversalRequested
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

_REVERSE: Final = "2601"
_NO_REFERENCE: Final = Unknown(
    reason="没有报文ID，无法查询或冲正 / without its msgid it can be neither asked for nor reversed"
)
_NO_QUESTION: Final = Unknown(reason="没有可核实的查询 / no query tells what became of it")


class SettlementResolver:
    """Implements `gateway.contract.Resolver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._settings = channel.settings

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """Asks the platform's books, unless the partner's settings say to reverse at once.

        Raises:
            PartnerDown: nobody was asked.
        """
        transaction = transaction_of(message.data)
        if transaction.effect == "none":
            return Absent()
        if transaction.effect == "reversed" and not self._settings.query_before_reverse:
            return Unknown(reason="按配置不查询 / not queried, by configuration")
        return await self.look_up(message, prepared)

    async def look_up(self, message: Message, prepared: Prepared) -> Accepted | Absent | Unknown:
        """Whether the platform's books hold what our message asked for."""
        question = transaction_of(message.data).ask
        if question is None:
            return _NO_QUESTION
        if not prepared.reference:
            return _NO_REFERENCE
        query = question.ask(message.data)
        heard = await self._ask(question.infno, query, message.time)
        if not isinstance(heard, Answer):
            return _not_heard(heard)
        try:
            found = self._read(question, heard, prepared.reference, message.time)
        except Unreadable as error:
            return Unknown(
                reason=f"{question.infno} 应答不可用 / the answer is of no use: {error}", raw=heard.raw
            )
        if found is None:
            return Absent(raw=heard.raw)
        return self._verdict(message, prepared, question, heard, found)

    async def inquire(self, question: Question, query: Body, at: dt.datetime) -> Body | None:
        """The answer to a query of that question; None where none came that can be used. Raises PartnerDown."""
        heard = await self._ask(question.infno, query, at)
        try:
            return self._read(question, heard, "", at) if isinstance(heard, Answer) else None
        except Unreadable:
            return None

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """Reverses with 2601. Repeating it is harmless: it is about one msgid only. Raises PartnerDown."""
        transaction = transaction_of(message.data)
        if isinstance(message.data, ReversalRequested):
            return Rejected(code="irreversible", reason="冲正本身不可冲正 / a reversal cannot be reversed")
        if transaction.effect == "none":
            return Reversed()  # a question has no effect
        if transaction.effect != "reversed":
            return Rejected(
                code="irreversible", reason="此交易不可冲正 / 2601 does not reverse this transaction"
            )
        if not prepared.reference:
            return _NO_REFERENCE
        heard = await self._ask(_REVERSE, _reversal(message.data, prepared), message.time)
        return self._undone(heard) if isinstance(heard, Answer) else _not_heard(heard)

    def is_reversed(self, answer: Answer) -> bool:
        """Whether a 2601 that was refused says that the original has no effect all the same."""
        if says(answer, self._settings.reversed_words):
            return True
        return self._settings.reversal_not_found_is_success and says(answer, self._settings.not_found_words)

    # -- inside ---------------------------------------------------------------------------------------

    async def _ask(self, infno: str, body: Body, at: dt.datetime) -> Heard:
        tree = self._channel.formats.write(f"{infno}.input", body, at)
        who = caller_of(body)
        _, content = await self._channel.make(infno, tree, who)
        return await self._channel.call(infno, content, who)

    def _read(self, question: Question, heard: Answer, msgid: str, at: dt.datetime) -> Body | None:
        """What the books say; None where they say that they hold nothing of the kind.

        Raises:
            Unreadable: refused for another reason, or not what the interface promises.
        """
        if not self._channel.succeeded(heard):
            if not says(heard, self._settings.not_found_words):
                raise Unreadable(f"infcode {heard.infcode}")
            if question.nothing is None:
                return None
            return question.nothing(raw_code=heard.infcode, raw_text=heard.err_msg or None)
        output = heard.output
        if question.pick is not None:
            picked = question.pick(output, msgid)
            if picked is None:
                return None
            output = picked
        return self._channel.formats.read(f"{question.infno}.output", heard, at, output)

    def _verdict(
        self, message: Message, prepared: Prepared, question: Question, heard: Answer, found: Body
    ) -> Accepted | Absent | Unknown:
        verdict = question.judge(message.data, found)
        if not isinstance(verdict, Accepted) or verdict.reply is None:
            return dataclasses.replace(verdict, raw=heard.raw)
        wrong = mismatch(message.data, verdict.reply, prepared.reference, self._settings)
        if wrong is not None:
            return Unknown(
                reason=f"{question.infno} 与请求不一致：{wrong} / the books contradict the request",
                raw=heard.raw,
            )
        return dataclasses.replace(
            verdict,
            raw=heard.raw,
            reference=heard.reference,
            mapping=self._channel.formats.label(f"{question.infno}.output", message.time),
        )

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


def _not_heard(heard: Heard) -> Unknown:
    assert not isinstance(heard, Answer)
    return heard if isinstance(heard, Unknown) else Unknown(reason=heard.reason)


def _reversal(body: Any, prepared: Prepared) -> ReversalRequested:
    """Of what was sent, under the number it was sent under, whatever the settings say by now."""
    return ReversalRequested(
        **caller(body),
        person_no=body.person_no,
        original_message_id=prepared.reference,
        original_transaction=infno_of(prepared.content),
    )

"""The centre's packages of debits: 1102 of a collector, 3102 to the bank, 2102 back."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from adapters.treasury.simulator.books import Question, Sent, State
from adapters.treasury.simulator.debits import entry
from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.documents import (
    REFUSED,
    REPEATED,
    SUCCESS,
    UNRECOGNISED,
    Document,
    Part,
    Value,
    Wrong,
    fen,
    yuan,
)

_LARGEST: Final = 1000
_ENDS: Final[dict[str, State]] = {SUCCESS: "success", REFUSED: "refused"}


class Batches:
    """A package has one payer's bank, so that it is forwarded whole, with a number of the centre's."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._books = desk.books

    async def package(self, asked: Document) -> None:
        """1102: taken whole, without a word, or refused whole."""
        head, turn, rows = asked.head("BatchHead"), asked.head("TurnAccount"), asked.rows("Payment")
        key = head["TaxOrgCode"], head["EntrustDate"], head["PackNo"]
        known = self._books.question("1102", *key)
        if known is not None and not known.answer:
            raise Wrong(REPEATED, "包重复")
        if known is not None:
            await self._desk.repeat(known, asked.source, asked.id)
            return
        self._check(head, turn, rows)
        own = f"{self._books.next('pack'):08d}"
        try:
            self._books.enter_debits(
                entry(head, turn, row, asked.source, serial=row["TraNo"], pack=key[2]) for row in rows
            )
        except sqlite3.IntegrityError:
            raise Wrong(REFUSED, "交易流水号重复") from None
        self._desk.note(asked, *key, own)
        await self._desk.post.send(turn["PayBkCode"], "3102", _forwarded(head, turn, rows, own))

    def _check(self, head: Part, turn: Part, rows: list[Part]) -> None:
        if not 0 < len(rows) <= _LARGEST:
            raise Wrong(UNRECOGNISED, "明细笔数不符")
        sums = len(rows), sum(fen(row["TraAmt"]) for row in rows)
        if sums != (int(head["AllNum"]), fen(head["AllAmt"])):
            raise Wrong(UNRECOGNISED, "总笔数或总金额与明细不符")
        self._desk.check_day(head["EntrustDate"])
        if turn["PayBkCode"] not in self._desk.banks:
            raise Wrong(REFUSED, "付款行未接入")

    async def done(self, answered: Document) -> None:
        """2102 of a bank: each debit with its end."""
        head, rows = answered.head("BatchHead"), answered.rows("BatchReturn")
        question = self._books.question_of("1102", head["OriPackNo"])
        if question is None or question.answer:
            return
        results = [self._end(question, row.values()) for row in rows]
        pack = f"{self._books.next('pack'):08d}"
        day = self._books.work_date
        made = [fen(one["TraAmt"]) for one in results if one["Result"] == SUCCESS]
        told: dict[str, Value] = {
            "BatchHead2102": {
                **head.values(), "EntrustDate": day, "PackNo": pack, "OriPackNo": question.serial,
                "SuccNum": str(len(made)), "SuccAmt": yuan(sum(made)),
            },
            "BatchReturn2102": results,
        }  # fmt: skip
        self._books.remember(
            Sent(
                number="2102", day=day, pack=pack, part="1", node=question.node, org=question.sender,
                count=len(rows), total=fen(head["AllAmt"]), body=json.dumps(told), reference=question.id,
            )
        )  # fmt: skip
        await self._desk.answer(question, "2102", told)

    def _end(self, question: Question, row: dict[str, str]) -> dict[str, str]:
        # What the bank made on a day whose list was without it, it has reversed since.
        if row["TaxDate"] and self._books.closed(row["TaxDate"]):
            row |= {"Result": REFUSED, "AddWord": "日终未成功", "TaxDate": ""}
        key = question.sender, question.day, row["OriTraNo"]
        self._books.settle(
            key, _ENDS.get(row["Result"], "process"), row["Result"], row["AddWord"], row["TaxDate"]
        )
        return row


def _forwarded(head: Part, turn: Part, rows: list[Part], own: str) -> dict[str, Value]:
    kept = (
        "TraNo PayOpBkCode PayAcct HandOrgName TraAmt TaxVouNo TaxPayName ProtocolNo Remark Remark1 Remark2"
    )
    told = {**head.values(), "PackNo": own}
    details = [{name: row[name] for name in kept.split()} for row in rows]
    return {"BatchHead3102": told, "TurnAccount3102": turn.values(), "Payment3102": details}

"""The centre's real-time business: debits (1001), their reversal (1021), their state (9003), agreements (9114)."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.treasury.simulator.books import Entry, Question
from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.documents import REPEATED, SUCCESS, Document, Part, Value, Wrong, fen

#: OpStat of 9004 and 3122. Nobody has seen an official table: these are the simulator's own.
STATES = {"process": "00", "success": "20", "refused": "30", "reversed": "40"}
ABSENT = "90"


class Debits:
    """Questions of collectors, and what banks answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._books = desk.books

    async def debit(self, asked: Document) -> None:
        """1001: forwarded once; asked again, it is still in process, or answered as it was."""
        head, turn, payment = (asked.head(name) for name in ("RealHead", "TurnAccount", "Payment"))
        key = head["TaxOrgCode"], head["EntrustDate"], head["TraNo"]
        known = self._books.question("1001", *key)
        if known is not None:
            if known.answer:
                await self._desk.repeat(known, asked.source, asked.id)
            else:
                await self._answer(asked.source, asked.id, key, payment, REPEATED, "包重复")
            return
        self._desk.check_day(head["EntrustDate"])
        question = self._desk.note(asked, *key)
        self._books.enter_debits([entry(head, turn, payment, asked.source, serial=key[2])])
        if turn["PayBkCode"] not in self._desk.banks:
            self._books.settle(key, "refused", "90001", "付款行未接入", "")
            body = _answered(key, payment["TaxVouNo"], "90001", "付款行未接入")
            await self._desk.answer(question, "2001", body)
            return
        if self._desk.post.faults.strikes("in-process"):
            await self._answer(asked.source, asked.id, key, payment, REPEATED, "正在处理")
        await self._desk.post.send(turn["PayBkCode"], "3001", _forwarded(head, turn, payment))

    async def debited(self, answered: Document) -> None:
        """2001 of a bank."""
        said = answered.head("SingleReturn")
        key = said["OriTaxOrgCode"], said["OriEntrustDate"], said["OriTraNo"]
        found, question = self._books.debit(*key), self._books.question("1001", *key)
        if found is None or question is None or found.state != "process":
            return
        # A code that is neither yes nor no leaves it open; the day's comparison ends it.
        if said["Result"] == SUCCESS:
            self._books.settle(key, "success", SUCCESS, said["AddWord"], said["TaxDate"])
        elif said["Result"] == "90001":
            self._books.settle(key, "refused", said["Result"], said["AddWord"], "")
        await self._desk.answer(question, "2001", {"SingleReturn2001": said.values()})

    async def reverse(self, asked: Document) -> None:
        """1021: of what never came there is nothing to reverse; everything else is the bank's to say."""
        head = asked.head("RushApply")
        key = head["TaxOrgCode"], head["EntrustDate"], head["CancelNo"]
        if await self._repeated("1021", key, asked):
            return
        question = self._desk.note(asked, *key)
        found = self._books.debit(head["TaxOrgCode"], head["OriEntrustDate"], head["OriTraNo"])
        if found is not None and found.bank in self._desk.banks:
            await self._desk.post.send(found.bank, "3021", {"RushApply3021": head.values()})
            return
        body = {
            "TaxOrgCode": key[0], "OriCancelNo": key[2], "OriCancelDate": key[1],
            "OriTraNo": head["OriTraNo"], "OriEntrustDate": head["OriEntrustDate"], "CancelAnswer": "0",
            "AddWord": "无此交易",
        }  # fmt: skip
        await self._desk.answer(question, "2021", {"RushReturn2021": body})

    async def reversed(self, answered: Document) -> None:
        """2021 of a bank."""
        said = answered.head("RushReturn")
        question = self._books.question(
            "1021", said["TaxOrgCode"], said["OriCancelDate"], said["OriCancelNo"]
        )
        if question is None:
            return
        if said["CancelAnswer"] == "1":
            debit = said["TaxOrgCode"], said["OriEntrustDate"], said["OriTraNo"]
            self._books.settle(debit, "reversed", "90001", "已冲正", "")
        await self._desk.answer(question, "2021", {"RushReturn2021": said.values()})

    async def prove(self, asked: Document) -> None:
        """9114: the bank's to say."""
        given = asked.head("ProveInfo")
        key = given["SendOrgCode"], given["EntrustDate"], given["VCNo"]
        if await self._repeated("9114", key, asked):
            return
        self._desk.check_day(given["EntrustDate"])
        if given["PayBkCode"] not in self._desk.banks:
            raise Wrong("90001", "付款行未接入")
        self._desk.note(asked, *key)
        await self._desk.post.send(given["PayBkCode"], "9114", {"ProveInfo9114": given.values()})

    async def proven(self, answered: Document) -> None:
        """9115 of a bank."""
        said = answered.head("ProveReturn")
        question = self._books.question(
            "9114", said["OriSendOrgCode"], said["OriEntrustDate"], said["OriVCNo"]
        )
        if question is not None:
            await self._desk.answer(question, "9115", {"ProveReturn9115": said.values()})

    async def state(self, asked: Document) -> None:
        """9003: as the books have it."""
        given = asked.head("TraStatusCheck").values()
        body = {**given, "ChkDate": self._books.work_date, "OpStat": self._state(given)}
        await self._desk.post.send(asked.source, "9004", {"TraStatusReturn9004": body}, asked.id)

    def _state(self, given: Mapping[str, str]) -> str:
        key = given["SendOrgCode"], given["OriEntrustDate"]
        if given["OriTraNo"]:
            found = self._books.debit(*key, given["OriTraNo"])
            return ABSENT if found is None else STATES[found.state]
        package = self._books.question("1102", *key, given["OriPackNo"])
        return ABSENT if package is None else STATES["success" if package.answer else "process"]

    async def _repeated(self, number: str, key: tuple[str, str, str], asked: Document) -> bool:
        known: Question | None = self._books.question(number, *key)
        if known is None:
            return False
        if not known.answer:
            raise Wrong(REPEATED, "包重复")
        await self._desk.repeat(known, asked.source, asked.id)
        return True

    async def _answer(
        self, node: str, reference: str, key: tuple[str, str, str], payment: Part, code: str, text: str
    ) -> None:
        await self._desk.post.send(node, "2001", _answered(key, payment["TaxVouNo"], code, text), reference)


def entry(head: Part, turn: Part, payment: Part, node: str, *, serial: str, pack: str = "") -> Entry:
    """A debit as it was asked for. Raises Wrong."""
    return Entry(
        collector=head["TaxOrgCode"], day=head["EntrustDate"], serial=serial, pack=pack, node=node,
        voucher=payment["TaxVouNo"], amount=fen(payment["TraAmt"]), payee=turn["PayeeOrgCode"],
        payee_bank=turn["PayeeBankNo"], bank=turn["PayBkCode"],
        branch=payment["PayOpBkCode"] or turn["PayOpBkCode"], account=payment["PayAcct"],
        name=payment["TaxPayName"], agreement=payment["ProtocolNo"],
    )  # fmt: skip


def _answered(key: tuple[str, str, str], voucher: str, code: str, text: str) -> dict[str, Value]:
    collector, day, serial = key
    return {
        "SingleReturn2001": {
            "OriTaxOrgCode": collector, "OriTraNo": serial, "OriEntrustDate": day, "TaxVouNo": voucher,
            "TaxDate": "", "Result": code, "AddWord": text,
        }
    }  # fmt: skip


def _forwarded(head: Part, turn: Part, payment: Part) -> dict[str, Value]:
    """What the bank is told of a debit: less than the centre."""
    said = payment.values()
    kept = "PayAcct HandOrgName TraAmt TaxVouNo TaxPayName ProtocolNo Remark Remark1 Remark2 TaxTypeNum"
    told: dict[str, Value] = {name: said.get(name, "") for name in kept.split()}
    told["TaxTypeList3001"] = [
        {n: one[n] for n in ("ProjectId", "TaxTypeName", "TaxStartDate", "TaxEndDate", "TaxTypeAmt")}
        for one in payment.parts("TaxTypeList1001")
    ]
    return {"RealHead3001": head.values(), "TurnAccount3001": turn.values(), "Payment3001": told}

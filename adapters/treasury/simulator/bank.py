"""A bank at the network: compares agreements, takes money, gives it back, and compares its day with the centre's.

A 3021 (what the centre makes of a 1021) and its answer are laid out as 1021 and 2021 are; nobody has seen one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.treasury.simulator.accounts import Accounts, Debit, Order
from adapters.treasury.simulator.documents import (
    MISMATCH,
    OTHER,
    SUCCESS,
    Document,
    Part,
    Value,
    fen,
    read,
    yuan,
)
from adapters.treasury.simulator.post import CENTRE, Post


class Bank:
    """One bank; `take` is for each message from the centre."""

    def __init__(self, accounts: Accounts, post: Post) -> None:
        self.accounts = accounts
        self._post = post
        self.faults = post.faults
        self._day = ""
        self._parts: dict[tuple[str, str, str], dict[str, list[Part]]] = {}
        self._work: dict[str, Callable[[Document], Awaitable[None]]] = {
            "3001": self._debit, "3102": self._package, "3021": self._reverse, "9114": self._prove,
            "3111": self._compare,
        }  # fmt: skip

    @property
    def work_date(self) -> str:
        """As the centre's last message said."""
        return self._day

    async def take(self, raw: bytes) -> None:
        """Raises where the centre sends what no bank understands: that is a mistake of this simulator."""
        document = read(self._post.open(raw))
        self._day = document.work_date
        await self._work[document.number](document)

    async def _debit(self, asked: Document) -> None:
        head, turn, payment = (asked.head(name) for name in ("RealHead", "TurnAccount", "Payment"))
        order = _order(head, turn, payment, serial=head["TraNo"])
        if self.faults.strikes("in-doubt-before"):
            await self._answer(asked, order, OTHER, "主机通讯失败", "")
            return
        with self.accounts.together():
            done = self.accounts.take(order, self._day)
        if self.faults.strikes("in-doubt-after"):
            await self._answer(asked, order, OTHER, "主机通讯失败", "")
            return
        await self._answer(asked, order, done.code, done.text, done.debited_on)

    async def _answer(self, asked: Document, order: Order, code: str, text: str, debited_on: str) -> None:
        body = {
            "OriTaxOrgCode": order.collector, "OriTraNo": order.serial, "OriEntrustDate": order.day,
            "TaxVouNo": order.voucher, "TaxDate": debited_on, "Result": code, "AddWord": text,
        }  # fmt: skip
        await self._post.send(CENTRE, "2001", {"SingleReturn2001": body}, asked.id)

    async def _package(self, asked: Document) -> None:
        head, turn = asked.head("BatchHead"), asked.head("TurnAccount")
        orders = [
            _order(head, turn, row, serial=row["TraNo"], pack=head["PackNo"]) for row in asked.rows("Payment")
        ]
        with self.accounts.together():
            done = [self.accounts.take(order, self._day) for order in orders]
        made = [one for one in done if one.code == SUCCESS]
        body: dict[str, Value] = {
            "BatchHead2102": {
                "PayBkCode": turn["PayBkCode"], "EntrustDate": self._day, "PackNo": head["PackNo"],
                "OriTaxOrgCode": head["TaxOrgCode"], "OriEntrustDate": head["EntrustDate"],
                "OriPackNo": head["PackNo"], "AllNum": str(len(done)),
                "AllAmt": yuan(sum(one.amount for one in done)), "SuccNum": str(len(made)),
                "SuccAmt": yuan(sum(one.amount for one in made)), "Result": SUCCESS, "AddWord": "处理完成",
            },
            "BatchReturn2102": [_row(one) for one in done],
        }  # fmt: skip
        await self._post.send(CENTRE, "2102", body, asked.id)

    async def _reverse(self, asked: Document) -> None:
        head = asked.head("RushApply")
        with self.accounts.together():
            gone = self.accounts.reverse(
                head["TaxOrgCode"], head["OriEntrustDate"], head["OriTraNo"], self._day
            )
        body = {
            "TaxOrgCode": head["TaxOrgCode"], "OriCancelNo": head["CancelNo"],
            "OriCancelDate": head["EntrustDate"], "OriTraNo": head["OriTraNo"],
            "OriEntrustDate": head["OriEntrustDate"], "CancelAnswer": "1" if gone else "0",
            "AddWord": "冲正成功" if gone else "原交易未成功",
        }  # fmt: skip
        await self._post.send(CENTRE, "2021", {"RushReturn2021": body}, asked.id)

    async def _prove(self, asked: Document) -> None:
        given = asked.head("ProveInfo").values()
        with self.accounts.together():
            wrong = self.accounts.prove(given, revoke=given["VCSign"] == "1")
        body = {
            "OriSendOrgCode": given.pop("SendOrgCode"), "OriEntrustDate": given.pop("EntrustDate"),
            "OriVCNo": given.pop("VCNo"), **given, "VCResult": "1" if wrong else "0",
            "AddWord": wrong or "验证通过",
        }  # fmt: skip
        await self._post.send(CENTRE, "9115", {"ProveReturn9115": body}, asked.id)

    async def _compare(self, asked: Document) -> None:
        head = asked.head("BatchHead")
        parts = self._parts.setdefault((head["ChkDate"], head["ChkAcctOrd"], head["PayeeBankNo"]), {})
        # A part that comes again is no other part.
        parts[head["CurPackNo"]] = asked.rows("BankCompare")
        listed = [row for part in parts.values() for row in part]
        if len(listed) < int(head["AllNum"]) or len(parts) < int(head["ChildPackNum"]):
            return
        wrong = self._compared(head, listed)
        body = {
            "OriPayBankNo": head["PayBkCode"], "OriChkDate": head["ChkDate"],
            "OriChkAcctOrd": head["ChkAcctOrd"], "OriPayeeBankNo": head["PayeeBankNo"],
            "Result": MISMATCH if wrong else SUCCESS, "AddWord": wrong or "对帐完成",
        }  # fmt: skip
        await self._post.send(CENTRE, "2111", {"MsgReturn2111": body}, asked.id)

    def _compared(self, head: Part, listed: list[Part]) -> str | None:
        own = {_key(one): one for one in self.accounts.made(head["ChkDate"], head["PayeeBankNo"])}
        for row in listed:
            mine = own.pop((row["OriTaxOrgCode"], row["OriEntrustDate"], row["OriTraNo"]), None)
            if mine is None:
                return "TIPS比商业银行多付款记录"
            if mine.amount != fen(row["TraAmt"]):
                return "金额不符"
        if head["ChkAcctType"] == "1":
            with self.accounts.together():
                for left in own:
                    self.accounts.reverse(*left, self._day)
        return None


def _key(debit: Debit) -> tuple[str, str, str]:
    return debit.collector, debit.day, debit.serial


def _order(head: Part, turn: Part, payment: Part, *, serial: str, pack: str = "") -> Order:
    return Order(
        collector=head["TaxOrgCode"], day=head["EntrustDate"], serial=serial, pack=pack,
        voucher=payment["TaxVouNo"], account=payment["PayAcct"], holder=payment["HandOrgName"],
        name=payment["TaxPayName"], agreement=payment["ProtocolNo"], amount=fen(payment["TraAmt"]),
        payee_bank=turn["PayeeBankNo"],
    )  # fmt: skip


def _row(debit: Debit) -> dict[str, str]:
    return {
        "OriTraNo": debit.serial, "TraAmt": yuan(debit.amount), "TaxVouNo": debit.voucher,
        "TaxDate": debit.debited_on, "Result": debit.code, "AddWord": debit.text,
    }  # fmt: skip

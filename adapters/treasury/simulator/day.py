"""The end of the centre's day: compared with the banks (3111, 2111), then told to the collectors (3122, 3200, 3201)."""

from __future__ import annotations

import json

from msgspec import structs

from adapters.treasury.simulator.books import Entry, Sent
from adapters.treasury.simulator.debits import STATES
from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.documents import REFUSED, SUCCESS, Document, Value, Wrong, yuan

#: 社保 of OrgType.
_INSURANCE = "1"


class DayEnd:
    """Of one centre.

    Args:
        part_size: rows of a part at most.
    """

    def __init__(self, desk: Desk, part_size: int) -> None:
        self._desk = desk
        self._books = desk.books
        self._size = part_size
        self._waiting: set[tuple[str, str, str]] = set()

    async def close(self, day: str) -> None:
        """Nothing is in process any more; the banks get the centre's list, and reverse what it lacks."""
        self._books.close_day(day)
        entries = self._books.debited(day)
        pairs = self._books.pairs()
        self._waiting = {(day, *pair) for pair in pairs}
        for bank, payee_bank in pairs:
            mine = [one for one in entries if (one.bank, one.payee_bank) == (bank, payee_bank)]
            await self._compare(day, bank, payee_bank, mine)
        if not pairs:
            await self.tell(day)

    async def compared(self, answered: Document) -> None:
        """2111: when all banks agree, the collectors are told. One that does not is the operators' business."""
        said = answered.head("MsgReturn")
        if said["Result"] != SUCCESS:
            return
        self._waiting.discard((said["OriChkDate"], said["OriPayBankNo"], said["OriPayeeBankNo"]))
        if not any(day == said["OriChkDate"] for day, *_ in self._waiting):
            await self.tell(said["OriChkDate"])

    async def tell(self, day: str) -> None:
        """3122 with all debits of the day, and which packages went to and fro, to each collector."""
        for collector, node in self._books.collectors():
            mine = [one for one in self._books.debited(day) if one.collector == collector]
            await self._statement(day, collector, node, self._spoilt(mine))
            await self._counts(day, collector, node)

    async def again(self, asked: Document) -> None:
        """9111, 9113, 9117: packages that were sent before."""
        head = asked.head("GetMsg")
        day = head["ChkDate"] or head["OriChkDate"] or head["OriEntrustDate"]
        pack = head["PackNo"] or head["OriPackNo"] or "%"
        found = self._books.sent(day, head["SendOrgCode"], head["OriPackMsgNo"], pack)
        if not found:
            raise Wrong(REFUSED, "无此包")
        for one in found:
            await self._send(one)

    # Within

    async def _compare(self, day: str, bank: str, payee_bank: str, entries: list[Entry]) -> None:
        order = self._books.next("check")
        parts = self._parts(entries)
        for number, part in enumerate(parts, start=1):
            head = {
                "PayBkCode": bank, "ChkDate": day, "ChkAcctOrd": f"{order:04d}", "PayeeBankNo": payee_bank,
                "ChkAcctType": "1", "PriorChkAcctOrd": f"{order - 1:04d}", **_sums(entries, parts, number),
            }  # fmt: skip
            rows = [
                {
                    "PayOpBkCode": one.branch, "PayAcct": one.account, "OriTaxOrgCode": one.collector,
                    "OriEntrustDate": one.day, "OriPackNo": one.pack, "OriTraNo": one.serial,
                    "TraAmt": yuan(one.amount), "TaxVouNo": one.voucher, "TaxPayName": one.name,
                    "ProtocolNo": one.agreement,
                }
                for one in part
            ]  # fmt: skip
            body: dict[str, Value] = {"BatchHead3111": head, "BankCompare3111": rows}
            await self._desk.post.send(bank, "3111", body)

    async def _statement(self, day: str, collector: str, node: str, entries: list[Entry]) -> None:
        pack = f"{self._books.next('pack'):08d}"
        parts = self._parts(entries)
        sent = []
        for number, part in enumerate(parts, start=1):
            head = {
                "ChkDate": day, "PackNo": pack, "TaxOrgCode": collector, **_sums(entries, parts, number),
            }  # fmt: skip
            rows = [
                {
                    "PayeeOrgCode": one.payee, "OriMsgNo": "1102" if one.pack else "1001",
                    "OriSendOrgCode": one.collector, "OriEntrustDate": one.day, "OriPackNo": one.pack,
                    "OriTraNo": one.serial, "OriTaxVouNo": one.voucher, "TraAmt": yuan(one.amount),
                    "TaxDate": one.debited_on, "OpStat": STATES[one.state], "AddWord": "",
                }
                for one in part
            ]  # fmt: skip
            body = json.dumps({"BatchHead3122": head, "CompDeduct3122": rows})
            sent.append(
                Sent(
                    number="3122", day=day, pack=pack, part=str(number), node=node, org=collector,
                    count=len(part), total=sum(one.amount for one in part), body=body, reference="",
                )
            )  # fmt: skip
        if self._desk.post.faults.strikes("parts-reversed"):
            sent.reverse()
        for one in sent:
            self._books.remember(one)
            await self._send(one)

    async def _counts(self, day: str, collector: str, node: str) -> None:
        """3200: what came from the collector; 3201: what went to it. A package that one side lacks shows here."""
        came = self._books.received(day, "1102", collector)
        rows = []
        for one in came:
            entries = self._books.package(collector, day, one.serial)
            rows.append(
                _row("1102", collector, day, one.serial, len(entries), sum(e.amount for e in entries))
            )
        await self._count("3200", "AllRcvNum", day, collector, node, rows)
        gone = self._books.sent(day, collector, "2102")
        rows = [
            _row(
                "2102",
                json.loads(one.body)["BatchHead2102"]["PayBkCode"],
                day,
                one.pack,
                one.count,
                one.total,
            )
            for one in gone
        ]
        await self._count("3201", "AllSendNum", day, collector, node, rows)

    async def _count(
        self, number: str, all_of_them: str, day: str, org: str, node: str, rows: list[dict[str, str]]
    ) -> None:
        total = sum(int(row["AllAmt"].replace(".", "")) for row in rows)
        head = {
            "ChkDate": day, "PackNo": f"{self._books.next('pack'):08d}", "BillOrg": org,
            "OrgType": _INSURANCE, all_of_them: str(len(rows)), "ChildPackNum": "1", "CurPackNo": "1",
            "CurPackNum": str(len(rows)), "CurPackAmt": yuan(total),
        }  # fmt: skip
        body = json.dumps({f"BatchHead{number}": head, f"CompDeduct{number}": rows})
        sent = Sent(
            number=number, day=day, pack=head["PackNo"], part="1", node=node, org=org, count=len(rows),
            total=total, body=body, reference="",
        )  # fmt: skip
        self._books.remember(sent)
        await self._send(sent)

    async def _send(self, one: Sent) -> None:
        await self._desk.post.send(one.node, one.number, json.loads(one.body), one.reference)

    def _parts(self, entries: list[Entry]) -> list[list[Entry]]:
        return [entries[i : i + self._size] for i in range(0, len(entries), self._size)] or [[]]

    def _spoilt(self, entries: list[Entry]) -> list[Entry]:
        faults = self._desk.post.faults
        if entries and faults.strikes("row-missing"):
            entries = entries[1:]
        if entries and faults.strikes("row-extra"):
            entries = [*entries, structs.replace(entries[0], serial="99999999", voucher="399999999999999999")]
        if entries and faults.strikes("row-amount"):
            entries = [structs.replace(entries[0], amount=entries[0].amount + 100), *entries[1:]]
        return entries


def _sums(entries: list[Entry], parts: list[list[Entry]], number: int) -> dict[str, str]:
    part = parts[number - 1]
    return {
        "AllNum": str(len(entries)), "AllAmt": yuan(sum(one.amount for one in entries)),
        "ChildPackNum": str(len(parts)), "CurPackNo": str(number), "CurPackNum": str(len(part)),
        "CurPackAmt": yuan(sum(one.amount for one in part)),
    }  # fmt: skip


def _row(number: str, sender: str, day: str, pack: str, count: int, total: int) -> dict[str, str]:
    return {
        "OriMsgNo": number, "OriSendOrgCode": sender, "OriEntrustDate": day, "OriPackNo": pack,
        "AllNum": str(count), "AllAmt": yuan(total),
    }  # fmt: skip

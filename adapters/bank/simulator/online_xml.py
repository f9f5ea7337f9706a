"""CMB's front end as the simulated bank has it: XML in GBK."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final
from xml.sax.saxutils import escape

from lxml import etree

from adapters.bank.simulator.online_books import Account, Books, Deposit, Item, Refusal, fen, yuan
from adapters.bank.simulator.online_wire import Faults

_PAGE: Final = 1000
_WEEK: Final = dt.timedelta(days=6)
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True)


class FrontEnd:
    """Implements `Bank`."""

    def __init__(self, books: Books, today: Callable[[], dt.date], login: str = "银企直连样例") -> None:
        self.books, self.faults = books, Faults()
        self.absent_code = "-9"  #: empty: a query without a row succeeds
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page = _PAGE
        self._today, self._login = today, login
        self._days: dict[str, dt.date] = {}  #: of submission, by reference

    def function(self, body: bytes) -> str:
        root = _root(body)
        return "" if root is None else root.findtext("INFO/FUNNAM") or ""

    def answer(self, body: bytes, kind: str) -> bytes:
        function = self.function(body)
        self.requests.append(function)
        root = _root(body)
        if root is None or root.findtext("INFO/LGNNAM") != self._login or b'encoding="GBK"' not in body:
            self.wrong.append(function)
            return _document(function, "-1", "报文错误", "")
        if kind in ("plain-error", "refuse"):
            return _document(function, "-99", "账户状态异常", "")
        try:
            code, text, inner = "0", "", self._business(function, root, kind)
        except Refusal as no:
            code, text, inner = no.code, no.text, ""
        early = {
            "garbage": b"\x00\xff" * 40,
            "html": "<html>系统维护</html>".encode(),
            "plain-error-after": _document(function, "-98", "系统异常", ""),
            "refuse-after": _document(function, "-98", "系统异常", ""),
        }
        return early.get(kind) or _document(function, code, text, inner)

    def _business(self, function: str, root: Any, kind: str) -> str:
        if function in ("NTAGCAPY", "NTAGCACL"):
            batch = self.books.submit(_deposit(root, function == "NTAGCACL"))
            self._days.setdefault(batch.reference, self._today())
            request = {} if kind == "no-request" else {"REQNBR": batch.request}
            return _element("NTAGCAGCZ1", {**request, "REQSTA": batch.state})
        if function == "NTAGCINY":
            return self._status(root, kind)
        if function == "NTAGDINF":
            return self._details(root)
        raise Refusal("-2", "无此函数")

    def _status(self, root: Any, kind: str) -> str:
        first, last = (_day(root.findtext(f"NTAGCINYX1/{name}")) for name in ("BGNDAT", "ENDDAT"))
        if not first <= last <= first + _WEEK or first < self._today() - dt.timedelta(days=90):
            raise Refusal("-3", "日期间隔超限")
        batch = self.books.asked(root.findtext("NTAGCINYX1/YURREF"))
        if batch is None or not first <= self._days[batch.reference] <= last:
            if self.absent_code:
                raise Refusal(self.absent_code, "没有符合条件的记录")
            return ""
        return _element("NTAGCINQZ", _head(batch, kind))

    def _details(self, root: Any) -> str:
        batch = self.books.named(root.findtext("NTAGDINFY1/REQNBR"))
        if batch is None:
            raise Refusal("-4", "无此流程实例号")
        after = root.findtext("NTAGDINFY1/TRXSEQ") or ""
        left = [item for item in batch.items if item.sequence > after]
        more = ""
        if len(left) > self.page:
            last = left[self.page - 1].sequence
            keys = {"REQNBR": batch.request, "BTHNBR": "0000000001", "TRXSEQ": last, "HISTAG": "N"}
            more = _element("NTAGDINFY1", keys)
        return more + "".join(_row(item, batch.debit) for item in left[: self.page])


def _deposit(root: Any, debit: bool) -> Deposit:
    head = {child.tag: child.text or "" for child in root.find("NTAGCAGCX1")}
    rows = [{child.tag: child.text or "" for child in row} for row in root.findall("NTAGCDTLY1")]
    items = [Item(row["TRXSEQ"], row["ACCNBR"], row["ACCNAM"], fen(row["TRSAMT"])) for row in rows]
    return Deposit(
        head["YURREF"], head.get("REQNBR", ""), debit, head["BEGTAG"] == "Y", head["ENDTAG"] == "Y",
        int(head["TTLCNT"]), fen(head["TTLAMT"]), int(head["TTLNUM"]), int(head["CURCNT"]), fen(head["CURAMT"]), items,
    )  # fmt: skip


def _head(batch: Account, kind: str) -> dict[str, str]:
    settled = batch.settled if batch.state == "FIN" else []
    return {
        "REQNBR": batch.request, "REQSTA": batch.state, **({"RTNFLG": batch.flag} if batch.flag else {}),
        "YURREF": "ANOTHER0001" if kind == "other-batch" else batch.reference,
        "TRSNUM": str(batch.count), "TOTAMT": yuan(batch.total),
        "SUCNUM": str(len(settled)), "SUCAMT": yuan(sum(i.moved for i in settled)),
    }  # fmt: skip


def _row(item: Item, debit: bool) -> str:
    row = {"TRXSEQ": item.sequence, "ACCNBR": item.account, "ACCNAM": item.name, "TRSAMT": yuan(item.amount)}
    if debit and item.moved:
        row["LGRAMT"] = yuan(item.moved)
    row["STSCOD"] = item.status
    return _element("NTAGCDTLY1", row | ({"ERRCOD": item.error, "ERRDSP": item.text} if item.error else {}))


def _document(function: str, code: str, text: str, inner: str) -> bytes:
    info = _element("INFO", {"FUNNAM": function, "DATTYP": "2", "RETCOD": code, "ERRMSG": text})
    whole = f'<?xml version="1.0" encoding="GBK"?><CMBSDKPGK>{info}{inner}</CMBSDKPGK>'
    return whole.encode("gbk")


def _element(name: str, values: dict[str, str]) -> str:
    inner = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in values.items() if value)
    return f"<{name}>{inner}</{name}>"


def _root(body: bytes) -> Any:
    try:
        return etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError:
        return None


def _day(text: str | None) -> dt.date:
    return dt.datetime.strptime(text or "", "%Y%m%d").date()

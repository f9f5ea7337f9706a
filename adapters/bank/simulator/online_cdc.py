"""CDC as the simulated bank speaks it: decrypts, verifies the client's signature, answers signed and encrypted.

Written from the description of the interface and not from the adapter, so that the two check each other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

from adapters.bank.simulator.online_books import Account, Books, Deposit, Item, Refusal, fen, yuan
from adapters.bank.simulator.online_wire import Faults
from gateway.crypto import BadCiphertext, BadSignature, forms, sm2, sm4

_HOLDER: Final = "__signature_sigdat__"
_PAGE: Final = 1000
_SUBMIT: Final = {"BB6BTHHL": ("bb6cdcbhx1", "bb6cdcdlx1", "bb6cdcbhz1"), "BB6ACLAK": ("bb6aclakx1", "bb6aclaky1", "bb6aclakz1")}  # fmt: skip
_STATUS: Final = {"BB6BPDQY": ("bb6bpdqyy1", "bb6bpdqyz1"), "BB6CDCQY": ("bb6cdcqyy1", "bb6cdcqyz1")}
_DETAILS: Final = {"BB6DTLQY": ("bb6dtlqyy1", "bb6dtlqyz1"), "BB6ACLIF": ("bb6aclify1", "bb6aclifz1")}


class Wrong(Exception):
    """The request is not as the interface wants it: the client is told so in plain text."""


class Keys:
    """Those of one client and of the bank, newly made unless they are given (PKCS #8 in DER)."""

    def __init__(
        self,
        client: bytes | None = None,
        bank: bytes | None = None,
        sm4_key: bytes = b"DEMO-SM4-KEY-001",
        user: str = "U990101001",
    ) -> None:
        self.client_der, self.bank_der = client or sm2.generate(), bank or sm2.generate()
        self.client, self.bank = sm2.PrivateKey(self.client_der), sm2.PrivateKey(self.bank_der)
        self.sm4, self.user = sm4_key, user
        self.stranger = sm2.PrivateKey(sm2.generate())
        self.id = (user + "0" * 16)[:16].encode()


class Cdc:
    """Implements `Bank`."""

    def __init__(
        self, books: Books, keys: Keys, stamp: Callable[[], str], absent_code: str = "ABS0001"
    ) -> None:
        self.books, self.keys, self.faults = books, keys, Faults()
        self.absent_code = absent_code  #: empty: a query without a row succeeds
        self.bizcode = ""  #: beside every answer
        self.wrong: list[str] = []  #: what was wrong with requests
        self.requests: list[str] = []  #: functions in their order
        self.page = _PAGE
        self._stamp = stamp
        self._former: dict[str, bytes] = {}  #: the last answer of each function

    def function(self, body: bytes) -> str:
        return parse_qs(body.decode("latin-1")).get("FUNCODE", [""])[0]

    def answer(self, body: bytes, kind: str) -> bytes:
        function = self.function(body)
        self.requests.append(function)
        if kind == "plain-error":
            return "CDCServer ErrMsg: 验签失败".encode()
        try:
            request = self._opened(body)
        except (Wrong, BadSignature, BadCiphertext, ValueError, KeyError) as error:
            self.wrong.append(f"{function}: {error}")
            return "CDCServer ErrMsg: 报文错误".encode()
        done, code, text = self._done(function, request["body"], kind)
        early = {
            "plain-error-after": "CDCServer ErrMsg: 系统异常".encode(),
            "garbage": b"\x00\xff" * 40,
            "html": "<html>系统维护</html>".encode(),
        }
        if kind in early:
            return early[kind]
        head = {
            **request["head"],
            "bizcode": self.bizcode,
            "resultcode": code,
            "resultmsg": text,
            "rspid": "R1",
        }
        answer = self.sealed(
            {"response": {"body": done, "head": head}},
            self.keys.stranger if kind == "wrong-signature" else self.keys.bank,
        )
        former, self._former[function] = self._former.get(function, answer), answer
        return former if kind == "stale" else answer

    def notice(self, kind: str, reference: str, *, genuine: bool = True) -> bytes:
        """What the bank posts to its client about a batch."""
        batch = self.books.batches[reference]
        details = [
            {"trxseq": i.sequence, "accnbr": i.account, "accnam": i.name, "trsamt": yuan(i.amount), "stscod": i.status}
            for i in batch.items
        ]  # fmt: skip
        info = {"yurref": reference, "reqnbr": batch.request, "rtnflg": batch.flag or "S"}
        content = json.dumps({"msgtyp": "FINB", "msgdat": {"agcInfo": info, "detailInfo": details}})
        tree = {
            "nottyp": kind, "notkey": f"K-{reference}", "notnbr": "0000000001", "usrnbr": self.keys.user,
            "sigtim": self._stamp(), "sigdat": _HOLDER, "notdat": content,
        }  # fmt: skip
        key = self.keys.bank if genuine else self.keys.stranger
        return _text(tree).replace(_HOLDER, self._sign(key, tree)).encode()

    # On the wire

    def _opened(self, body: bytes) -> dict[str, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode("ascii")).items()}
        if form["UID"] != self.keys.user or form["ALG"] != "SM":
            raise Wrong("UID, ALG")
        iv = (self.keys.user + "000000").encode()
        whole = sm4.decrypt_cbc(self.keys.sm4, iv, base64.b64decode(form["DATA"])).decode()
        tree = json.loads(whole)
        signature = tree["signature"]["sigdat"]
        signed = whole.replace(signature, _HOLDER).encode()
        raw = base64.b64decode(signature)
        if len(raw) != 64 or _text(tree) != whole:
            raise Wrong("not sorted and stripped, or no raw signature")
        self.keys.client.public.verify(signed, forms.signature_from("raw", raw), distid=self.keys.id)
        request: dict[str, Any] = tree["request"]
        if request["head"]["funcode"] != form["FUNCODE"] or request["head"]["userid"] != self.keys.user:
            raise Wrong("head")
        return request

    def sealed(self, tree: dict[str, Any], key: sm2.PrivateKey) -> bytes:
        """A document signed and encrypted."""
        tree = {**tree, "signature": {"sigdat": _HOLDER, "sigtim": self._stamp()}}
        whole = _text(tree).replace(_HOLDER, self._sign(key, tree)).encode()
        iv = (self.keys.user + "000000").encode()
        return base64.b64encode(sm4.encrypt_cbc(self.keys.sm4, iv, whole))

    def _sign(self, key: sm2.PrivateKey, tree: dict[str, Any]) -> str:
        der = key.sign(_text(tree).encode(), distid=self.keys.id)
        return base64.b64encode(forms.signature_to("raw", der)).decode()

    # Business

    def _done(self, function: str, body: dict[str, Any], kind: str) -> tuple[dict[str, Any], str, str]:
        if kind == "refuse":
            return {}, "ERR0099", "账户状态异常"
        try:
            done = self._business(function, body, kind)
        except Refusal as no:
            return {}, no.code, no.text
        return ({}, "ERR0099", "系统异常") if kind == "refuse-after" else (done, "SUC0000", "")

    def _business(self, function: str, body: dict[str, Any], kind: str) -> dict[str, Any]:
        if function in _SUBMIT:
            head, rows, answer = _SUBMIT[function]
            batch = self.books.submit(_deposit(body[head][0], body[rows], function == "BB6ACLAK"))
            request = {} if kind == "no-request" else {"reqnbr": batch.request}
            return {answer: [{**request, "reqsta": batch.state if batch.state != "FIN" else "BNK"}]}
        if function in _STATUS:
            question, answer = _STATUS[function]
            found = self.books.asked(body[question][0]["yurref"])
            if found is None and self.absent_code:
                raise Refusal(self.absent_code, "无此业务参考号")
            return {answer: [_head(found, kind)]} if found is not None else {answer: []}
        if function in _DETAILS:
            question, answer = _DETAILS[function]
            return self._details(body[question][0], question, answer)
        if function == "BB6RFDQY":
            return {"bb6rfdqyz1": _returned(self._named(body["bb6rfdqyy1"][0]["reqnbr"]))}
        raise Refusal("ERR0002", "无此交易")

    def _details(self, asked: dict[str, str], question: str, answer: str) -> dict[str, Any]:
        batch = self._named(asked["reqnbr"])
        left = [item for item in batch.items if item.sequence > asked.get("trxseq", "")]
        done: dict[str, Any] = {answer: [_row(item, batch.debit) for item in left[: self.page]]}
        if len(left) > self.page:
            last = left[self.page - 1].sequence
            done[question] = [
                {"reqnbr": batch.request, "bthnbr": "0000000001", "trxseq": last, "histag": "N"}
            ]
        return done

    def _named(self, request: str) -> Account:
        batch = self.books.named(request)
        if batch is None:
            raise Refusal("ERR0003", "无此流程实例号")
        return batch


def _deposit(head: dict[str, str], rows: list[dict[str, str]], debit: bool) -> Deposit:
    items = [Item(row["trxseq"], row["accnbr"], row["accnam"], fen(row["trsamt"])) for row in rows]
    return Deposit(
        head["yurref"], head.get("reqnbr", ""), debit, head["begtag"] == "Y", head["endtag"] == "Y",
        int(head["ttlcnt"]), fen(head["ttlamt"]), int(head["ttlnum"]), int(head["curcnt"]), fen(head["curamt"]), items,
    )  # fmt: skip


def _head(batch: Account, kind: str) -> dict[str, str]:
    flag = {"rtnflg": batch.flag} if batch.flag else {}
    settled = batch.settled if batch.state == "FIN" else []
    return {
        "reqnbr": batch.request, "reqsta": batch.state, **flag,
        "yurref": "ANOTHER0001" if kind == "other-batch" else batch.reference,
        "trsnum": str(batch.count), "totamt": yuan(batch.total),
        "sucnum": str(len(settled)), "sucamt": yuan(sum(i.moved for i in settled)),
    }  # fmt: skip


def _row(item: Item, debit: bool) -> dict[str, str]:
    row = {
        "trxseq": item.sequence, "accnbr": item.account, "accnam": item.name, "trsamt": yuan(item.amount),
        "stscod": item.status,
    }  # fmt: skip
    if debit and item.moved:
        row["lgramt"] = yuan(item.moved)
    return row | {"errcod": item.error, "errtxt": item.text} if item.error else row


def _returned(batch: Account) -> list[dict[str, str]]:
    return [
        {"bthdtl": i.sequence, "eacnbr": i.account, "eacnam": i.name, "trsamt": yuan(i.amount)}
        for i in batch.items
        if i.returned
    ]


def _text(tree: dict[str, Any]) -> str:
    text = json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace(" ", "").replace("\r", "")

"""Reads requests, keeps the table msg, and lets the ledger act. Still no wire: bytes in, bytes out."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.settlement.codec import BEIJING
from adapters.settlement.simulator import answers
from adapters.settlement.simulator.ledger import BatchKey, Ledger, Order, Refused, Settlement
from adapters.settlement.simulator.people import findable

_MAX_REQUESTS: Final = 20_000


class Options(Struct, frozen=True, kw_only=True):
    """How this platform behaves."""

    paasid: str = "demo-app"
    token: str = "DEMO-TOKEN-0001"  # noqa: S105 - a public example, for the simulator only
    signature: bool = True
    window: float = 300.0
    sign_in: bool = False  #: refuses business without a sign_no
    reversal_not_found: str = "failure"  #: or `success`
    region: str = "990101"
    fast: bool = False  #: keeps neither request log nor stored answers: for benchmarks
    need_details: bool = True
    seed: int = 1


class Envelope(Struct):
    """A request's envelope; what the simulator does not look at is left out."""

    infno: str
    msgid: str
    fixmedins_code: str
    input: msgspec.Raw
    opter: str = ""
    sign_no: str = ""
    insuplc_admdvs: str = ""


class Row(Struct):
    """One fee line."""

    feedetl_sn: str
    mdtrt_id: str
    chrg_bchno: str
    det_item_fee_sumamt: Decimal


class _Rows(Struct):
    feedetail: list[Row]


class _Claim(Struct):
    psn_no: str
    med_type: str
    medfee_sumamt: Decimal
    mdtrt_id: str
    chrg_bchno: str
    insutype: str
    fulamt_ownpay_amt: Decimal
    overlmt_selfpay: Decimal
    preselfpay_amt: Decimal
    inscp_scp_amt: Decimal
    mdtrt_cert_type: str = ""
    mdtrt_cert_no: str = ""
    acct_used_flag: str = "0"


class _Settle(Struct):
    data: _Claim
    feedetail: list[Row] = []


class Known(Struct):
    """One row of the table msg."""

    infno: str
    digest: bytes
    answer: bytes | None = None


_envelope = msgspec.json.Decoder(Envelope)
_rows = msgspec.json.Decoder(_Rows)
_settle = msgspec.json.Decoder(_Settle)
_any = msgspec.json.Decoder(dict[str, Any])


class Platform:
    """One platform. `handle` is the whole of it; the wire decides what becomes of its answers."""

    def __init__(self, options: Options, now: Callable[[], float] = time.time) -> None:
        self.options = options
        self._now = now
        self._second = -1
        self.reset()
        self._work: dict[str, Callable[[Envelope], bytes]] = {
            "2207": self._settle,
            "2204": self._upload,
            "1101": self._person,
            "2208": self._cancel,
            "2601": self._reverse,
            "5203": self._query,
            "9001": self._sign_in,
            "9002": self._sign_out,
        }

    def reset(self) -> None:
        """Empty books."""
        self._serial = 0
        self._tick()
        today = dt.datetime.fromtimestamp(self._second, BEIJING).date()
        o = self.options
        self.ledger = Ledger(today, need_details=o.need_details, keep_details=not o.fast)
        self.messages: dict[str, Known] = {}
        self.reversed_early: set[tuple[str, str]] = set()
        self.sign_nos: set[str] = set()
        self.requests: deque[dict[str, Any]] = deque(maxlen=_MAX_REQUESTS)
        self.count = 0
        self._signed = 0

    def read(self, body: bytes) -> Envelope | bytes:
        """The envelope, or the answer to what is none."""
        try:
            return _envelope.decode(body)
        except (msgspec.MsgspecError, UnicodeError):
            return self._answer(-1, "报文格式错误", b"{}")

    def handle(self, request: Envelope, note: str = "") -> bytes:
        """Processes one request as if nothing went wrong."""
        digest = blake2b(request.input, digest_size=16).digest()
        known = self.messages.get(request.msgid)
        if known is not None:
            same = known.digest == digest and known.infno == request.infno
            answer = self._again(request, known) if same else self._answer(-1, "报文ID重复", b"{}")
            self.log(request, note or ("repeated" if same else "conflict"))
            return answer
        if self.options.sign_in and request.infno != "9001" and request.sign_no not in self.sign_nos:
            return self._answer(-1, "未签到", b"{}")
        answer = self._process(request)
        kept = None if self.options.fast else answer
        self.messages[request.msgid] = Known(request.infno, digest, kept)
        self.log(request, note)
        return answer

    def log(self, request: Envelope, note: str) -> None:
        """Remembers that a request came."""
        self.count += 1
        if not self.options.fast:
            self.requests.append(
                {
                    "no": self.count,
                    "time": self._now(),
                    "infno": request.infno,
                    "msgid": request.msgid,
                    "note": note,
                }
            )

    def refusal(self, text: str) -> bytes:
        """An answer that says no."""
        return self._answer(-1, text, b"{}")

    # -- inside ---------------------------------------------------------------------------------------

    def _process(self, request: Envelope) -> bytes:
        work = self._work.get(request.infno)
        if work is None:
            return self._answer(-1, f"不支持的交易 {request.infno}", b"{}")
        if (request.msgid, request.infno) in self.reversed_early:
            return self._answer(-1, "原交易已冲正", b"{}")
        try:
            return self._answer(0, "", work(request))
        except Refused as refused:
            return self._answer(-1, str(refused), b"{}")
        except (msgspec.MsgspecError, KeyError, ValueError, ArithmeticError, TypeError, AttributeError):
            return self._answer(-1, "交易输入格式错误", b"{}")

    def _again(self, request: Envelope, known: Known) -> bytes:
        settlement = self.ledger.by_msgid.get(request.msgid)
        if settlement is not None and settlement.reversed:
            return self._answer(-1, "原交易已冲正", b"{}")
        if known.answer is not None:
            return known.answer
        if settlement is None:
            return self._answer(0, "", b"{}")
        return self._answer(0, "", self._shown(settlement))

    def _shown(self, s: Settlement) -> bytes:
        return answers.refund(s) if s.refund_of else answers.setlinfo(s, self.ledger.persons[s.psn_no])

    def _settle(self, request: Envelope) -> bytes:
        order = _settle.decode(request.input)
        data = order.data
        if order.feedetail:
            self._add(request, order.feedetail)
        settlement = self.ledger.settle(
            Order(
                institution=request.fixmedins_code,
                msgid=request.msgid,
                region=self.options.region,
                time=self._time,
                psn_no=data.psn_no,
                certno=data.mdtrt_cert_no if data.mdtrt_cert_type == "02" else "",
                mdtrt_id=data.mdtrt_id,
                batch=data.chrg_bchno,
                med_type=data.med_type,
                insutype=data.insutype,
                use_account=data.acct_used_flag == "1",
                total=_fen(data.medfee_sumamt),
                own=_fen(data.fulamt_ownpay_amt),
                over=_fen(data.overlmt_selfpay),
                advance=_fen(data.preselfpay_amt),
                scope=_fen(data.inscp_scp_amt),
            )
        )
        return self._shown(settlement)

    def _upload(self, request: Envelope) -> bytes:
        rows = _rows.decode(request.input).feedetail
        self._add(request, rows)
        results = ",".join(
            f'{{"feedetl_sn":{msgspec.json.encode(r.feedetl_sn).decode()}'
            f',"det_item_fee_sumamt":{r.det_item_fee_sumamt:f},"chrgitm_lv":"01"}}'
            for r in rows
        )
        return f'{{"result":[{results}]}}'.encode()

    def _add(self, request: Envelope, rows: list[Row]) -> None:
        batches: dict[BatchKey, list[tuple[str, int]]] = {}
        for row in rows:
            key = (request.fixmedins_code, row.mdtrt_id, row.chrg_bchno)
            batches.setdefault(key, []).append((row.feedetl_sn, _fen(row.det_item_fee_sumamt)))
        for key, lines in batches.items():
            self.ledger.upload(key, lines)

    def _person(self, request: Envelope) -> bytes:
        data = _any.decode(request.input)["data"]
        kind, number = data["mdtrt_cert_type"], data["mdtrt_cert_no"]
        if number in self.ledger.not_found or not findable(kind, number):
            raise Refused("未查询到人员信息")
        return answers.person_info(self.ledger.find(kind, number), self.options.region)

    def _cancel(self, request: Envelope) -> bytes:
        data = _any.decode(request.input)["data"]
        made = self.ledger.cancel(
            data["setl_id"], data["mdtrt_id"], data["psn_no"], request.msgid, self._time
        )
        return self._shown(made)

    def _reverse(self, request: Envelope) -> bytes:
        data = _any.decode(request.input)["data"]
        original = (data["omsgid"], data["oinfno"])
        known = self.messages.get(original[0])
        if known is None:
            # Should the original still be under way, it must not take effect when it arrives.
            self.reversed_early.add(original)
            if self.options.reversal_not_found == "success":
                return b"{}"
            raise Refused("未找到原交易")
        if known.infno != original[1]:
            raise Refused("原交易编号不一致")
        if original[0] in self.ledger.by_msgid:
            self.ledger.reverse(original[0], data["psn_no"])
        return b"{}"

    def _query(self, request: Envelope) -> bytes:
        data = _any.decode(request.input)["data"]
        found = self.ledger.query(data["psn_no"], data.get("mdtrt_id") or "", data.get("setl_id") or "")
        return answers.queried(found, self.ledger.persons[found.psn_no])

    def _sign_in(self, request: Envelope) -> bytes:
        self._signed += 1
        sign_no = f"{self.options.region}G{self._signed:010d}"
        self.sign_nos.add(sign_no)
        return f'{{"signinoutb":{{"sign_time":"{self._time}","sign_no":"{sign_no}"}}}}'.encode()

    def _sign_out(self, request: Envelope) -> bytes:
        self.sign_nos.discard(_any.decode(request.input)["signOut"]["sign_no"])
        return f'{{"signoutoutb":{{"sign_time":"{self._time}"}}}}'.encode()

    def _answer(self, infcode: int, text: str, output: bytes) -> bytes:
        self._tick()
        self._serial += 1
        reference = f"{self.options.region}{self._stamp}{self._serial:010d}"
        return answers.envelope(infcode, reference, self._stamp + "000", text, output)

    def _tick(self) -> None:
        second = int(self._now())
        if second != self._second:
            local = dt.datetime.fromtimestamp(second, BEIJING)
            self._second = second
            self._stamp = local.strftime("%Y%m%d%H%M%S")
            self._time = local.strftime("%Y-%m-%d %H:%M:%S")


def _fen(amount: Decimal) -> int:
    fen = int(amount.scaleb(2))
    if amount.scaleb(2) != fen:
        raise Refused("金额超过两位小数")
    return fen

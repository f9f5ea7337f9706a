"""Reads requests, keeps the table msg, and lets the desks act. Still no wire: bytes in, bytes out."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.settlement.codec import BEIJING
from adapters.settlement.simulator import answers
from adapters.settlement.simulator.books import EMPTY, Books, Envelope, Options, Work
from adapters.settlement.simulator.clearing import Clearing
from adapters.settlement.simulator.fees import Refused
from adapters.settlement.simulator.filings import Filings
from adapters.settlement.simulator.ledger import Ledger
from adapters.settlement.simulator.requests import check
from adapters.settlement.simulator.settling import Settling
from adapters.settlement.simulator.wards import Wards

_MAX_REQUESTS: Final = 20_000
#: What 2601 takes back.
_REVERSIBLE: Final = frozenset({"2207", "2207A", "2208", "2304", "2305", "2401"})
_FILE: Final = b"PK"

__all__ = ["Envelope", "Options", "Platform"]


class Known(Struct):
    """One row of the table msg."""

    infno: str
    digest: bytes
    answer: bytes | None = None


_envelope = msgspec.json.Decoder(Envelope)
_tree = msgspec.json.Decoder(dict[str, Any])


class Platform:
    """One platform. `handle` is the whole of it; the wire decides what becomes of its answers."""

    def __init__(self, options: Options, now: Callable[[], float] = time.time) -> None:
        self.options = options
        self._now = now
        self._second = -1
        self.reset()

    def reset(self) -> None:
        """Empty books."""
        self._serial = 0
        self._tick()
        today = dt.datetime.fromtimestamp(self._second, BEIJING).date()
        self.books = Books(self.options, today, lambda: self._time)
        self.settling = Settling(self.books)
        self.filings = Filings(self.books)
        self.clearing = Clearing(self.books)
        self.messages: dict[str, Known] = {}
        self.reversed: set[str] = set()
        self.reversed_early: set[tuple[str, str]] = set()
        self.sign_nos: set[str] = set()
        self.requests: deque[dict[str, Any]] = deque(maxlen=_MAX_REQUESTS)
        self.count = 0
        self._signed = 0
        self._work: dict[str, Work] = {
            **self.settling.work,
            **Wards(self.books).work,
            **self.filings.work,
            **self.clearing.work,
            "2601": self._reverse,
            "9001": self._sign_in,
            "9002": self._sign_out,
        }

    @property
    def ledger(self) -> Ledger:
        return self.books.ledger

    def read(self, body: bytes) -> Envelope | bytes:
        """The envelope, or the answer to what is none."""
        try:
            return _envelope.decode(body)
        except (msgspec.MsgspecError, UnicodeError):
            return self.refusal("报文格式错误")

    def handle(self, request: Envelope, note: str = "") -> bytes:
        """Processes one request as if nothing went wrong. The answer is JSON, or a file (9102)."""
        digest = blake2b(request.input, digest_size=16).digest()
        known = self.messages.get(request.msgid)
        if known is not None:
            same = known.digest == digest and known.infno == request.infno
            answer = self._again(request, known) if same else self.refusal("报文ID重复")
            self.log(request, note or ("repeated" if same else "conflict"))
            return answer
        if self.options.sign_in and request.infno != "9001" and request.sign_no not in self.sign_nos:
            return self.refusal("未签到")
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
        return self._answer(-1, text, EMPTY)

    # -- inside ---------------------------------------------------------------------------------------

    def _process(self, request: Envelope) -> bytes:
        work = self._work.get(request.infno)
        if work is None:
            return self.refusal(f"不支持的交易 {request.infno}")
        if (request.msgid, request.infno) in self.reversed_early:
            return self.refusal("原交易已冲正")
        try:
            if not self.options.fast:
                check(request.infno, _tree.decode(request.input))
            made = work(request)
        except Refused as refused:
            return self.refusal(str(refused))
        except (msgspec.MsgspecError, KeyError, ValueError, ArithmeticError, TypeError, AttributeError):
            return self.refusal("交易输入格式错误")
        return made if made.startswith(_FILE) else self._answer(0, "", made)

    def _again(self, request: Envelope, known: Known) -> bytes:
        if request.msgid in self.reversed:
            return self.refusal("原交易已冲正")
        if known.answer is not None:
            return known.answer
        settlement = self.ledger.by_msgid.get(request.msgid)
        if settlement is None:
            return self._answer(0, "", EMPTY)
        return self._answer(0, "", self.settling.shown(settlement))

    def _reverse(self, request: Envelope) -> bytes:
        data = request.node("data")
        msgid, infno = data["omsgid"], data["oinfno"]
        if infno not in _REVERSIBLE:
            raise Refused("该交易不支持冲正")
        known = self.messages.get(msgid)
        if known is None:
            # Should the original still be under way, it must not take effect when it arrives.
            self.reversed_early.add((msgid, infno))
            if self.options.reversal_not_found == "success":
                return EMPTY
            raise Refused("未找到原交易")
        if known.infno != infno:
            raise Refused("原交易编号不一致")
        self._undo(msgid, data["psn_no"])
        self.reversed.add(msgid)
        return EMPTY

    def _undo(self, msgid: str, psn_no: str) -> None:
        if msgid in self.ledger.by_msgid:
            self.ledger.reverse(msgid, psn_no)
        visit = self.books.visits.by_msgid(msgid)
        if visit is not None:
            if any(self.books.fees.of_visit(visit.mdtrt_id)):
                raise Refused("已有费用明细，不能冲正")
            self.books.visits.remove(visit)

    def _sign_in(self, request: Envelope) -> bytes:
        self._signed += 1
        sign_no = f"{self.options.region}G{self._signed:010d}"
        self.sign_nos.add(sign_no)
        return f'{{"signinoutb":{{"sign_time":"{self._time}","sign_no":"{sign_no}"}}}}'.encode()

    def _sign_out(self, request: Envelope) -> bytes:
        self.sign_nos.discard(request.node("signOut")["sign_no"])
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

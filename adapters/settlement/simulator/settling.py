"""The desk for persons, fee lines and settlements: 1101, 2001, 2204 to 2208, 2301 to 2305, 2601, 5203 to 5206."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.settlement.simulator import answers, records
from adapters.settlement.simulator.books import EMPTY, Books, Envelope, Work, output
from adapters.settlement.simulator.fees import Line, Refused, Row, fen
from adapters.settlement.simulator.ledger import Order, Settlement
from adapters.settlement.simulator.people import findable


class _Rows(Struct):
    feedetail: list[Row]


class _Claim(Struct):
    """What 2206, 2207, 2303 and 2304 have in common, and what they have not."""

    psn_no: str
    medfee_sumamt: Decimal
    mdtrt_id: str
    insutype: str
    med_type: str = "21"
    chrg_bchno: str = ""
    fulamt_ownpay_amt: Decimal | None = None
    overlmt_selfpay: Decimal | None = None
    preselfpay_amt: Decimal | None = None
    inscp_scp_amt: Decimal | None = None
    mdtrt_cert_type: str = ""
    mdtrt_cert_no: str = ""
    acct_used_flag: str = "0"


class _Settle(Struct):
    data: _Claim
    feedetail: list[Row] = []


_rows: Final = msgspec.json.Decoder(_Rows, strict=False)
_settle: Final = msgspec.json.Decoder(_Settle, strict=False)


class Settling:
    """Works on the ledger and the fee lines."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._ledger = books.ledger
        self.work: dict[str, Work] = {
            "1101": self._person,
            "2001": self._benefits,
            "2204": self._upload,
            "2205": self._withdraw_batch,
            "2206": self._estimate,
            "2207": self._settle,
            "2207A": self._settle,
            "2208": self._cancel,
            "2301": self._upload_for_stay,
            "2302": self._withdraw_lines,
            "2303": self._estimate,
            "2304": self._settle_stay,
            "2305": self._cancel,
            "5203": self._query,
            "5204": self._fees_of_visit,
            "5205": self._fees_of_person,
            "5206": self._sums,
        }

    def shown(self, s: Settlement) -> bytes:
        """The answer that a settlement or a refund had."""
        return answers.refund(s) if s.refund_of else answers.setlinfo(s, self._ledger.persons[s.psn_no])

    # -- persons ----------------------------------------------------------------------------------------

    def _person(self, request: Envelope) -> bytes:
        data = request.node("data")
        kind, number = data["mdtrt_cert_type"], data["mdtrt_cert_no"]
        if number in self._ledger.not_found or not findable(kind, number):
            raise Refused("未查询到人员信息")
        return answers.person_info(self._ledger.find(kind, number), self._books.region)

    def _benefits(self, request: Envelope) -> bytes:
        psn_no = request.node("data")["psn_no"]
        day = self._books.time[:4]
        row = {"psn_no": psn_no, "trt_chk_type": "1", "fund_pay_type": "310100", "trt_enjymnt_flag": "1"}
        return output({"trtinfo": [row | {"begndate": f"{day}-01-01", "enddate": f"{day}-12-31"}]})

    # -- fee lines --------------------------------------------------------------------------------------

    def _upload(self, request: Envelope) -> bytes:
        rows = _rows.decode(request.input).feedetail
        return answers.priced(self._books.fees.upload(request.fixmedins_code, rows))

    def _upload_for_stay(self, request: Envelope) -> bytes:
        rows = _rows.decode(request.input).feedetail
        for mdtrt_id, psn_no in {(row.mdtrt_id, row.psn_no) for row in rows}:
            self._books.visits.stay(mdtrt_id, psn_no)
        return answers.priced(self._books.fees.upload(request.fixmedins_code, rows))

    def _withdraw_batch(self, request: Envelope) -> bytes:
        data = request.node("data")
        self._books.fees.withdraw_batch(request.fixmedins_code, data["mdtrt_id"], data["chrg_bchno"])
        return EMPTY

    def _withdraw_lines(self, request: Envelope) -> bytes:
        rows = request.node("data")
        for visit in {row["mdtrt_id"] for row in rows}:
            numbers = {row["feedetl_sn"] for row in rows if row["mdtrt_id"] == visit}
            self._books.fees.withdraw_lines(request.fixmedins_code, visit, numbers)
        return EMPTY

    # -- settlements ------------------------------------------------------------------------------------

    def _estimate(self, request: Envelope) -> bytes:
        order = self._order(request, _settle.decode(request.input).data)
        made = self._ledger.estimate(order)
        return answers.setlinfo(made, self._ledger.persons[made.psn_no], recorded=False)

    def _settle(self, request: Envelope) -> bytes:
        wanted = _settle.decode(request.input)
        if wanted.feedetail:
            self._books.fees.upload(request.fixmedins_code, wanted.feedetail)
        return self.shown(self._ledger.settle(self._order(request, wanted.data)))

    def _settle_stay(self, request: Envelope) -> bytes:
        data = _settle.decode(request.input).data
        if not self._books.visits.find(data.mdtrt_id, data.psn_no).inpatient:
            raise Refused("不是住院就诊")
        return self.shown(self._ledger.settle(self._order(request, data)))

    def _order(self, request: Envelope, data: _Claim) -> Order:
        key = (request.fixmedins_code, data.mdtrt_id, data.chrg_bchno)
        own, over, advance, scope = self._parts(data, self._books.fees.lines(key))
        return Order(
            institution=request.fixmedins_code,
            msgid=request.msgid,
            region=self._books.region,
            time=self._books.time,
            psn_no=data.psn_no,
            certno=data.mdtrt_cert_no if data.mdtrt_cert_type == "02" else "",
            mdtrt_id=data.mdtrt_id,
            batch=data.chrg_bchno,
            med_type=data.med_type,
            insutype=data.insutype,
            use_account=data.acct_used_flag == "1",
            total=fen(data.medfee_sumamt),
            own=own,
            over=over,
            advance=advance,
            scope=scope,
            inpatient=request.infno.startswith("23"),
        )

    def _parts(self, data: _Claim, lines: list[Line]) -> tuple[int, int, int, int]:
        """The four parts as the institution reckoned them; else as the platform prices the lines."""
        given = (data.fulamt_ownpay_amt, data.overlmt_selfpay, data.preselfpay_amt, data.inscp_scp_amt)
        if all(part is None for part in given):
            advance = sum(line.advance for line in lines)
            return 0, 0, advance, fen(data.medfee_sumamt) - advance
        own, over, advance, scope = (fen(part or Decimal(0)) for part in given)
        return own, over, advance, scope

    def _cancel(self, request: Envelope) -> bytes:
        data = request.node("data")
        return self.shown(
            self._ledger.cancel(
                data["setl_id"], data["mdtrt_id"], data["psn_no"], request.msgid, self._books.time
            )
        )

    # -- inquiries --------------------------------------------------------------------------------------

    def _query(self, request: Envelope) -> bytes:
        data = request.node("data")
        found = self._ledger.query(data["psn_no"], data.get("mdtrt_id") or "", data.get("setl_id") or "")
        return answers.queried(found, self._ledger.persons[found.psn_no])

    def _fees_of_visit(self, request: Envelope) -> bytes:
        data = request.node("data")
        wanted = data.get("setl_id") or ""
        return _listed(
            "data",
            [
                line
                for line in self._books.fees.of_visit(data["mdtrt_id"])
                if line.row.psn_no == data["psn_no"] and wanted in ("", line.setl_id)
            ],
        )

    def _fees_of_person(self, request: Envelope) -> bytes:
        data = request.node("data")
        lines = [line for batch in self._books.fees.batches.values() for line in batch.values()]
        return _listed(
            "feedetail",
            [
                line
                for line in lines
                if line.row.psn_no == data["psn_no"]
                and data["begntime"] <= line.row.fee_ocur_time <= data["endtime"]
            ],
        )

    def _sums(self, request: Envelope) -> bytes:
        data: dict[str, Any] = request.node("data")
        settled = [
            s for s in self._ledger.settlements.values() if s.psn_no == data["psn_no"] and not s.reversed
        ]
        return output({"cuminfo": records.sums(settled)})


def _listed(node: str, lines: list[Line]) -> bytes:
    if not lines:
        raise Refused("未查询到费用明细")
    return output({node: [records.fee(line) for line in lines]})

"""The desk for visits: 2201 to 2203, 2401 to 2405, and what is asked about them (5201, 5202, 5303)."""

from __future__ import annotations

from typing import Any

from adapters.settlement.simulator import records
from adapters.settlement.simulator.books import EMPTY, Books, Envelope, Work, output
from adapters.settlement.simulator.fees import Refused
from adapters.settlement.simulator.visits import Visit


class Wards:
    """Works on the visits."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._visits = books.visits
        self.work: dict[str, Work] = {
            "2201": self._register,
            "2202": self._withdraw,
            "2203": self._describe,
            "2203A": self._describe,
            "2401": self._admit,
            "2402": self._discharge,
            "2403": self._change,
            "2404": self._cancel_admission,
            "2405": self._cancel_discharge,
            "5201": self._listed,
            "5202": self._diagnoses,
            "5303": self._in_hospital,
        }

    def _register(self, request: Envelope) -> bytes:
        data = request.node("data")
        visit = self._visits.register(request.fixmedins_code, request.msgid, data)
        return output(
            {"data": {"mdtrt_id": visit.mdtrt_id, "psn_no": visit.psn_no, "ipt_otp_no": visit.number}}
        )

    def _withdraw(self, request: Envelope) -> bytes:
        data = request.node("data")
        visit = self._visits.find(data["mdtrt_id"], data["psn_no"])
        if visit.number != data["ipt_otp_no"]:
            raise Refused("就诊信息不存在")
        self._untouched(visit)
        self._visits.remove(visit)
        return EMPTY

    def _describe(self, request: Envelope) -> bytes:
        info, diagnoses = request.node("mdtrtinfo"), request.node("diseinfo")
        visit = self._visits.find(info["mdtrt_id"], info["psn_no"])
        visit.med_type = info["med_type"]
        visit.facts = visit.facts | _said(info)
        self._visits.diagnose(visit, diagnoses)
        return EMPTY

    def _admit(self, request: Envelope) -> bytes:
        visit = self._visits.admit(
            request.fixmedins_code, request.msgid, _said(request.node("mdtrtinfo")), request.node("diseinfo")
        )
        return output({"result": {"mdtrt_id": visit.mdtrt_id}})

    def _discharge(self, request: Envelope) -> bytes:
        info = request.node("dscginfo")
        visit = self._visits.stay(info["mdtrt_id"], info["psn_no"])
        if info["endtime"] < visit.begntime:
            raise Refused("出院时间早于入院时间")
        visit.endtime = info["endtime"]
        visit.facts = visit.facts | _said(info)
        self._visits.diagnose(visit, request.node("diseinfo"))
        return EMPTY

    def _change(self, request: Envelope) -> bytes:
        info = request.node("adminfo")
        visit = self._visits.stay(info["mdtrt_id"], info["psn_no"])
        visit.begntime, visit.med_type, visit.number = info["begntime"], info["med_type"], info["ipt_otp_no"]
        visit.facts = visit.facts | _said(info)
        visit.diagnoses = request.node("diseinfo")
        return EMPTY

    def _cancel_admission(self, request: Envelope) -> bytes:
        data = request.node("data")
        visit = self._visits.stay(data["mdtrt_id"], data["psn_no"])
        self._untouched(visit)
        self._visits.remove(visit)
        return EMPTY

    def _cancel_discharge(self, request: Envelope) -> bytes:
        data = request.node("data")
        visit = self._visits.find(data["mdtrt_id"], data["psn_no"])
        if not visit.endtime:
            raise Refused("该人员未办理出院")
        visit.endtime = ""
        return EMPTY

    def _untouched(self, visit: Visit) -> None:
        """Refuses to undo a visit with fee lines or a settlement in force."""
        if any(self._books.fees.of_visit(visit.mdtrt_id)):
            raise Refused("已有费用明细，不能撤销")
        if any(s.in_force for s in self._books.ledger.by_visit.get(visit.mdtrt_id, [])):
            raise Refused("已有结算，不能撤销")

    # -- inquiries --------------------------------------------------------------------------------------

    def _listed(self, request: Envelope) -> bytes:
        data = request.node("data")
        since, until = data.get("begntime") or "", data.get("endtime") or "9999"
        found = [
            v
            for v in self._visits.of(data["psn_no"])
            if since <= v.begntime <= until and (data.get("mdtrt_id") or v.mdtrt_id) == v.mdtrt_id
        ]
        return self._rows("mdtrtinfo", found, ended=True)

    def _in_hospital(self, request: Envelope) -> bytes:
        data = request.node("data")
        psn_no = data.get("psn_no") or self._books.ledger.find("02", data["mdtrt_cert_no"]).psn_no
        return self._rows("data", self._visits.stays(psn_no), ended=False)

    def _rows(self, node: str, visits: list[Visit], *, ended: bool) -> bytes:
        ledger = self._books.ledger
        return output({node: [records.visit(v, ledger.insured(v.psn_no, ""), ended=ended) for v in visits]})

    def _diagnoses(self, request: Envelope) -> bytes:
        data = request.node("data")
        visit = self._visits.find(data["mdtrt_id"], data["psn_no"])
        rows = [records.diagnosis(visit, n, d) for n, d in enumerate(visit.diagnoses, 1)]
        return output({"diseinfo": rows})


def _said(node: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if value not in (None, "")}

"""The desk for what is only put on file: 2501 to 2506, 3301, 3302, 4101, and the inquiries 5301, 5302, 5304."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from adapters.settlement.simulator.books import EMPTY, Books, Envelope, Work, output
from adapters.settlement.simulator.fees import Refused

_REFERRAL, _DISEASE, _DESIGNATION = "2501", "2503", "2505"
_WITHDRAWS: Final = {"2502": _REFERRAL, "2504": _DISEASE, "2506": _DESIGNATION}


#: What 5304 does not show of a referral.
_UNSHOWN: Final = ("refl_old_mdtrt_id", "exp_content")


class Filing(Struct):
    """One filing."""

    number: str
    kind: str
    data: dict[str, Any]


class Filings:
    """Filings, catalogue matches and settlement lists."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._last = 0
        self.filed: dict[str, Filing] = {}
        self.matches: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, str] = {}  #: setl_id → setl_list_id
        self.work: dict[str, Work] = {
            "2501": lambda r: self._file(_REFERRAL, r.node("refmedin")),
            "2501A": lambda r: self._file(_REFERRAL, r.node("refmedin")),
            "2503": lambda r: self._file(_DISEASE, r.node("data")),
            "2505": lambda r: self._file(_DESIGNATION, r.node("data")),
            "2502": self._withdraw,
            "2504": self._withdraw,
            "2506": self._withdraw,
            "3301": self._match,
            "3302": self._unmatch,
            "4101": self._list,
            "4101A": self._list,
            "5301": self._diseases,
            "5302": self._designations,
            "5304": self._referrals,
        }

    def _file(self, kind: str, data: dict[str, Any]) -> bytes:
        if any(f.kind == kind and f.data == data for f in self.filed.values()):
            raise Refused("已存在相同备案")
        self._last += 1
        number = f"{self._books.region}T{self._last:012d}"
        self.filed[number] = Filing(number, kind, data)
        return output({"result": {"trt_dcla_detl_sn": number}})

    def _withdraw(self, request: Envelope) -> bytes:
        data = request.node("data")
        found = self.filed.get(data["trt_dcla_detl_sn"])
        if found is None or (found.kind, found.data["psn_no"]) != (_WITHDRAWS[request.infno], data["psn_no"]):
            raise Refused("备案信息不存在")
        del self.filed[found.number]
        return EMPTY

    def _of(self, kind: str, psn_no: str) -> list[Filing]:
        return [f for f in self.filed.values() if f.kind == kind and f.data["psn_no"] == psn_no]

    def _diseases(self, request: Envelope) -> bytes:
        names = ("opsp_dise_code", "opsp_dise_name", "begndate", "enddate")
        return self._shown("feedetail", self._of(_DISEASE, request.node("data")["psn_no"]), names)

    def _designations(self, request: Envelope) -> bytes:
        data = request.node("data")
        found = [
            f
            for f in self._of(_DESIGNATION, data["psn_no"])
            if f.data["biz_appy_type"] == data["biz_appy_type"]
        ]
        names = ("psn_no", "fix_srt_no", "fixmedins_code", "fixmedins_name", "begndate", "enddate", "memo")
        return self._shown("psnfixmed", found, names)

    def _referrals(self, request: Envelope) -> bytes:
        data = request.node("data")
        since, until = data["begntime"][:10], (data.get("endtime") or "9999")[:10]
        found = [f for f in self._of(_REFERRAL, data["psn_no"]) if since <= f.data["refl_date"] <= until]
        rows = [
            {"trt_dcla_detl_sn": f.number}
            | {name: value for name, value in f.data.items() if name not in _UNSHOWN}
            for f in found
        ]
        return output({"refmedin": rows})

    def _shown(self, node: str, found: list[Filing], names: tuple[str, ...]) -> bytes:
        return output({node: [{n: f.data[n] for n in names if f.data.get(n)} for f in found]})

    def _match(self, request: Envelope) -> bytes:
        rows = request.node("data")
        if any(row["fixmedins_hilist_id"] in self.matches for row in rows):
            raise Refused("目录已对照")
        self.matches |= {row["fixmedins_hilist_id"]: row for row in rows}
        return EMPTY

    def _unmatch(self, request: Envelope) -> bytes:
        if self.matches.pop(request.node("data")["fixmedins_hilist_id"], None) is None:
            raise Refused("目录对照不存在")
        return EMPTY

    def _list(self, request: Envelope) -> bytes:
        info = request.node("setlinfo")
        settlement = self._books.ledger.settlements.get(info["setl_id"])
        if settlement is None or settlement.mdtrt_id != info["mdtrt_id"] or not settlement.in_force:
            raise Refused("未找到结算信息")
        if info["setl_id"] in self.lists:
            raise Refused("结算清单已上传")
        number = f"{self._books.region}L{len(self.lists) + 1:012d}"
        self.lists[info["setl_id"]] = number
        return output({"setl_list_id": number})

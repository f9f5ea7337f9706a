"""The desk for reconciliation: files (9101, 9102), totals (3201) and details (3202) against the centre's own rows."""

from __future__ import annotations

import base64
import io
import zipfile
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from adapters.settlement.simulator.books import Books, Envelope, Work, output, yuan
from adapters.settlement.simulator.fees import Refused, fen
from adapters.settlement.simulator.ledger import Settlement

_BALANCED, _CENTRE_ONLY, _INSTITUTION_ONLY, _DIFFERENT = "0", "1", "2", "3"
_COLUMNS: Final = 7
_NULL: Final = "null"
_MEMO: Final = {
    _BALANCED: "一致", _CENTRE_ONLY: "医药机构缺失", _INSTITUTION_ONLY: "中心缺失", _DIFFERENT: "金额不一致",
}  # fmt: skip


class File(Struct):
    """One row of the table files."""

    name: str
    owner: str
    content: bytes


class Clearing:
    """Works on the settlements of an institution and a span of days."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.files: dict[str, File] = {}
        self.work: dict[str, Work] = {
            "3201": self._totals,
            "3202": self._details,
            "9101": self._upload,
            "9102": self._download,
        }

    # -- files ------------------------------------------------------------------------------------------

    def _upload(self, request: Envelope) -> bytes:
        data = request.node("fsUploadIn")
        if data["fixmedins_code"] != request.fixmedins_code:
            raise Refused("医药机构编号不一致")
        content = data["in"]
        # Some institutions send base64, others an array of bytes, which Java writes with signs.
        raw = base64.b64decode(content) if isinstance(content, str) else bytes(b & 0xFF for b in content)
        number = self._keep(data["filename"], request.fixmedins_code, raw)
        return output({"file_qury_no": number, "filename": data["filename"], "dld_endtime": self._until()})

    def _download(self, request: Envelope) -> bytes:
        data = request.node("fsDownloadIn")
        file = self.files.get(data["file_qury_no"])
        if file is None or (file.name, file.owner) != (data["filename"], request.fixmedins_code):
            raise Refused("文件不存在")
        return file.content

    def _keep(self, name: str, owner: str, content: bytes) -> str:
        number = f"{self._books.region}F{len(self.files) + 1:012d}"
        self.files[number] = File(name, owner, content)
        return number

    def _until(self) -> str:
        return f"{self._books.time[:4]}-12-31 23:59:59"

    # -- totals -----------------------------------------------------------------------------------------

    def _totals(self, request: Envelope) -> bytes:
        data = request.node("data")
        rows = [s for s in self._rows(request, data) if s.insutype == data["insutype"]]
        ours = (len(rows), _sum(rows, "total"), _sum(rows, "pooling"), _sum(rows, "account"))
        theirs = (
            int(data["fixmedins_setl_cnt"]),
            *(_fen(data[name]) for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")),
        )
        return output({"stmtinfo": {
            "setl_optins": data["setl_optins"],
            "stmt_rslt": _BALANCED if ours == theirs else "1",
            "stmt_rslt_dscr": f"中心笔数{ours[0]}, 机构笔数{theirs[0]}",
        }})  # fmt: skip

    def _rows(self, request: Envelope, data: dict[str, Any]) -> list[Settlement]:
        """The centre's settlements of that institution, kind and span; reversed ones never were."""
        refunds = (data.get("refd_setl_flag") or "1") == "1"
        inpatient = data["clr_type"] == "21"
        return [
            s
            for s in self._books.ledger.settlements.values()
            if s.institution == request.fixmedins_code
            and not s.reversed
            and s.inpatient == inpatient
            and data["stmt_begndate"] <= s.time[:10] <= data["stmt_enddate"]
            and (refunds or s.refund_of is None)
        ]

    # -- details ----------------------------------------------------------------------------------------

    def _details(self, request: Envelope) -> bytes:
        data = request.node("data")
        uploaded = self.files.get(data["file_qury_no"])
        if uploaded is None or uploaded.owner != request.fixmedins_code:
            raise Refused("文件不存在")
        theirs = _read(uploaded.content)
        if len(theirs) != int(data["fixmedins_setl_cnt"]):
            raise Refused("明细笔数与结算笔数不一致")
        if sum(_fen(row[3]) for row in theirs) != _fen(data["medfee_sumamt"]):
            raise Refused("明细合计与医疗费总额不一致")
        ours = {s.setl_id: s for s in self._rows(request, data)}
        result = _packed("result.txt", self._compared(theirs, ours))
        name = f"result-{data['file_qury_no']}.zip"
        number = self._keep(name, request.fixmedins_code, result)
        return output({"fileinfo": {"file_qury_no": number, "filename": name, "dld_endtime": self._until()}})

    def _compared(self, theirs: list[list[str]], ours: dict[str, Settlement]) -> str:
        lines = []
        for row in theirs:
            centre = ours.pop(row[0], None)
            kind = _judged(row, centre)
            if kind != _BALANCED or self._books.options.list_equal_rows:
                lines.append(_line(kind, row, centre))
        lines += [_line(_CENTRE_ONLY, None, centre) for centre in ours.values()]
        return "\n".join(lines)


def _judged(row: list[str], centre: Settlement | None) -> str:
    if centre is None:
        return _INSTITUTION_ONLY
    same = [_fen(x) for x in row[3:6]] == [centre.total, centre.pooling, centre.account]
    return _BALANCED if same else _DIFFERENT


def _line(kind: str, row: list[str] | None, centre: Settlement | None) -> str:
    """A row of result.txt; what the centre has not is the literal `null`."""
    if centre is not None:
        who = [centre.psn_no, centre.mdtrt_id, centre.setl_id, centre.msgid]
        refund = str(int(centre.refund_of is not None))
        amounts = [f"{yuan(x)}" for x in (centre.total, centre.pooling, centre.account)]
    else:
        assert row is not None
        who, refund, amounts = [row[2], row[1], row[0], _NULL], row[6], [_NULL] * 3
    return "\t".join([*who, kind, refund, _MEMO[kind], *amounts])


def _read(content: bytes) -> list[list[str]]:
    """The rows of an uploaded detail file.

    Raises:
        Refused: no ZIP with one text of seven columns.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            text = archive.read(name).decode("utf-8")
    except (zipfile.BadZipFile, ValueError) as error:
        raise Refused("明细文件无法读取") from error
    rows = [line.split("\t") for line in text.split("\n")] if text else []
    if not name.endswith(".txt") or any(len(row) != _COLUMNS for row in rows):
        raise Refused("明细文件格式错误")
    return rows


def _packed(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text.encode())
    return buffer.getvalue()


def _fen(text: str) -> int:
    return fen(Decimal(str(text)))


def _sum(rows: list[Settlement], name: str) -> int:
    return sum(getattr(s, name) for s in rows)

"""Rows of the platform's inquiries (5201, 5202, 5204, 5206, 5303) from its tables."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from adapters.settlement.simulator.books import yuan
from adapters.settlement.simulator.fees import Line
from adapters.settlement.simulator.ledger import Settlement
from adapters.settlement.simulator.people import Person
from adapters.settlement.simulator.visits import Visit

#: Fields of a visit that the record repeats as they came.
_REPEATED: Final = (
    "insutype", "medrcdno", "atddr_no", "chfpdr_name", "adm_dept_codg", "adm_dept_name", "adm_bed",
    "dscg_maindiag_code", "dscg_maindiag_name", "dise_codg", "dise_name", "mdtrt_cert_type", "dscg_way",
    "dscg_dept_codg", "dscg_dept_name",
)  # fmt: skip


def visit(v: Visit, person: Person, *, ended: bool) -> dict[str, Any]:
    """A row of 5201 (`ended`: it always says an end, that of a stay which goes on being its beginning) or 5303."""
    row: dict[str, Any] = {
        "mdtrt_id": v.mdtrt_id,
        "psn_no": v.psn_no,
        "psn_cert_type": "01",
        "certno": person.certno,
        "psn_name": person.name,
        "gend": person.gend,
        "brdy": person.birth,
        "age": Decimal(person.age),
        "insutype": person.insutype,
        "psn_type": person.psn_type,
        "cvlserv_flag": "0",
        "begntime": v.begntime,
        "endtime": v.endtime or (v.begntime if ended else ""),
        "med_type": v.med_type,
        "ipt_otp_no": v.number,
        "opter_id": "",
    }
    return row | {name: v.facts[name] for name in _REPEATED if v.facts.get(name)}


def diagnosis(v: Visit, number: int, d: dict[str, Any]) -> dict[str, Any]:
    """A row of 5202."""
    kept = {key: value for key, value in d.items() if value not in (None, "")}
    return {
        "diag_info_id": f"{v.mdtrt_id}D{number:03d}",
        **kept,
        "mdtrt_id": v.mdtrt_id,
        "psn_no": v.psn_no,
        "diag_srt_no": Decimal(str(d["diag_srt_no"])),
        "maindiag_flag": d.get("maindiag_flag") or "0",
        "vali_flag": d.get("vali_flag") or "1",
    }


def fee(line: Line) -> dict[str, Any]:
    """A row of 5204 and 5205."""
    row = line.row
    return {
        "mdtrt_id": row.mdtrt_id,
        "setl_id": line.setl_id or "",
        "feedetl_sn": row.feedetl_sn,
        "fee_ocur_time": row.fee_ocur_time,
        "cnt": row.cnt,
        "pric": row.pric,
        "det_item_fee_sumamt": yuan(line.fen),
        "pric_uplmt_amt": Decimal("999999.000000"),
        "selfpay_prop": Decimal("0.1000"),
        "fulamt_ownpay_amt": yuan(0),
        "overlmt_amt": yuan(0),
        "preselfpay_amt": yuan(line.advance),
        "inscp_scp_amt": yuan(line.fen - line.advance),
        "chrgitm_lv": "02",
        "med_list_codg": row.med_list_codg,
        "medins_list_codg": row.medins_list_codg,
        "med_chrgitm_type": "09",
        "bilg_dept_codg": row.bilg_dept_codg,
        "bilg_dept_name": row.bilg_dept_name,
        "bilg_dr_codg": row.bilg_dr_codg,
        "bilg_dr_name": row.bilg_dr_name,
        "lmt_used_flag": "0",
        "bas_medn_flag": "0",
        "hi_nego_drug_flag": "0",
        "chld_medc_flag": "0",
        "list_sp_item_flag": "0",
        "drt_reim_flag": "0",
        "memo": "",
    }


def sums(settled: Iterable[Settlement]) -> list[dict[str, Any]]:
    """Rows of 5206: expenses and stays of each insurance and year."""
    expenses: dict[tuple[str, str], int] = {}
    stays: dict[tuple[str, str], int] = {}
    for s in settled:
        key = (s.insutype, s.time[:4])
        expenses[key] = expenses.get(key, 0) + s.total
        stays[key] = stays.get(key, 0) + (s.inpatient and s.in_force)
    return [
        {"insutype": kind, "year": year, "cum_ym": "", "cum_type_code": code, "cum": value}
        for (kind, year), total in expenses.items()
        for code, value in (("S0000", yuan(total)), ("C0000", yuan(stays[kind, year] * 100)))
    ]

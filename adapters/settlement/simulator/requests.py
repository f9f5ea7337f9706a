"""What the platform demands of a request: nodes and fields of each transaction, as its own tables have them.

    "2201": "data: psn_no 30! begntime dt! caty 6"

`node:` an object, `node[100]:` at most 100 rows, ` | ` another node; `30` text of that length, `dt` time, `d` date, `m` yuan
with two decimals at most, `n` number, `i` whole number, `f` 1 or 0; `!` required. Written from the interface's field tables,
and not from the mappings that are tested against it. Fields that are not listed pass unseen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from adapters.settlement.simulator.fees import Refused

_DIAGNOSIS: Final = "diag_type 3! diag_srt_no i! diag_code 20! diag_name 100! diag_dept 50! dise_dor_no 30! dise_dor_name 50! diag_time dt!"
_FEE: Final = (
    "feedetl_sn 30! mdtrt_id 30! psn_no 30! fee_ocur_time dt! med_list_codg 50! medins_list_codg 150!"
    " det_item_fee_sumamt m! cnt n! pric n! bilg_dept_codg 30! bilg_dept_name 100! bilg_dr_codg 30! bilg_dr_name 50!"
)
_BILL: Final = (
    "psn_no 30! mdtrt_cert_type 3! mdtrt_cert_no 50! medfee_sumamt m! psn_setlway 6! mdtrt_id 30! insutype 6!"
)
_PARTS: Final = "fulamt_ownpay_amt m! overlmt_selfpay m! preselfpay_amt m! inscp_scp_amt m!"
_VISIT: Final = "data: psn_no 30! mdtrt_id 30!"
_WITHDRAWAL: Final = "data: trt_dcla_detl_sn 30! psn_no 30! memo 500!"
_SUMS: Final = "setl_optins 6! stmt_begndate d! stmt_enddate d! medfee_sumamt m! fund_pay_sumamt m! fixmedins_setl_cnt i!"

_TABLE: Final = {
    "1101": "data: mdtrt_cert_type 3! mdtrt_cert_no 50! begntime dt",
    "2001": "data: psn_no 30! insutype 6 fixmedins_code 30 med_type 6 begntime dt endtime dt",
    "2201": "data: psn_no 30! insutype 6! begntime dt! mdtrt_cert_type 3! mdtrt_cert_no 50! ipt_otp_no 30!"
    " atddr_no 30! dr_name 50! dept_code 30! dept_name 100! caty 6!",
    "2202": _VISIT + " ipt_otp_no 30!",
    "2203": f"mdtrtinfo: mdtrt_id 30! psn_no 30! med_type 6! begntime dt! | diseinfo[100]: {_DIAGNOSIS} vali_flag f!",
    "2204": f"feedetail[100]: chrg_bchno 30! rx_circ_flag f! hosp_appr_flag f! {_FEE}",
    "2205": _VISIT + " chrg_bchno 30!",
    "2206": f"data: {_BILL} med_type 6! chrg_bchno 30! acct_used_flag f!",
    "2207": f"data: {_BILL} med_type 6! chrg_bchno 30! acct_used_flag f! {_PARTS}",
    "2208": _VISIT + " setl_id 30!",
    "2301": f"feedetail[100]: med_type 6! {_FEE}",
    "2302": "data[100]: feedetl_sn 30! mdtrt_id 30! psn_no 30!",
    "2303": f"data: {_BILL} mid_setl_flag f! {_PARTS}",
    "2304": f"data: {_BILL} mid_setl_flag f! acct_used_flag f! dscg_time d",
    "2305": _VISIT + " setl_id 30!",
    "2401": "mdtrtinfo: psn_no 30! insutype 6! begntime dt! mdtrt_cert_type 3! mdtrt_cert_no 50! med_type 6! ipt_no 30!"
    " atddr_no 30! chfpdr_name 50! adm_diag_dscr 200! adm_dept_codg 30! adm_dept_name 100! adm_bed 30!"
    f" dscg_maindiag_code 20! dscg_maindiag_name 300! | diseinfo[100]: psn_no 30! maindiag_flag f! {_DIAGNOSIS}",
    "2402": "dscginfo: mdtrt_id 30! psn_no 30! insutype 6! endtime dt! dscg_dept_codg 30! dscg_dept_name 100!"
    f" dscg_way 3! | diseinfo[100]: psn_no 30! maindiag_flag f! {_DIAGNOSIS}",
    "2403": "adminfo: mdtrt_id 30! psn_no 30! begntime dt! mdtrt_cert_type 3! med_type 6! ipt_otp_no 30! atddr_no 30!"
    " chfpdr_name 50! adm_diag_dscr 200! adm_dept_codg 30! adm_dept_name 100! adm_bed 30!"
    f" dscg_maindiag_code 20! dscg_maindiag_name 300! | diseinfo[100]: psn_no 30! maindiag_flag f! {_DIAGNOSIS}",
    "2404": _VISIT,
    "2405": _VISIT,
    "2501": "refmedin: psn_no 30! diag_code 20! diag_name 100! reflin_medins_no 12! reflin_medins_name 200!"
    " mdtrtarea_admdvs 6! refl_type 6! refl_date d! refl_rea 100! refl_opnn 200!",
    "2502": "data: trt_dcla_detl_sn 30! psn_no 30! memo 500",
    "2503": "data: psn_no 30! insutype 6! opsp_dise_code 30! opsp_dise_name 300! insu_optins 6! ide_fixmedins_no 30!"
    " ide_fixmedins_name 200! hosp_ide_date d! diag_dr_codg 30! diag_dr_name 50! begndate d! enddate d",
    "2504": _WITHDRAWAL,
    "2505": "data: psn_no 30! biz_appy_type 3! begndate d! fix_srt_no 3! fixmedins_code 12! fixmedins_name 200!",
    "2506": _WITHDRAWAL,
    "2601": "data: psn_no 30! omsgid 30! oinfno 6!",
    "3201": f"data: insutype 6! clr_type 6! acct_pay m! {_SUMS}",
    "3202": f"data: file_qury_no 30! cash_payamt m! {_SUMS}",
    "3301": "data[1000]: fixmedins_hilist_id 30! fixmedins_hilist_name 200! list_type 6! med_list_codg 50! begndate d!"
    " enddate d!",
    "3302": "data: fixmedins_hilist_id 30!",
    "4101": "setlinfo: mdtrt_id 30! setl_id 30! fixmedins_name 200! fixmedins_code 12! medcasno 40! psn_name 50!",
    "4101A": "setlinfo: psn_no 30! mdtrt_id 30! setl_id 30!",
    "5201": "data: psn_no 30! begntime dt endtime dt",
    "5202": "data: psn_no 30! mdtrt_id 30!",
    "5203": "data: psn_no 30! setl_id 30 mdtrt_id 30",
    "5204": "data: psn_no 30! mdtrt_id 30! setl_id 30",
    "5205": "data: psn_no 30! begntime dt! endtime dt!",
    "5206": "data: psn_no 30! cum_ym 6",
    "5301": "data: psn_no 30!",
    "5302": "data: psn_no 30! biz_appy_type 3!",
    "5303": "data: begntime dt endtime dt",
    "5304": "data: psn_no 30! begntime dt! endtime dt",
    "9001": "signIn: opter_no 20! ip 20!",
    "9002": "signOut: sign_no 30!",
    "9101": "fsUploadIn: filename 200! fixmedins_code 30!",
    "9102": "fsDownloadIn: file_qury_no 30! filename 200! fixmedins_code 30!",
}
_TABLE.update({"2203A": _TABLE["2203"], "2207A": _TABLE["2207"]})
_TABLE["2501A"] = _TABLE["2501"].replace("refmedin:", "refmedin: refl_old_mdtrt_id 30!")


def check(infno: str, tree: dict[str, Any]) -> None:
    """Holds a request against the table.

    Raises:
        Refused: naming the first field that is wrong, as platforms do.
    """
    for node, rows, fields in _PARSED.get(infno, ()):
        given = tree.get(node)
        if rows == 0:
            given = [given]
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            raise Refused(f"缺少节点 {node}")
        if len(given) > max(rows, 1):
            raise Refused(f"{node} 超过 {rows} 行")
        for row in given:
            for name, kind, required in fields:
                _check_field(row.get(name), name, kind, required)


def _check_field(value: Any, name: str, kind: str, required: bool) -> None:
    text = "" if value is None else str(value)
    if text == "":
        if required:
            raise Refused(f"{name} 不能为空")
    elif kind.isdigit():
        if len(text) > int(kind):
            raise Refused(f"{name} 长度超过 {kind}")
    elif not _KINDS[kind](text):
        raise Refused(f"{name} 格式不正确")


def _is_time(pattern: str, length: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            dt.datetime.strptime(text, pattern)
        except ValueError:
            return False
        return len(text) == length

    return fits


def _is_number(decimals: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return False
        return number.is_finite() and number == round(number, decimals)

    return fits


_KINDS: Final[dict[str, Callable[[str], bool]]] = {
    "dt": _is_time("%Y-%m-%d %H:%M:%S", 19),
    "d": _is_time("%Y-%m-%d", 10),
    "m": _is_number(2),
    "n": _is_number(6),
    "i": _is_number(0),
    "f": lambda text: text in ("0", "1"),
}

_Field = tuple[str, str, bool]
_Node = tuple[str, int, tuple[_Field, ...]]


def _parsed(text: str) -> tuple[_Node, ...]:
    nodes: list[_Node] = []
    for part in text.split(" | "):
        head, _, rest = part.partition(": ")
        node, _, rows = head.partition("[")
        words = rest.split()
        fields = tuple(
            (name, kind.rstrip("!"), kind.endswith("!"))
            for name, kind in zip(words[::2], words[1::2], strict=True)
        )
        nodes.append((node, int(rows.rstrip("]")) if rows else 0, fields))
    return tuple(nodes)


_PARSED: Final = {infno: _parsed(text) for infno, text in _TABLE.items()}

"""The scene of the hospital that speaks the national interface itself: JSON, signed in, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.hospital.simulator import invented
from adapters.hospital.simulator.national import NationalSimulator
from demo.stage import NATIONAL

if TYPE_CHECKING:  # the day plays this scene
    from demo.day import Day

_INSTITUTION = "H99010100003"
_PATIENT = 11
_TOTAL = "46.90"


async def national_interface(day: Day) -> None:
    """An outpatient from sign-in to settlement, whose answer is lost on the way back, and a field too long."""
    day.book.scene(
        "国家接口（JSON）：签到、就诊、明细、预结算、结算；结算的答复丢失",
        "the national interface in JSON, from sign-in to a settlement whose answer is lost",
    )
    hospital = NationalSimulator(
        f"http://127.0.0.1:{day.stage.ports['national']}/fsi/api",
        paasid=day.stage.account(NATIONAL, "national", "authentication"),
        token=day.stage.secret(NATIONAL),
        institution=_INSTITUTION,
        reactor=day.reactor,
    )
    try:
        bill = await _visit(hospital)
        await _settled(day, hospital, bill)
        await _refused(day, hospital, bill)
    finally:
        hospital.close()


async def _visit(hospital: NationalSimulator) -> dict[str, str]:
    """Signed in, identified, registered, with uploaded fees: what a settlement says of it."""
    await hospital.sign_in()
    who = invented.person(_PATIENT)
    card = {"mdtrt_cert_type": "02", "mdtrt_cert_no": who.identity}
    asked = {**card, "psn_cert_type": "01", "certno": who.identity, "psn_name": who.name}
    person = (await _done(hospital, "1101", {"data": asked}))["baseinfo"]["psn_no"]
    registration = {
        "psn_no": person, "insutype": "310", "begntime": "2026-01-05 09:00:00", **card, "ipt_otp_no": "MZ0001",
        "atddr_no": "D990101000001", "dr_name": "示例医", "dept_code": "0301", "dept_name": "内科", "caty": "03.01",
    }  # fmt: skip
    visit = (await _done(hospital, "2201", {"data": registration}))["data"]["mdtrt_id"]
    row = {
        "feedetl_sn": "F0001", "mdtrt_id": visit, "psn_no": person, "chrg_bchno": "B0001", "rx_circ_flag": "0",
        "fee_ocur_time": "2026-01-05 09:10:00", "med_list_codg": "XA01ABD075A002010100483", "medins_list_codg": "D00001",
        "det_item_fee_sumamt": _TOTAL, "cnt": "2.0000", "pric": "23.450000", "bilg_dept_codg": "0301",
        "bilg_dept_name": "内科", "bilg_dr_codg": "D990101000001", "bilg_dr_name": "示例医", "hosp_appr_flag": "1",
    }  # fmt: skip
    await _done(hospital, "2204", {"feedetail": [row]})
    return {
        "psn_no": person, **card, "mdtrt_id": visit, "chrg_bchno": "B0001", "med_type": "11", "insutype": "310",
        "psn_setlway": "01", "acct_used_flag": "1", "medfee_sumamt": _TOTAL, "fulamt_ownpay_amt": "0.00",
        "overlmt_selfpay": "0.00", "preselfpay_amt": "0.00", "inscp_scp_amt": _TOTAL,
    }  # fmt: skip


async def _settled(day: Day, hospital: NationalSimulator, bill: dict[str, str]) -> None:
    estimate = await _done(hospital, "2206", {"data": bill})
    day.book.say(
        f"预结算：基金 {estimate['setlinfo'].get('fund_pay_sumamt')} 元；省平台记账后答复丢失",
        "estimated; then the province books it and its answer is lost",
    )
    day.stage.fault("drop-after-commit")
    request = hospital.request("2207", {"data": bill})
    answer = await hospital.send(request)
    settlement = answer.output["setlinfo"] if answer.infcode == 0 else {}
    again = await hospital.send(request)
    books = [s for s in day.stage.effects()["settlements"] if s["mdtrt_id"] == bill["mdtrt_id"]]
    day.book.note(
        "门诊结算 JSON 2207",
        f"infcode {answer.infcode}",
        f"{len(books)} 笔",
        str(settlement.get("setl_id", "")),
    )
    day.book.check(
        "结果不明由查询了结，重发得到同一答复，只记一笔",
        "the doubt is settled by a query; sent again it is answered alike, and booked once",
        answer.infcode == 0 and again.output == answer.output and len(books) == 1,
        answer.body,
    )


async def _refused(day: Day, hospital: NationalSimulator, bill: dict[str, str]) -> None:
    answer = await hospital.call("2207", {"data": {**bill, "psn_setlway": "99"}})
    day.book.say("个人结算方式不在代码表中", "a code that no table has", err_msg=answer.err_msg)
    day.book.note("错误的 JSON 2207", f"infcode {answer.infcode}", "无 none", "")
    day.book.check(
        "以国家接口的方式指明字段与中文名",
        "refused in the interface's own way, by field and name",
        answer.infcode != 0 and "psn_setlway" in answer.err_msg and "个人结算方式" in answer.err_msg,
        answer.body,
    )


async def _done(hospital: NationalSimulator, infno: str, content: dict[str, Any]) -> dict[str, Any]:
    answer = await hospital.call(infno, content)
    if answer.infcode != 0:
        raise RuntimeError(f"{infno}: {answer.err_msg}")
    output: dict[str, Any] = answer.output
    return output

"""A hospital's day by the national interface: through a whole gateway, to the simulated platform and back."""

from __future__ import annotations

import base64
import io
import socket
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from adapters.hospital.simulator.national import NationalSimulator
from adapters.settlement.simulator import Options, Simulator
from gateway.engine.assembly import Gateway
from gateway.engine.config import lint, load
from mappings.values import with_check_digit
from tests.adapters.hospital.national.world import PAASID, TOKEN, good_input
from tests.twisted_runner import sleep

CERTIFICATE = with_check_digit("99010119900101001")

_GATEWAY = """\
node: test
region: "990101"
data_dir: data
store: {{url: "sqlite:///{folder}/data/gateway.db", writer: thread}}
bus: {{kind: embedded}}
audit: {{origin: test.example/audit, checkpoint_interval: 200ms}}
admin: {{listen: "127.0.0.1:0"}}
engine: {{sweep_interval: 50ms, in_doubt: {{first: 50ms, max: 1s, attempts: 5}}}}
"""
_HOSPITAL = """\
name: hospital-a
title: 示例医院
adapter: hospital
region: "990101"
settings:
  institutions: [H99010100001]
  reply_timeout: 15s
  national:
    listen: "127.0.0.1:{port}"
    authentication: {{kind: x-tif, paasid: {paasid}, token: {token}}}
    files: {{key: an invented key of the tests}}
"""
_PROVINCE = """\
name: province
title: 示例省平台
adapter: settlement
region: "990000"
settings:
  base_url: "{url}"
  recer_sys_code: "01"
  tif: {{paasid: demo-app, token: DEMO-TOKEN-0001}}
  timeout: 2s
"""
_ROUTES = """\
- name: to-province
  when: {type: "*", from: "hospital-*"}
  to: [province]
"""


@asynccontextmanager
async def day(folder: Path) -> AsyncIterator[tuple[NationalSimulator, Simulator]]:
    """A platform, a gateway and a hospital."""
    platform = await Simulator.start(reactor, Options())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "partners").mkdir()
    (folder / "data").mkdir()
    (folder / "gateway.yaml").write_text(_GATEWAY.format(folder=folder), encoding="utf-8")
    hospital_file = _HOSPITAL.format(port=port, paasid=PAASID, token=TOKEN)
    (folder / "partners" / "hospital-a.yaml").write_text(hospital_file, encoding="utf-8")
    (folder / "partners" / "province.yaml").write_text(_PROVINCE.format(url=platform.url), encoding="utf-8")
    (folder / "routes.yaml").write_text(_ROUTES, encoding="utf-8")
    assert lint(folder) == []
    gateway = Gateway(load(folder), reactor)
    await gateway.start()
    hospital = NationalSimulator(f"http://127.0.0.1:{port}/fsi/api", paasid=PAASID, token=TOKEN)
    try:
        yield hospital, platform
    finally:
        hospital.close()
        await gateway.stop()
        await platform.stop()


async def done(hospital: NationalSimulator, infno: str, content: dict[str, Any]) -> dict[str, Any]:
    answer = await hospital.call(infno, content)
    assert (infno, answer.status, answer.infcode, answer.err_msg) == (infno, 200, 0, "")
    output: dict[str, Any] = answer.output
    return output


def changed(infno: str, node: str, **values: str) -> dict[str, Any]:
    """A good input with other values in one node, or in all rows of it."""
    content = good_input(infno)
    for row in content[node] if isinstance(content[node], list) else [content[node]]:
        row.update(values)
    return content


async def admitted(hospital: NationalSimulator) -> tuple[str, str]:
    """Signed in and identified: the person's number, and the certificate."""
    assert await hospital.sign_in()
    person = await done(
        hospital,
        "1101",
        {
            "data": {
                "mdtrt_cert_type": "02",
                "mdtrt_cert_no": CERTIFICATE,
                "psn_cert_type": "01",
                "certno": CERTIFICATE,
                "psn_name": "",
            }
        },
    )
    assert person["baseinfo"]["certno"] == CERTIFICATE
    return person["baseinfo"]["psn_no"], CERTIFICATE


async def registered(hospital: NationalSimulator) -> dict[str, str]:
    """A visit with uploaded fees: what a settlement says of it."""
    person, certificate = await admitted(hospital)
    whose = {"psn_no": person, "mdtrt_cert_type": "02", "mdtrt_cert_no": certificate}
    visit = (await done(hospital, "2201", changed("2201", "data", **whose)))["data"]["mdtrt_id"]
    where = {"psn_no": person, "mdtrt_id": visit}
    await done(hospital, "2203", changed("2203", "mdtrtinfo", **where))
    fees = changed("2204", "feedetail", **where, chrg_bchno="B0001")
    priced = await done(hospital, "2204", fees)
    assert len(priced["result"]) == len(fees["feedetail"])
    cents = sum(round(float(row["det_item_fee_sumamt"]) * 100) for row in fees["feedetail"])
    total = f"{cents / 100:.2f}"
    return {
        **whose, "mdtrt_id": visit, "chrg_bchno": "B0001", "med_type": "11", "insutype": "310", "psn_setlway": "01",
        "acct_used_flag": "1", "medfee_sumamt": total, "fulamt_ownpay_amt": "0.00", "overlmt_selfpay": "0.00",
        "preselfpay_amt": "0.00", "inscp_scp_amt": total,
    }  # fmt: skip


async def test_an_outpatient_from_sign_in_to_refund(tmp_path: Path) -> None:
    async with day(tmp_path) as (hospital, _):
        bill = await registered(hospital)
        await done(hospital, "2001", changed("2001", "data", psn_no=bill["psn_no"]))
        estimate = await done(hospital, "2206", {"data": bill})
        assert estimate["setlinfo"]["medfee_sumamt"] == float(bill["medfee_sumamt"])
        request = hospital.request("2207", {"data": bill})
        first, again = await hospital.repeat(request)
        assert first.infcode == 0
        assert first.output == again.output
        settled = first.output["setlinfo"]
        assert settled["medins_setl_id"] == request["msgid"]
        where = {"psn_no": bill["psn_no"], "mdtrt_id": bill["mdtrt_id"]}
        found = await done(hospital, "5203", {"data": {**where, "setl_id": settled["setl_id"]}})
        assert found["setlinfo"]["setl_id"] == settled["setl_id"]
        other = await hospital.contradict(request)
        assert "duplicate-msgid" in other.err_msg
        refund = await done(hospital, "2208", {"data": {**where, "setl_id": settled["setl_id"]}})
        assert refund["setlinfo"]["setl_id"] != settled["setl_id"]
        twice = await hospital.call("2208", {"data": {**where, "setl_id": settled["setl_id"]}})
        assert twice.infcode != 0
        await done(hospital, "2205", {"data": {**where, "chrg_bchno": "0000"}})
        await done(hospital, "9002", {"signOut": {"sign_no": hospital.sign_no}})
        assert "请先签到" in (await hospital.call("1101", good_input("1101"))).err_msg


async def test_a_lost_answer_is_found_and_a_reversal_takes_back(tmp_path: Path) -> None:
    async with day(tmp_path) as (hospital, platform):
        bill = await registered(hospital)
        platform.fault("drop-after-commit", "2207")
        request = hospital.request("2207", {"data": bill})
        await hospital.drop(request)  # both sides lose their answer
        answer = await hospital.send(request)
        for _ in range(300):
            if answer.status == 200:
                break
            await sleep(0.1)
            answer = await hospital.send(request)
        assert answer.infcode == 0
        reversal = {"data": {"psn_no": bill["psn_no"], "omsgid": request["msgid"], "oinfno": "2207"}}
        assert await done(hospital, "2601", reversal) == {}
        where = {"psn_no": bill["psn_no"], "mdtrt_id": bill["mdtrt_id"]}
        again = await hospital.call(
            "2208", {"data": {**where, "setl_id": answer.output["setlinfo"]["setl_id"]}}
        )
        assert again.infcode != 0


async def test_an_inpatient_from_admission_to_discharge(tmp_path: Path) -> None:
    async with day(tmp_path) as (hospital, _):
        person, certificate = await admitted(hospital)
        whose = {"psn_no": person, "mdtrt_cert_type": "02", "mdtrt_cert_no": certificate}
        admission = changed("2401", "mdtrtinfo", **whose)
        for row in admission["diseinfo"]:
            row["psn_no"] = person
        visit = (await done(hospital, "2401", admission))["result"]["mdtrt_id"]
        where = {"psn_no": person, "mdtrt_id": visit}
        fees = changed("2301", "feedetail", **where)
        await done(hospital, "2301", fees)
        cents = sum(round(float(row["det_item_fee_sumamt"]) * 100) for row in fees["feedetail"])
        total = f"{cents / 100:.2f}"
        sums = {
            "medfee_sumamt": total, "fulamt_ownpay_amt": "0.00", "overlmt_selfpay": "0.00",
            "preselfpay_amt": "0.00", "inscp_scp_amt": total,
        }  # fmt: skip
        estimate = await done(hospital, "2303", changed("2303", "data", **{**whose, **where, **sums}))
        assert estimate["setlinfo"]["medfee_sumamt"] == float(total)
        discharge = changed("2402", "dscginfo", **where)
        for row in discharge.get("diseinfo", ()):
            row.update(where)
        await done(hospital, "2402", discharge)
        settled = await done(hospital, "2304", changed("2304", "data", **{**whose, **where, **sums}))
        identity = settled["setlinfo"]["setl_id"]
        refund = await done(hospital, "2305", {"data": {**where, "setl_id": identity}})
        assert refund["setlinfo"]["setl_id"] != identity


async def test_what_the_platform_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    async with day(tmp_path) as (hospital, _):
        bill = await registered(hospital)
        answer = await hospital.call("2207", {"data": {**bill, "chrg_bchno": "NONE"}})
    assert answer.status == 200
    assert answer.infcode != 0
    assert answer.err_msg
    assert answer.output == {}


async def test_a_statement_and_its_details(tmp_path: Path) -> None:
    async with day(tmp_path) as (hospital, _):
        bill = await registered(hospital)
        settled = (await done(hospital, "2207", {"data": bill}))["setlinfo"]
        today = settled["setl_time"][:10]
        sums = {
            "setl_optins": settled["clr_optins"], "clr_type": settled["clr_type"], "insutype": "310",
            "stmt_begndate": today, "stmt_enddate": today, "fixmedins_setl_cnt": "1",
            "medfee_sumamt": bill["medfee_sumamt"], "fund_pay_sumamt": f"{settled['fund_pay_sumamt']:.2f}",
            "acct_pay": f"{settled['acct_pay']:.2f}",
        }  # fmt: skip
        stated = await done(hospital, "3201", changed("3201", "data", **sums))
        assert stated["stmtinfo"]["stmt_rslt"] == "0"
        row = (
            settled["setl_id"],
            bill["mdtrt_id"],
            bill["psn_no"],
            sums["medfee_sumamt"],
            sums["fund_pay_sumamt"],
            sums["acct_pay"],
            "0",
        )
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("detail.txt", "\t".join(row))
        who = {"fixmedins_code": hospital.institution}
        given = {"in": base64.b64encode(packed.getvalue()).decode(), "filename": "detail.zip", **who}
        number = (await done(hospital, "9101", {"fsUploadIn": given}))["file_qury_no"]
        details = changed(
            "3202", "data", **{k: v for k, v in sums.items() if k not in ("insutype", "acct_pay")}
        )
        details["data"] |= {"file_qury_no": number, "cash_payamt": f"{settled['psn_cash_pay']:.2f}"}
        result = (await done(hospital, "3202", details))["fileinfo"]
        wanted = {"file_qury_no": result["file_qury_no"], "filename": result["filename"], **who}
        down = await hospital.call("9102", {"fsDownloadIn": wanted})
        with zipfile.ZipFile(io.BytesIO(down.body)) as archive:
            text = archive.read("result.txt").decode()
        assert settled["setl_id"] in text


async def test_one_msgid_for_two_transactions_with_the_same_input(tmp_path: Path) -> None:
    """An answer to one is no answer to the other. An estimate (2303) and its settlement (2304) are such a pair, too."""
    async with day(tmp_path) as (hospital, _):
        where = await registered(hospital)
        request = hospital.request(
            "5204", {"data": {"psn_no": where["psn_no"], "mdtrt_id": where["mdtrt_id"]}}
        )
        first = await hospital.send(request)
        other = await hospital.send({**request, "infno": "5203"})
        again = await hospital.send(request)
    assert (first.infcode, again.output) == (0, first.output)
    assert (other.infcode, other.status) == (-1, 200)
    assert "duplicate-msgid" in other.err_msg

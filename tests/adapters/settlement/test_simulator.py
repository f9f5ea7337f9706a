"""The simulated platform itself: its books, its doors, its control interface, and its own process."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.settlement.simulator import KINDS, Options
from adapters.settlement.simulator.answers import setlinfo
from adapters.settlement.simulator.fees import Fees, Refused, Row
from adapters.settlement.simulator.ledger import Ledger, Order
from adapters.settlement.simulator.people import findable, invent, well_formed
from gateway.canonical.money import yuan_to_fen
from gateway.contract import Accepted
from gateway.transports.http import HttpResponse
from gateway.transports.http.tif import sign
from tests.adapters.settlement.bodies import PERSON, ROWS, body
from tests.adapters.settlement.rig import Rig, claim, rig

TODAY = dt.date(2025, 1, 1)


@given(seed=st.text())
def test_invented_persons_are_of_the_invented_region(seed: str) -> None:
    person = invent(seed, TODAY)
    assert person == invent(seed, TODAY)
    assert well_formed(person.certno)
    assert person.certno.startswith("990101")
    assert person.psn_no.startswith("990101")


def test_only_well_formed_certificates_are_found() -> None:
    assert findable("02", invent("x", TODAY).certno)
    assert not findable("02", "990101199001010011")
    assert not findable("02", "")
    assert findable("03", "C0001")


def _order(parts: tuple[int, int, int, int], msgid: str, batch: str = "B1", account: bool = True) -> Order:
    own, over, advance, scope = parts
    return Order(
        institution="H99010100001",
        msgid=msgid,
        region="990101",
        time="2025-01-01 09:00:00",
        psn_no="9901010000000000001",
        certno="",
        mdtrt_id="V1",
        batch=batch,
        med_type="11",
        insutype="310",
        use_account=account,
        total=sum(parts),
        own=own,
        over=over,
        advance=advance,
        scope=scope,
    )


def _rows(*lines: tuple[str, int]) -> list[Row]:
    return [Row(number, "V1", Decimal(fen).scaleb(-2), chrg_bchno="B1") for number, fen in lines]


_amount = st.integers(0, 10**7)


@settings(max_examples=50)
@given(parts=st.tuples(_amount, _amount, _amount, _amount), account=st.booleans())
def test_money_identities_hold_and_undoing_restores_the_balance(
    parts: tuple[int, int, int, int], account: bool
) -> None:
    ledger = Ledger(TODAY)
    ledger.fees.upload("H99010100001", _rows(("1", sum(parts))))
    before = ledger.insured("9901010000000000001", "").balance
    made = ledger.settle(_order(parts, "m1", account=account))
    info = json.loads(
        setlinfo(made, ledger.persons[made.psn_no]), parse_float=lambda text: yuan_to_fen(text[:-2]) if text.endswith("7000") else yuan_to_fen(text)
    )["setlinfo"]  # fmt: skip
    assert info["medfee_sumamt"] == info["fund_pay_sumamt"] + info["psn_part_amt"]
    assert info["psn_part_amt"] == info["acct_pay"] + info["psn_cash_pay"]
    assert info["medfee_sumamt"] == sum(parts)
    refund = ledger.cancel(made.setl_id, "V1", made.psn_no, "m2", "2025-01-01 10:00:00")
    assert ledger.insured(made.psn_no, "").balance == before
    assert refund.total == -made.total
    ledger.reverse("m2", made.psn_no)
    ledger.reverse("m1", made.psn_no)
    assert ledger.insured(made.psn_no, "").balance == before
    assert not made.in_force


def test_details_must_add_up() -> None:
    ledger = Ledger(TODAY, Fees(refuse=False))
    ledger.fees.upload("H99010100001", _rows(("1", 100), ("2", 200)))
    ledger.fees.upload("H99010100001", _rows(("2", 300)))
    with pytest.raises(Refused):
        ledger.settle(_order((0, 0, 0, 300), "m1"))
    assert ledger.settle(_order((0, 0, 0, 400), "m2")).total == 400


def test_a_line_number_is_for_one_line_and_settled_lines_stay() -> None:
    ledger = Ledger(TODAY)
    ledger.fees.upload("H99010100001", _rows(("1", 100)))
    for again in (_rows(("1", 100)), _rows(("2", 1), ("2", 2))):
        with pytest.raises(Refused):
            ledger.fees.upload("H99010100001", again)
    made = ledger.settle(_order((0, 0, 0, 100), "m1"))
    for batch in ("B1", "0000"):
        with pytest.raises(Refused):
            ledger.fees.withdraw_batch("H99010100001", "V1", batch)
    ledger.cancel(made.setl_id, "V1", made.psn_no, "m2", "2025-01-01 10:00:00")
    ledger.fees.withdraw_batch("H99010100001", "V1", "0000")
    assert ledger.fees.total(("H99010100001", "V1", "B1")) == 0


async def _control(it: Rig, method: str, path: str, body: Any = None) -> Any:
    answer: HttpResponse = await it.channel.link.http.request(
        method,
        f"http://127.0.0.1:{it.simulator.port}/_control/{path}",
        body=json.dumps(body).encode() if body is not None else b"",
    )
    return answer.status, json.loads(answer.body)


async def test_control_interface(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.settled()
        await it.settled()
        status, effects = await _control(it, "GET", "effects")
        assert status == 200
        assert (effects["double_effects"], effects["in_force"]) == (1, 2)
        assert effects["doubled"] == [["H99010100001", "990101S0001", "B0001"]]
        assert effects["settlements"][0]["amount"] == 2560
        _, seen = await _control(it, "GET", "requests?since=2")
        assert [r["infno"] for r in seen["requests"]] == ["2204", "5204", "2207"]
        fault = {"infno": "2207", "kind": "refusal", "count": 1}
        assert (await _control(it, "POST", "faults", [fault]))[1]["active"][0]["kind"] == "refusal"
        assert (await _control(it, "POST", "faults", {"clear": True}))[1]["active"] == []
        assert (await _control(it, "POST", "faults", {"kind": "nonsense"}))[0] == 400
        assert set((await _control(it, "GET", "faults"))[1]["kinds"]) == set(KINDS)
        assert (await _control(it, "GET", "nothing"))[0] == 404
        await _control(it, "POST", "reset")
        assert (await _control(it, "GET", "effects"))[1]["settlements"] == []


async def test_a_msgid_is_for_one_body(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared, _ = await it.settled()
        other = prepared.content.replace(b'"psn_setlway":"01"', b'"psn_setlway":"02"')
        answer = await it.channel.link.post("2207", other)
        assert "报文ID重复" in str(answer)
        assert isinstance(await it.sender.send(message, prepared), Accepted)


async def test_a_nonce_is_for_one_request(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        _, prepared = await it.prepare(claim())
        headers = sign("demo-app", "DEMO-TOKEN-0001", now=time.time(), random=b"n" * 16)
        statuses = [
            (
                await it.channel.link.http.request(
                    "POST", it.simulator.url, headers=headers, body=prepared.before[0]
                )
            ).status
            for _ in range(2)
        ]
        assert statuses == [200, 401]


async def test_fast_mode_answers_repeats_too(tmp_path: Path) -> None:
    async with rig(tmp_path, Options(fast=True)) as it:
        message, prepared, _ = await it.settled()
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert (it.in_force, it.double_effects) == (1, 0)


@pytest.mark.parametrize("host", ["127.0.0.1"])
def test_in_a_process_of_its_own(tmp_path: Path, host: str) -> None:
    file = tmp_path / "announced.json"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "adapters.settlement.simulator",
            "--listen",
            f"{host}:0",
            "--announce",
            str(file),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 15
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        port = json.loads(file.read_text())["port"]
        with urlopen(Request(f"http://{host}:{port}/_control/effects"), timeout=5) as answer:
            assert json.load(answer)["settlements"] == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


#: Fields that every table demands wherever they stand.
DEMANDED = (
    "psn_no", "mdtrt_cert_type", "trt_dcla_detl_sn", "feedetl_sn", "insutype", "file_qury_no", "mdtrt_id",
    "fixmedins_hilist_id",
)  # fmt: skip


@pytest.mark.parametrize("infno", [n for n in ROWS if not n.startswith("5")])
async def test_a_request_without_what_the_tables_demand_is_refused(tmp_path: Path, infno: str) -> None:
    async with rig(tmp_path) as it:
        request = body(infno, transaction=infno, previous_visit_id="V1" if infno == "2501A" else None)
        if infno in {"4101", "4101A"}:
            request = body(infno, person_no=None if infno == "4101" else PERSON)
        _, prepared = await it.prepare(request)
        sent = json.loads(prepared.content)
        assert sent["infno"] == infno
        node = next(iter(sent["input"].values()))
        row = node[0] if isinstance(node, list) else node
        row[next(name for name in DEMANDED if name in row)] = ""
        platform = it.simulator.platform
        asked = platform.read(json.dumps(sent).encode())
        assert not isinstance(asked, bytes)
        answer = json.loads(platform.handle(asked))
        assert answer["infcode"] == -1
        assert "不能为空" in answer["err_msg"]

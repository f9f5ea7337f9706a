"""The whole example, in processes of its own: SOAP in, HTTP and a folder out, and everything that goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import new
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from twisted.internet import reactor

from demo.joined import NAMESPACE, Joined, credit_code
from demo.stage import Stage
from gateway.audit.entry import decode
from gateway.store import open_reader
from gateway.store.api import Filter
from gateway.transports.soap import PeerFault
from tests.twisted_runner import sleep


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[Joined]:
    stage = Stage(folder / "stage")
    stage.prepare()
    agencies = Joined(stage, reactor, timeout="1s")
    try:
        agencies.start()
        stage.start_gateway()
        yield agencies
    finally:
        stage.stop()


async def until(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    for _ in range(int(seconds / 0.05)):
        found = true()
        if found:
            return found
        await sleep(0.05)
    raise AssertionError("not in time")


def states(agencies: Joined, partner: str) -> list[tuple[str, int]]:
    """State and attempts of every delivery to a partner, oldest first."""
    with open_reader(agencies.stage.settings) as reader:
        found = reader.find(Filter(limit=100))
    owed = [d for one in found for d in one.deliveries if d.partner == partner]
    return [(d.state, d.attempts) for d in sorted(owed, key=lambda d: d.id)]


def text(element: etree._Element, name: str) -> str:
    return element.findtext(f"{{{NAMESPACE}}}{name}") or ""


async def test_a_notice_goes_to_both_and_a_repetition_changes_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as agencies:
        receipt = await agencies.announce("N1", credit_code(1))
        again = await agencies.announce("N1", credit_code(1))
        assert receipt.tag == f"{{{NAMESPACE}}}RegistrationReceipt"
        assert (text(receipt, "NoticeNo"), text(receipt, "State")) == ("N1", "accepted")
        assert text(again, "State") == "already-accepted"
        assert text(again, "ReceiptNo") == text(receipt, "ReceiptNo")
        await until(lambda: agencies.notices("N1"))
        (notice,) = agencies.notices("N1")
        assert (notice["OrgCode"], notice["Action"]) == (credit_code(1), "ADD")
        (file,) = await until(agencies.enrolled)
        assert json.loads(file.read_bytes())["data"]["fddbr"] == "王示例"
        said = file.with_name(f"{file.name}.sm3").read_text().split()
        assert said == [new("sm3", file.read_bytes()).hexdigest(), file.name]
        assert agencies.received() == 1


WRONG = [
    ({"code": credit_code(2)[:-1] + "I"}, "invalid", "Entity/Uscc", "uscc"),
    ({"code": credit_code(2)[:9] + "X" + credit_code(2)[10:]}, "invalid", "Entity/Uscc", "uscc"),
    ({"code": credit_code(2), "change": "XX"}, "invalid", "ChangeType", "code"),
    ({"code": credit_code(2), "name": ""}, "invalid", "Entity/EntName", "missing"),
]


async def test_a_wrong_field_is_named_recorded_and_changes_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as agencies:
        for changes, code, field, rule in WRONG:
            with pytest.raises(PeerFault) as caught:
                await agencies.announce("N2", **changes)
            assert caught.value.detail is not None
            detail = {etree.QName(e).localname: e.text or "" for e in caught.value.detail[0]}
            assert (detail["code"], detail["field"], detail["rule"]) == (code, field, rule)
            assert changes["code"] not in caught.value.reason
            with open_reader(agencies.stage.settings) as reader:
                assert [decode(e).event for _, _, e in reader.audit_of(detail["message-id"])] == [
                    "message.refused"
                ]
        assert agencies.received() == 0
        assert states(agencies, "insurer") == []


async def test_what_the_insurer_answers_decides(tmp_path: Path) -> None:
    """Refused; busy, so later; an unknown outcome settled by a query, once each way."""
    async with at_work(tmp_path) as agencies:
        for number, fault in enumerate(
            ("reject", "busy", "silent-after-commit", "silent-before-commit", "error-after-commit",
             "garbage-after-commit", "odd-code"), 1,
        ):  # fmt: skip
            agencies.fault(fault)
            await agencies.announce(f"F{number}", credit_code(10 + number))
            await until(lambda n=number: len(states(agencies, "insurer")) == n)  # type: ignore[misc]
            await until(lambda: states(agencies, "insurer")[-1][0] in ("accepted", "rejected"))
        assert states(agencies, "insurer") == [
            ("rejected", 1),
            ("accepted", 2),
            ("accepted", 1),
            ("accepted", 2),
            ("accepted", 1),
            ("accepted", 1),
            ("accepted", 2),
        ]
        assert [len(agencies.notices(f"F{n}")) for n in range(1, 8)] == [0, 1, 1, 1, 1, 1, 1]


async def test_an_insurer_that_is_away_gets_it_when_it_is_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    stage.prepare()
    agencies = Joined(stage, reactor, timeout="1s")
    try:
        stage.start_gateway()
        await agencies.announce("N3", credit_code(3))
        await until(lambda: [s for s, _ in states(agencies, "insurer")] == ["waiting"])
        agencies.start()
        await until(lambda: agencies.notices("N3"))
        assert states(agencies, "insurer")[0][1] <= 1, "an outage uses no attempts up"
    finally:
        stage.stop()


async def test_a_death_in_mid_work_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as agencies:
        agencies.fault("silent-after-commit", 2)
        for n in range(8):
            await agencies.announce(f"K{n}", credit_code(20 + n))
        await until(lambda: agencies.received() >= 2)
        agencies.stage.kill_gateway()
        agencies.stage.start_gateway(wait=False)
        for n in range(8):
            assert await agencies.announce_until(f"K{n}", credit_code(20 + n), sleep) >= 1
        await until(lambda: [s for s, _ in states(agencies, "insurer")] == ["accepted"] * 8, 60)
        assert [len(agencies.notices(f"K{n}")) for n in range(8)] == [1] * 8
        await until(lambda: len(agencies.enrolled()) == 8)


def wrapped(data: dict[str, Any]) -> bytes:
    return json.dumps({"data": data}).encode()


async def test_files_are_taken_or_come_back_with_a_report(tmp_path: Path) -> None:
    good = {
        "bh": "S1", "bdlx": "3", "tyshxydm": credit_code(4), "zzmc": "示例志愿者协会", "qh": "990101",
        "sxrq": "2025-01-06", "djjg": "示例区民政局",
    }  # fmt: skip
    async with at_work(tmp_path) as agencies:
        folder = agencies.folders["civil-affairs"]
        (folder / "half.json").write_bytes(b'{"bh":')  # without companion: not looked at
        agencies.put_file("a.json", wrapped(good))
        agencies.put_file("b.json", wrapped({**good, "bh": "S2", "sxrq": "2025-02-30", "zzmc": 7}))
        agencies.put_file("c.json", b"{")
        agencies.put_file("d.json", wrapped({**good, "zzmc": "另一个协会"}))
        await until(lambda: len(list((folder / "rejected").glob("*.report.txt"))) == 3)
        await until(lambda: agencies.notices("S1"))
        assert [file.name for file in (folder / "done").iterdir()] == ["a.json"]
        assert (folder / "half.json").exists()
        report = (folder / "rejected" / "b.json.report.txt").read_text(encoding="utf-8")
        assert "生效日期" in report
        assert "sxrq" in report
        assert "zzmc" in report
        assert "2025-02-30" not in report, "values stay out"
        assert "编号" in (folder / "rejected" / "d.json.report.txt").read_text(encoding="utf-8")
        assert agencies.received() == 1

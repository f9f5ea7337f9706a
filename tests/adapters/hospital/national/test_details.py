"""3202: the uploaded file goes on as rows, what differs comes back as a file."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.reconciliation import (
    DetailFile,
    DetailsCompared,
    DetailsSubmitted,
    Difference,
    DifferencesReturned,
    SettlementDetail,
)
from mappings import SHIPPED
from mappings.catalogue import catalogue
from tests.adapters.hospital.national.world import World, good_input, good_reply, world

TODAY = dt.date(2026, 1, 5)
CATALOGUE = catalogue(SHIPPED / "settlement")
FILES = {"files": {"key": "an invented key of the tests"}}
ROWS = (
    SettlementDetail(
        settlement_id="990101A0001", visit_id="990101S0001", person_no="9901000000000000001",
        total=2560, fund_total=1613, account_paid=947, refund=False,
    ),
    SettlementDetail(
        settlement_id="990101A0002", visit_id="990101S0002", person_no="9901000000000000002",
        total=1000, fund_total=700, account_paid=0, refund=True,
    ),
)  # fmt: skip
FOUND = (Difference(kind="institution-only", settlement_id="990101A0001", total=2560, fund_total=1613),)


def detail_file() -> bytes:
    return CATALOGUE.find("settlement.3202.file", TODAY).encode(DetailFile(details=ROWS))


def statement(number: str, count: int = 2, total: str = "35.60", fund: str = "23.13") -> dict[str, Any]:
    sums = {"fixmedins_setl_cnt": str(count), "medfee_sumamt": total, "fund_pay_sumamt": fund}
    return {"data": {**good_input("3202")["data"], "file_qury_no": number, **sums}}


async def uploaded(w: World, content: bytes) -> tuple[Any, str]:
    hospital = w.hospital()
    given = {"in": base64.b64encode(content).decode(), "filename": "d.zip", "fixmedins_code": "H99010100001"}
    answer = await hospital.call("9101", {"fsUploadIn": given})
    return hospital, answer.output["file_qury_no"]


def compared() -> DetailsCompared:
    until = dt.datetime(2026, 1, 9, tzinfo=dt.UTC)
    return DetailsCompared(
        file_no="P1", file_name="p.zip", available_until=until, differences=FOUND, raw_code="0"
    )


async def test_rows_go_on_and_differences_come_back_as_a_file(tmp_path: Path) -> None:
    async with world(tmp_path, FILES) as w:
        w.inbox.answer = lambda _: compared()
        hospital, number = await uploaded(w, detail_file())
        request = hospital.request("3202", statement(number))
        first, again = await hospital.repeat(request)
        assert first.output == again.output
        result = first.output["fileinfo"]
        assert result["file_qury_no"] != "P1"
        where = {"file_qury_no": result["file_qury_no"], "filename": result["filename"]}
        down = await hospital.call("9102", {"fsDownloadIn": {**where, "fixmedins_code": "H99010100001"}})
        hospital.close()
    body = w.inbox.accepted[0].body
    assert isinstance(body, DetailsSubmitted)
    assert body.details == ROWS
    found = CATALOGUE.find("settlement.3202.result", TODAY).decode(down.body)
    assert found == DifferencesReturned(differences=FOUND)


@pytest.mark.parametrize(("count", "total", "fund"), [(1, "25.60", "16.13"), (2, "35.60", "23.13")])
async def test_sums_are_those_of_the_file_with_refunds_or_without(
    tmp_path: Path, count: int, total: str, fund: str
) -> None:
    async with world(tmp_path, FILES) as w:
        w.inbox.answer = lambda _: compared()
        hospital, number = await uploaded(w, detail_file())
        assert (await hospital.call("3202", statement(number, count, total, fund))).infcode == 0
        hospital.close()


@pytest.mark.parametrize(
    ("count", "total", "fund"), [(3, "35.60", "23.13"), (2, "35.61", "23.13"), (2, "35.60", "23.12")]
)
async def test_sums_that_differ_from_the_file(tmp_path: Path, count: int, total: str, fund: str) -> None:
    async with world(tmp_path, FILES) as w:
        hospital, number = await uploaded(w, detail_file())
        answer = await hospital.call("3202", statement(number, count, total, fund))
        hospital.close()
    assert answer.infcode == -1
    assert (w.inbox.refused[0].field, w.inbox.refused[0].rule) == ("data/file_qury_no", "total")
    assert w.inbox.accepted == []


async def test_files_that_are_none(tmp_path: Path) -> None:
    async with world(tmp_path, FILES) as w:
        hospital, number = await uploaded(w, b"no ZIP at all")
        broken = await hospital.call("3202", statement(number))
        absent = await hospital.call("3202", statement("P0001"))
        hospital.close()
    assert (broken.infcode, absent.infcode) == (-1, -1)
    assert [refusal.code for refusal in w.inbox.refused] == ["invalid", "no-file"]


async def test_without_files_the_number_goes_on_as_it_is(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("3202")
        hospital = w.hospital()
        assert (await hospital.call("3202", statement("P0001"))).infcode == 0
        hospital.close()
    body = w.inbox.accepted[0].body
    assert isinstance(body, DetailsSubmitted)
    assert (body.file_no, body.details) == ("P0001", ())

"""The national interface: every transaction is there in both directions, with Chinese names and samples."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from gateway.canonical.reconciliation import DetailFile, DifferencesReturned, SettlementDetail
from mappings import SHIPPED, Mapping, MappingError, load
from mappings.plan import leaves
from mappings.testing import samples

FOLDER = SHIPPED / "settlement"
#: Transactions of outpatients, filings, reconciliation, inquiries, sessions and files.
BOTH = "1101 2001 2201 2204 2206 2207 2208 2501 3201 3202 5201 5202 5203 5204 5205 5206 5301 5302 5303 5304"
ASKED = "2202 2203 2205 2502 2503 2504 2505 2601 9102"
FILES = [
    *(f"{n}.{part}" for n in f"{BOTH} 9001 9002 9101".split() for part in ("input", "output")),
    *(f"{n}.input" for n in ASKED.split()),
    "3202.file",
    "3202.result",
]


@pytest.fixture(params=FILES)
def mapping(request: pytest.FixtureRequest) -> Mapping:
    return load(FOLDER / f"{request.param}.yaml")


def test_it_goes_both_ways_and_every_place_has_a_chinese_name(mapping: Mapping) -> None:
    assert mapping.direction == "both"
    nameless = [x.path for x in leaves(mapping.plan.items) if x.role == "field" and x.name.isascii()]
    assert nameless == []


def test_samples_show_the_good_the_edge_and_the_refused(mapping: Mapping) -> None:
    assert {p.name.partition("-")[0] for p in samples(mapping)} == {"good", "edge", "refused"}


def test_a_fault_names_the_place_and_the_field() -> None:
    mapping = load(FOLDER / "2203.input.yaml")
    wire = b'{"mdtrtinfo":{"mdtrt_id":"1","psn_no":"2","med_type":"11"},"diseinfo":[]}'
    given = dict.fromkeys(mapping.elsewhere, "990101")
    with pytest.raises(MappingError) as refused:
        mapping.decode(wire, **given)
    assert (refused.value.field, refused.value.rule) == ("mdtrtinfo/begntime", "missing")
    assert "开始时间" in refused.value.zh


def test_an_upload_takes_100_rows_and_names_them() -> None:
    mapping = load(FOLDER / "2204.input.yaml")
    given = dict.fromkeys(mapping.elsewhere, "990101")
    with pytest.raises(MappingError) as refused:
        mapping.decode(b'{"feedetail":[%b]}' % b",".join([b"{}"] * 101), **given)
    assert (refused.value.field, refused.value.rule) == ("feedetail", "limit")
    assert refused.value.zh.startswith("费用明细 feedetail")


def detail(number: int) -> SettlementDetail:
    return SettlementDetail(
        settlement_id=f"990101A{number:04d}",
        visit_id=f"990101S{number:04d}",
        person_no="9901010000000000001",
        total=2560,
        fund_total=1613,
        account_paid=947,
        refund=False,
    )


def test_the_detail_file_is_one_text_of_tabs_without_a_last_line_end() -> None:
    data = load(FOLDER / "3202.file.yaml").encode(DetailFile(details=(detail(1), detail(2))))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (member,) = archive.namelist()
        text = archive.read(member).decode()
    assert member.endswith(".txt")
    assert text.split("\n") == [
        f"990101A000{n}\t990101S000{n}\t9901010000000000001\t25.60\t16.13\t9.47\t0" for n in (1, 2)
    ]


def test_a_days_settlements_of_a_large_hospital_fit() -> None:
    mapping = load(FOLDER / "3202.file.yaml")
    body = DetailFile(details=tuple(map(detail, range(10_001))))
    assert mapping.decode(mapping.encode(body)) == body


def test_the_result_file_says_who_has_what(tmp_path: Path) -> None:
    rows = [f"9\t1\tA{kind}\tnull\t{kind}\t0\tnull\tnull\tnull\tnull" for kind in "0123"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("result.txt", "\n".join(rows))
    found = load(FOLDER / "3202.result.yaml").decode((tmp_path / "x.zip").read_bytes())
    assert isinstance(found, DifferencesReturned)
    kinds = [(d.settlement_id, d.kind, d.total) for d in found.differences]
    assert kinds == [
        ("A0", "balanced", None),
        ("A1", "centre-only", None),
        ("A2", "institution-only", None),
        ("A3", "different", None),
    ]

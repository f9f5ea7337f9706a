"""Code tables: their validity, their header, and what the shipped ones hold."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from mappings import codes

HEAD = "code,name_zh,name_en,valid_from,valid_to"


def made(folder: Path, *rows: str, head: str = HEAD, about: str = "") -> codes.CodeTable:
    file = folder / "t.csv"
    file.write_text(about + "\n".join([head, *rows]) + "\n", encoding="utf-8")
    codes.read.cache_clear()
    return codes.table("t", (folder,))


def test_a_table_on_a_day() -> None:
    def regions(day: dt.date) -> set[str]:
        return set(codes.table("region", on=day).to_canonical)

    before, after = regions(dt.date(2023, 12, 31)), regions(dt.date(2024, 1, 1))
    assert before - after == {"990102", "990103"}
    assert after - before == {"990104"}
    assert "990102" in codes.table("region").to_canonical  # last year's claim carries last year's code


def test_a_name_may_change_and_the_code_stays_one(tmp_path: Path) -> None:
    table = made(tmp_path, "1,甲,,,2025-12-31", "1,乙,,2026-01-01,")
    assert table.ambiguous == ()
    assert [c.name_zh for c in table.on(dt.date(2026, 1, 1)).codes] == ["乙"]


@pytest.mark.parametrize(
    "rows",
    [
        ("1,甲,,,2026-01-01", "1,乙,,2026-01-01,"),
        ("1,甲,,2026-01-01,2025-01-01",),
        (" 1,甲,,,",),
        ("1,甲,,then,",),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, rows: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"code|isoformat"):
        made(tmp_path, *rows)


def test_one_to_one_is_about_pairs(tmp_path: Path) -> None:
    table = made(
        tmp_path, "A,1,甲,,,", "B,1,乙,,,", head="code,canonical,name_zh,name_en,valid_from,valid_to"
    )
    assert table.ambiguous == ("1",)


def test_the_header_tells_source_and_class(tmp_path: Path) -> None:
    about = "# title: 甲 / a\n# source: 某标准\n# class: standard\n# version: 3\n# open: false\n"
    table = made(tmp_path, "1,甲,,,", about=about)
    assert (table.title, table.source, table.kind, table.version, table.open) == (
        "甲 / a", "某标准", "standard", "3", False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="class"):
        made(tmp_path, "1,甲,,,", about="# class: sure\n")


def test_results_say_what_they_mean() -> None:
    outcomes = {c.code: c.outcome for c in codes.table("tips_result").codes}
    assert outcomes == {
        "90000": "success", "90001": "rejected", "92001": "rejected",
        "94052": "duplicate", "94999": "in-doubt", "24030": "rejected",
    }  # fmt: skip
    assert {c.code for c in codes.table("postal_bank_result").codes} == {"0", "4", "5", "9", "10", "13", "37"}


@pytest.mark.parametrize("name", codes.names())
def test_every_shipped_table_is_sound(name: str) -> None:
    table = codes.table(name)
    assert table.codes
    assert table.title
    assert table.source
    assert table.kind in codes.CLASSES
    assert table.ambiguous == ()
    assert all(c.name_zh for c in table.codes)


def test_standard_tables_are_complete() -> None:
    assert len(codes.table("naty").codes) == 58
    assert len(codes.table("country").codes) == len(codes.table("country_numeric").codes) == 249
    assert codes.table("country_numeric").to_canonical["156"] == "CHN"
    assert [c.code for c in codes.table("gend").codes] == ["0", "1", "2", "9"]
    assert len([c for c in codes.table("region").codes if c.code.endswith("0000") and c.code < "99"]) == 34


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column code"),
        ("code;name_zh\n1;a\n", "no column code"),
        ("code,name_zh,name_en\n1,a,b\n", "no column valid_from, valid_to"),
        (f"{HEAD}\n1,a\n", "has 2 columns, not 5"),
        (f"{HEAD}\n1,a,b,,,more\n", "has 6 columns, not 5"),
        (f"{HEAD}\n1,a,b,2024/1/1,\n", "'2024/1/1' of code 1 is no day"),
        (f'{HEAD}\n1,"a,b,,\n2,c,d,,\n', "is no CSV"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=said):
        codes.read(tmp_path / "t.csv")


def test_a_table_in_gbk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(f"{HEAD}\n1,男,male,,\n".encode("gbk"))
    with pytest.raises(ValueError, match="not UTF-8"):
        codes.read(tmp_path / "t.csv")


def test_what_a_spreadsheet_saves_is_read(tmp_path: Path) -> None:
    about = '"# title: 性别, sex",,,,\r\n# class: sample,,,,\r\n# open: false,,,,\r\n'
    rows = '1,"男,""甲""",m,,2024-01-01\r\n2,"两\r\n行",f,,\r\n,,,,\r\n'
    (tmp_path / "t.csv").write_bytes(f"\ufeff{about}{HEAD}\r\n{rows}".encode())
    table = codes.read(tmp_path / "t.csv")
    assert (table.title, table.kind, table.open) == ("性别, sex", "sample", False)
    assert [c.name_zh for c in table.codes] == ['男,"甲"', "两\r\n行"]

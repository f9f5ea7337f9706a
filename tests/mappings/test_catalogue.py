"""Versions side by side: which one holds on a day, what is wrong between files, and what an operator replaces."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from gateway.canonical.settlement import ReversalDone
from mappings import SHIPPED, DefinitionError
from mappings.catalogue import Catalogue, NoMapping, china_day
from tests.mappings.tools import REVERSAL

DAY = dt.date(2026, 6, 30)


def put(folder: Path, file: str, version: int = 1, effective: str = "", text: str = REVERSAL) -> Path:
    """A version of `test.reversal`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = text.replace(
        "version: 1", f"version: {version}" + (f"\neffective: {effective}" if effective else "")
    )
    (folder / file).write_text(text, encoding="utf-8")
    return folder


def said(folder: Path) -> list[str]:
    return [p.en for p in Catalogue((folder,)).lint() if p.level == "error"]


def test_an_open_version_holds_until_the_next_begins(tmp_path: Path) -> None:
    put(tmp_path, "a.v1.yaml")
    put(tmp_path, "a.v2.yaml", 2, "{from: 2026-07-01}")
    catalogue = Catalogue((tmp_path,))
    assert [str(p) for p in catalogue.problems] == []
    assert catalogue.find("test.reversal", DAY).version == 1
    assert catalogue.find("test.reversal", DAY + dt.timedelta(days=1)).version == 2
    assert catalogue.find("test.reversal@1", dt.date(2030, 1, 1)).version == 1
    assert [(v.label, v.ends) for v in catalogue] == [("test.reversal@1", DAY), ("test.reversal@2", None)]


def test_the_day_is_chinas() -> None:
    assert china_day(dt.datetime(2026, 6, 30, 16, tzinfo=dt.UTC)) == dt.date(2026, 7, 1)
    assert china_day(dt.datetime(2026, 6, 30, 15, 59, tzinfo=dt.UTC)) == DAY


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            "{until: 2026-07-01}",
            "{from: 2026-07-01}",
            "overlaps test.reversal@1, which holds until 2026-07-01",
        ),
        ("{until: 2026-06-01}", "{from: 2026-07-01}", "no version holds between 2026-06-01 and 2026-07-01"),
        ("", "", "begins with test.reversal@1"),
        ("{from: 2026-07-01}", "{from: 2026-07-01}", "begins with test.reversal@1"),
    ],
)
def test_seams(tmp_path: Path, first: str, second: str, expected: str) -> None:
    put(tmp_path, "a.v1.yaml", 1, first)
    put(tmp_path, "a.v2.yaml", 2, second)
    assert said(tmp_path) == [expected]


def test_neighbours_without_gap_are_well(tmp_path: Path) -> None:
    put(tmp_path, "a.v1.yaml", 1, "{until: 2026-06-30}")
    put(tmp_path, "a.v2.yaml", 2, "{from: 2026-07-01, until: 2026-12-31}")
    assert said(tmp_path) == []
    with pytest.raises(NoMapping, match="holds on 2027-01-01"):
        Catalogue((tmp_path,)).find("test.reversal", dt.date(2027, 1, 1))


def test_one_version_stands_in_one_file_of_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml")
    put(tmp_path, "b.yaml")
    assert said(tmp_path) == ["test.reversal@1 stands in a.yaml already"]
    with pytest.raises(DefinitionError):
        Catalogue((tmp_path,)).check()


@pytest.mark.parametrize(
    "effective", ["{from: soon}", "{form: 2026-07-01}", "{from: 2026-07-01, until: 2026-01-01}"]
)
def test_wrong_dates_are_found(tmp_path: Path, effective: str) -> None:
    put(tmp_path, "a.yaml", 1, effective)
    (found,) = [p for p in Catalogue((tmp_path,)).lint() if p.level == "error"]
    assert (found.line, found.path.partition(".")[0]) == (3, "effective")


def test_a_later_folder_replaces_and_adds(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    put(shipped, "a.yaml")
    put(own, "mine.yaml", 1, text=REVERSAL.replace("text(20)", "text(7)"))
    put(own, "next.yaml", 2, "{from: 2026-07-01}")
    catalogue = Catalogue((shipped, own))
    assert catalogue.problems == []
    assert catalogue.find("test.reversal", DAY).file == own / "mine.yaml"
    assert catalogue.find("test.reversal", dt.date(2026, 7, 1)).version == 2


def test_tables_of_a_later_folder_come_first(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", text=REVERSAL.replace("text(6)", "code(gend)"))
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "gend.csv").write_text(
        "code,name_zh,name_en,valid_from,valid_to\nM,男,,,\n", encoding="utf-8"
    )
    mapping = Catalogue((tmp_path,)).find("test.reversal", DAY)
    body = mapping.decode(b'{"omsgid":"1","code":"M","text":"x"}')
    assert isinstance(body, ReversalDone)
    assert body.raw_code == "M"


def test_what_is_not_there(tmp_path: Path) -> None:
    catalogue = Catalogue((put(tmp_path, "a.yaml"),))
    with pytest.raises(NoMapping, match=r"did you mean: test.reversal"):
        catalogue.find("test.reversla", DAY)
    with pytest.raises(NoMapping, match="no version 7"):
        catalogue.find("test.reversal@7", DAY)
    assert catalogue.versions("other") == ()


@pytest.mark.parametrize("folder", ["hospital", "settlement"])
def test_the_shipped_ones_fit_together(folder: str) -> None:
    assert Catalogue((SHIPPED / folder,)).problems == []

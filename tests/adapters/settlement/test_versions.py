"""Two versions of a format side by side: the time of the message decides."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from adapters.settlement.formats import Formats
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED

SHIPPED_FILE = SHIPPED / "settlement" / "2208.output.yaml"
BEFORE = dt.datetime(2026, 6, 30, 15, 59, tzinfo=dt.UTC)
AFTER = dt.datetime(2026, 6, 30, 16, 0, tzinfo=dt.UTC)  # July has begun in China


def own(folder: Path, version: int, effective: str) -> Path:
    text = SHIPPED_FILE.read_text("utf-8").replace(
        "version: 1", f"version: {version}\neffective: {effective}"
    )
    (folder / f"2208.output.v{version}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_time_of_the_message_decides(tmp_path: Path) -> None:
    formats = Formats({}, (own(tmp_path, 2, "{from: 2026-07-01}"),))
    assert formats.label("2208.output", BEFORE) == "settlement.2208.output@1"
    assert formats.label("2208.output", AFTER) == "settlement.2208.output@2"
    assert formats.mapping("2208.output", AFTER).file.parent == tmp_path


def test_a_file_of_the_partner_holds_always(tmp_path: Path) -> None:
    formats = Formats({"2208.output": SHIPPED_FILE}, (own(tmp_path, 2, "{from: 2026-07-01}"),))
    assert formats.label("2208.output", AFTER) == "settlement.2208.output@1"


def test_nothing_is_sent_by_a_version_that_has_ended(tmp_path: Path) -> None:
    formats = Formats({}, (own(tmp_path, 1, "{until: 2026-06-30}"),))
    with pytest.raises(Reject, match="holds on 2026-07-01"):
        formats.mapping("2208.output", AFTER)


def test_gaps_and_errors_are_found_at_the_start(tmp_path: Path) -> None:
    own(own(tmp_path, 1, "{until: 2026-06-01}"), 2, "{from: 2026-07-01}")
    with pytest.raises(ConfigError, match="no version holds between"):
        Formats({}, (tmp_path,))

"""Mappings by message number: every message that is shipped comes through, and what is wrong is said with its field."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from adapters.treasury.wire import Formats, Unreadable, document_of, read_head
from gateway.canonical.levy import DebitAnswered
from gateway.canonical.levy_network import NodeLogInAsked
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED
from tests.adapters.treasury.wire.support import HEAD, NOON, document

FOLDER = SHIPPED / "treasury"
FORMATS = Formats()
#: Of every message, a document in normal form.
GOOD = sorted(FOLDER.glob("samples/*/good/wire.xml"))
ANSWER = document_of(
    next(file for file in GOOD if file.parts[-3].startswith("2001.")).read_bytes(),
)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.parts[-3])
def test_every_message_is_written_as_it_was_read(file: Path) -> None:
    sent = document_of(file.read_bytes())
    head = read_head(sent)
    body = FORMATS.read(head.number, sent, NOON)
    assert FORMATS.knows(head.number)
    assert FORMATS.label(head.number, NOON).startswith(f"treasury.{head.number}.")
    again = FORMATS.write(head.number, body, head, NOON)
    assert read_head(again) == head
    assert FORMATS.read(head.number, again, NOON) == body


def test_a_log_in_before_any_working_day() -> None:
    head = dataclasses.replace(HEAD, number="9006", work_date=None)
    made = FORMATS.write("9006", NodeLogInAsked(password="DEMO-0001"), head, NOON)
    assert read_head(made) == head


def test_a_number_nobody_knows() -> None:
    assert not FORMATS.knows("4711")
    with pytest.raises(Unreadable) as error:
        FORMATS.read("4711", document(number="4711"), NOON)
    assert (error.value.field, error.value.rule) == ("HEAD/MsgNo", "unknown")


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ("<MsgNo>2001", "<MsgNo>2002", "HEAD/MsgNo", "const"),
        ("<OriTraNo>00000017</OriTraNo>", "", "MSG/SingleReturn2001/OriTraNo", "missing"),
        ("<Result>90000", "<Other>1</Other><Result>90000", "MSG/SingleReturn2001/Other", "unknown"),
        ("</CFX>", "<X></CFX>", "", "syntax"),
    ],
)
def test_what_is_wrong_has_a_place(old: str, new: str, field: str, rule: str) -> None:
    assert old.encode() in ANSWER
    with pytest.raises(Unreadable) as error:
        FORMATS.read("2001", ANSWER.replace(old.encode(), new.encode()), NOON)
    assert (error.value.field, error.value.rule) == (field, rule)
    assert error.value.zh


def test_what_cannot_be_said_is_refused() -> None:
    head = dataclasses.replace(HEAD, number="9006", source="")
    with pytest.raises(Reject) as error:
        FORMATS.write("9006", NodeLogInAsked(password="DEMO-0001"), head, NOON)
    assert error.value.field == "HEAD/SRC"


def own(folder: Path, old: str = "", new: str = "") -> Path:
    text = next(FOLDER.glob("2001.*.yaml")).read_text(encoding="utf-8").replace(old, new)
    file = folder / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_own_mapping_in_place_of_the_shipped_one(tmp_path: Path) -> None:
    renamed = ANSWER.replace(b"AddWord>", b"Remark>")
    with pytest.raises(Unreadable):
        FORMATS.read("2001", renamed, NOON)
    formats = Formats({"2001": own(tmp_path, "AddWord", "Remark")})
    body = formats.read("2001", renamed, NOON)
    assert isinstance(body, DebitAnswered)
    assert body.raw_text


def test_a_version_of_the_operators_holds_from_its_day(tmp_path: Path) -> None:
    own(tmp_path, "version: 1", "version: 2\neffective: {from: 2026-12-01}")
    formats = Formats({}, (tmp_path,))
    assert formats.label("2001", NOON).endswith("@1")
    assert formats.label("2001", NOON + dt.timedelta(days=30)).endswith("@2")


@pytest.mark.parametrize("number", ["2001", "4711"])
def test_an_own_mapping_that_cannot_be_used(tmp_path: Path, number: str) -> None:
    with pytest.raises(ConfigError) as error:
        Formats({number: own(tmp_path, "codec:", "kodec:")})
    assert error.value.zh


def test_an_own_mapping_of_another_message_or_for_one_way_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"levy\.reversal\.answered\.v1"):
        Formats({"2021": own(tmp_path)})
    with pytest.raises(ConfigError, match="both"):
        Formats({"2001": own(tmp_path, "version: 1", "version: 1\ndirection: decode")})


def test_the_meaning_of_a_result_code_is_that_of_the_table(tmp_path: Path) -> None:
    success, unknown = FORMATS.meaning("90000", NOON), FORMATS.meaning("12345", NOON)
    assert success is not None
    assert success.outcome == "success"
    assert unknown is None
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "tips_result.csv").write_text(
        "code,name_zh,name_en,valid_from,valid_to,outcome\n12345,余额不足,no money,2026-12-01,,rejected\n",
        encoding="utf-8",
    )
    formats = Formats({}, (tmp_path,))
    assert formats.meaning("12345", NOON) is None
    later = formats.meaning("12345", NOON + dt.timedelta(days=30))
    assert later is not None
    assert later.outcome == "rejected"

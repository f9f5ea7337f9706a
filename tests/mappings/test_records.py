"""Files of records, as whole messages: both kinds, their laws, their faults, and what lint says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mappings import Mapping, MappingError, lint
from mappings.report import Report
from mappings.testing import check_hostile, check_laws
from tests.mappings.batch import DELIMITED, FIXED, PIPE, batch, make, write

ROW = "00000001|1|6229990000000001|测{}1|9901000001|10.01|0|null||养老|\r\n"


@pytest.fixture(params=[DELIMITED, FIXED], ids=["delimited", "fixed"])
def mapping(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping:
    return make(tmp_path, request.param)


@pytest.fixture
def delimited(tmp_path: Path) -> Mapping:
    return make(tmp_path, DELIMITED)


@pytest.fixture
def fixed(tmp_path: Path) -> Mapping:
    return make(tmp_path, FIXED)


def faults(mapping: Mapping, data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(MappingError) as caught:
        mapping.decode(data)
    return [(f.field, f.rule) for f in caught.value.faults]


def test_both_round_trips_hold_for_whatever_a_file_can_say(mapping: Mapping) -> None:
    check_laws(mapping, 80)


def test_damaged_files_are_refused_or_keep_the_laws(mapping: Mapping) -> None:
    check_hostile(mapping, mapping.encode(batch()), batch(), 300)


def test_delimited_lines_are_these_bytes(delimited: Mapping) -> None:
    lines = delimited.encode(batch(1)).decode("gbk").splitlines(keepends=True)
    head = "H|credit-transfer|B1|null|1|10.01|\r\n"
    assert lines == [head, ROW.format(PIPE), "########|1001|0|\r\n"]
    assert delimited.encode(batch(1)).count(b"|") == len("".join(lines).replace(PIPE, "").split("|"))


def test_fixed_lines_are_these_bytes(fixed: Mapping) -> None:
    data = fixed.encode(batch(1))
    head = "credit-transfer     B1" + " " * 36 + "0000000100000000010.01" + " " * 20
    row = (
        f"000000010000016229990000000001测{PIPE}1"
        + " " * 15
        + "990100000100000010010"
        + " " * 19
        + "养老"
        + " " * 6
    )
    assert data.decode("gb18030") == f"{head}\n{row}"


def test_line_ends_are_read_either_way_and_written_as_declared(mapping: Mapping) -> None:
    data = mapping.encode(batch())
    lines = data.replace(b"\r\n", b"\n").removesuffix(b"\n")
    for other in (
        lines,
        lines + b"\n",
        lines.replace(b"\n", b"\r\n"),
        lines.replace(b"\n", b"\r\n") + b"\r\n",
    ):
        assert mapping.decode(other) == batch()


def test_without_line_ends_lines_are_as_long_as_declared(tmp_path: Path) -> None:
    mapping = make(tmp_path, FIXED, ("line_end: lf\n  last_line_end: false", "line_end: none"))
    data = mapping.encode(batch())
    assert len(data) == 400
    assert mapping.decode(data) == batch()
    assert faults(mapping, data[:-1]) == [("item[3]", "length")]


def test_a_mark_of_utf_8_is_written_where_declared_and_read_or_not(tmp_path: Path) -> None:
    mapping = make(tmp_path, DELIMITED, ("charset: gbk", "charset: utf-8-bom"))
    data = mapping.encode(batch())
    assert data.startswith(b"\xef\xbb\xbfH|")
    assert mapping.decode(data) == mapping.decode(data[3:]) == batch()
    assert make(tmp_path, DELIMITED, ("charset: gbk", "charset: utf-8")).decode(data) == batch()


def test_a_fault_says_where_it_stands_in_the_file(delimited: Mapping) -> None:
    data = delimited.encode(batch()).replace(b"|20.02|", b"|20.0x|")
    with pytest.raises(MappingError) as caught:
        delimited.decode(data)
    (fault,) = caught.value.faults
    assert (fault.field, fault.canonical, fault.rule) == ("item[2]/amount", "items[1].amount", "money")
    assert (fault.line, fault.column, data[fault.offset :][:5]) == (3, 6, b"20.0x")
    assert "第 3 行第 6 列" in fault.zh
    assert "line 3, column 6" in fault.en


def test_a_fault_of_a_fixed_column_says_its_byte(fixed: Mapping) -> None:
    data = bytearray(fixed.encode(batch()))
    at = data.index(b"0000002002")
    data[at] = 0x78
    with pytest.raises(MappingError) as caught:
        fixed.decode(bytes(data))
    (fault,) = caught.value.faults
    assert (fault.rule, fault.line, fault.column, fault.offset) == ("money", 3, 61, at)


def test_personal_values_are_not_in_a_fault(delimited: Mapping) -> None:
    data = delimited.encode(batch(1)).replace(b"|9901000001|", b"|99010000010000000000000|")
    with pytest.raises(MappingError) as caught:
        delimited.decode(data)
    assert caught.value.rule == "length"
    assert "99010" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("|10.01|0|", "|10.01|0|0|", [("item[1]", "columns")]),
        ("养老|\r", "养老\r", [("item[1]", "columns")]),
        ("00000001|", "00000002|", [("item[1]/number", "sequence")]),
        ("00000001|1|", "00000001|0|", [("item[1]/seq", "sequence")]),
        ("|null||", "|null|x|", [("item[1]/spare", "blank")]),
        ("|6229990000000001|", "|null|", [("item[1]/account", "missing")]),
        ("|6229990000000001|", "||", [("item[1]/account", "missing")]),
        ("|1|10.01|", "|1|10.02|", [("head/total", "total")]),
        ("|1|10.01|", "|2|10.01|", [("head/count", "count")]),
        ("|1001|0|", "|1000|0|", [("tail/total", "total")]),
        ("|1001|0|", "|1001|1|", [("tail/other", "count")]),
        ("########", "#######", [("tail", "starts")]),
        ("H|", "X|", [("head", "starts")]),
        ("\r\n0", "\r0\r\n0", [("head", "columns")]),
    ],
)
def test_what_is_wrong_is_refused_in_its_place(
    delimited: Mapping, old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    text = delimited.encode(batch(1)).decode("gbk")
    assert old in text
    found = faults(delimited, text.replace(old, new, 1).encode("gbk"))
    assert found[: len(expected)] == expected or found == expected


def test_a_missing_line_is_one_fault_and_no_more(delimited: Mapping) -> None:
    assert faults(delimited, b"H|credit-transfer|B1|null|0|0.00|\r\n") == [("tail", "missing")]
    assert faults(delimited, b"") == [("head", "missing"), ("tail", "missing")]


def test_numbers_must_ascend(mapping: Mapping) -> None:
    first, second, third = batch().items
    wrong = replace(batch(), items=(first, third, second))
    with pytest.raises(MappingError) as caught:
        mapping.encode(wrong)
    assert [(f.canonical, f.rule) for f in caught.value.faults] == [("items[2].sequence", "sequence")]
    again = mapping.encode(batch()).replace(b"|2|", b"|1|").replace(b"000002622999", b"000001622999")
    assert faults(mapping, again) == [("item[2]/seq", "sequence")]


def test_a_character_cut_in_two_is_a_fault_of_its_column(fixed: Mapping) -> None:
    data = bytearray(fixed.encode(batch(1)))
    data[150:152] = "中".encode("gb18030")  # of which the last byte of the column is the first
    assert faults(fixed, bytes(data)) == [("item[1]/name", "charset"), ("item[1]/id", "charset")]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("name", "𠮷", "charset"),
        ("name", "a|b", "separator"),
        ("name", "a\nb", "separator"),
        ("name", "a\rb", "separator"),
        ("name", "null", "null"),
        ("name", "中" * 11, "length"),
        ("name", "", "empty"),
        ("amount", None, "missing"),
    ],
)
def test_what_a_line_cannot_say_is_refused(delimited: Mapping, field: str, value: Any, rule: str) -> None:
    row = replace(batch(1).items[0], **{field: value})
    with pytest.raises(MappingError) as caught:
        delimited.encode(replace(batch(1), items=(row,), control_sum=row.amount or 0))
    assert [(f.canonical, f.rule) for f in caught.value.faults] == [(f"items[0].{field}", rule)]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("name", "a ", "pad"),
        ("name", " ", "pad"),
        ("document_no", " 1", "pad"),
        ("name", "𠮷" * 6, "length"),
        ("amount", 10**10, "length"),
    ],
)
def test_what_a_fixed_column_cannot_hold_is_refused(
    fixed: Mapping, field: str, value: Any, rule: str
) -> None:
    row = replace(batch(1).items[0], **{field: value})
    with pytest.raises(MappingError) as caught:
        fixed.encode(replace(batch(1), items=(row,), control_sum=row.amount))
    assert [(f.canonical, f.rule) for f in caught.value.faults] == [(f"items[0].{field}", rule)]


def test_negative_amounts_have_their_sign_first(fixed: Mapping) -> None:
    row = replace(batch(1).items[0], amount=-1001)
    body = replace(batch(1), items=(row,), control_sum=-1001)
    assert b"-000001001" in fixed.encode(body)
    assert b"-0000000010.01" in fixed.encode(body)
    assert fixed.decode(fixed.encode(body)) == body
    assert faults(fixed, fixed.encode(body).replace(b"-000001001", b"0-00001001")) == [
        ("item[1]/amount", "pad")
    ]


def test_overflow_cuts_at_a_character(tmp_path: Path) -> None:
    cut = ("to: name, name: 户名", "to: name, overflow: truncate, name: 户名")
    lossy = ("lossy:\n", "lossy:\n  - {to: items.name, why: 银行只收 20 字节}\n")
    mapping = make(tmp_path, DELIMITED, cut, lossy)
    row = replace(batch(1).items[0], name="a" + "中" * 12)
    found: Any = mapping.decode(mapping.encode(replace(batch(1), items=(row,))))
    assert found.items[0].name == "a" + "中" * 9
    check_laws(mapping, 20)
    assert any("declare it" in p.en for p in lint(write(tmp_path, DELIMITED, cut)))


def test_unknown_columns_are_read_past_where_declared(tmp_path: Path) -> None:
    changes = (
        ("fields:\n  - {at: head/mark", "unknown: ignore\nfields:\n  - {at: head/mark"),
        ("lossy:\n", 'lossy:\n  - {at: "*", why: 其余各列无用}\n'),
        ("      - {at: spare,   column: 9, as: blank}\n", ""),
    )
    mapping = make(tmp_path, DELIMITED, *changes)
    data = (
        mapping.encode(batch())
        .replace("养老|".encode("gbk"), "养老|x|y|".encode("gbk"))
        .replace(b"null||", b"null|z|")
    )
    assert mapping.decode(data) == batch()


def test_a_stray_separator_of_two_bytes_is_none(delimited: Mapping) -> None:
    """0x7C is the second byte of many characters: bytes that are split first would come apart."""
    assert delimited.decode(delimited.encode(batch(40))) == batch(40)


@pytest.mark.parametrize("text", [DELIMITED, FIXED], ids=["delimited", "fixed"])
def test_the_test_mappings_have_no_problems(tmp_path: Path, text: str) -> None:
    assert [p for p in lint(write(tmp_path, text)) if p.level == "error"] == []


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (DELIMITED, "column: 9, as", "column: 11, as", "column 9 is missing"),
        (DELIMITED, "column: 9, as", "column: 8, as", "out of order"),
        (DELIMITED, "separator: '|'", "separator: '||'", "one ASCII sign"),
        (DELIMITED, "as: const('########')", "as: const('####|')", "contains the separator"),
        (DELIMITED, "    tail: {", "    other: {last: true}\n    tail: {", "no line maps the record other"),
        (DELIMITED, "    item: {}", "    item: {}\n    more: {}", "at most one that repeats"),
        (DELIMITED, "each: item", "each: rows", "must be one of codec.records"),
        (DELIMITED, "at: head/mark", "at: foot/mark", "must be one of codec.records"),
        (DELIMITED, "charset: gbk", "charset: latin-1", "must be one of gbk"),
        (DELIMITED, "as: text(20 bytes)", "as: text(20 bytes koi8-r)", "needs a charset"),
        (DELIMITED, "count_of: items, name", "count_of: rows, name", "no number of rows"),
        (DELIMITED, "sum_of: items.amount, name: 合计", "sum_of: items.name, name: 合计", "no amount of rows"),
        (DELIMITED, "as: money(fen), sum_of", "as: int, sum_of", "amounts are money"),
        (DELIMITED, "{at: tail/total, column: 2, as: money(fen), sum_of: items.amount, name: 合计}",
         "{at: tail/total, column: 2, as: sequence, name: 合计}", "sequence in rows"),
        (FIXED, "bytes: 72-78", "bytes: 72-77", "no column for the bytes 78-78"),
        (FIXED, "bytes: 72-78", "bytes: 71-78", "overlap"),
        (FIXED, "bytes: 91-100", "bytes: 91-101", "exceed the length"),
        (FIXED, "length: 100", "length: 110", "no column for the bytes 101-110"),
        (FIXED, "as: text(20 bytes), to: name", "as: text(20), to: name", "texts of up to 80 bytes in 20"),
        (FIXED, "bytes: 71, ", "bytes: x, ", "must be a range of bytes"),
        (FIXED, "pad: left,", "pad: middle,", "at which side"),
    ],
)  # fmt: skip
def test_lint_says_what_is_wrong(tmp_path: Path, text: str, old: str, new: str, said: str) -> None:
    assert any(said in p.en for p in lint(write(tmp_path, text, (old, new)))), lint(
        write(tmp_path, text, (old, new))
    )


def test_a_text_that_also_means_absence_is_noted(tmp_path: Path) -> None:
    assert any(p.level == "note" and "reads as absence" in p.en for p in lint(write(tmp_path, DELIMITED)))


def test_the_quick_way_and_the_careful_way_agree(mapping: Mapping) -> None:
    data = mapping.encode(batch())
    tree: Any = mapping.parse(data)
    assert mapping.decode_plain(tree) == mapping._decode_carefully(tree, {}) == batch()
    report = Report("test")
    mapping.codec.check(tree, report)
    assert report.faults == []

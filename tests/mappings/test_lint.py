"""Lint: each mistake is found, at its line, with a hint where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings import DefinitionError, codes, lint, load
from tests.mappings.tools import REVERSAL, write

CODE_LINE = "  - {at: code, to: raw_code, as: text(6), name: 状态码}"


def errors(path: Path) -> list[tuple[int, str]]:
    return [(p.line, f"{p.en} {p.suggestion}") for p in lint(path) if p.level == "error"]


def test_nothing_wrong(tmp_path: Path) -> None:
    assert errors(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("as: text(6)", "as: txt(6)", 9, "did you mean: text"),
        ("as: text(6)", "as: code(insutyp)", 9, "did you mean: insutype"),
        ("as: text(6)", "as: convert(x)", 9, "no converter"),
        ("as: text(6)", "as: money(yuan)", 9, "does not fit the text field raw_code"),
        ("as: text(6)", "as: decimal(16,4)", 9, "comma needs quotes"),
        ("to: raw_code", "to: raw_cod", 9, "did you mean: raw_code"),
        ("to: raw_code", "to: raw_text", 10, "is taken by line 9 already"),
        ("to: raw_code", "to: parent.raw_code", 9, "only within rows"),
        ("at: code", "at: omsgid", 9, "never reached: line 8"),
        ("at: code", "at: omsgid/x", 9, "never reached: line 8"),
        ("at: code", "at: a//b", 9, "invalid path"),
        (", name: 状态码", ", nmae: 状态码", 9, "did you mean: name"),
        (", name: 状态码", ", required: false", 9, "is required"),
        (", name: 状态码", ", required: yes", 9, "must be one of"),
        (CODE_LINE + "\n", "", 7, "required canonical field raw_code is not mapped"),
        (
            "  - {at: text, to: raw_text, as: text(20), name: 说明}\n",
            "",
            7,
            "optional canonical field raw_text",
        ),
        (CODE_LINE, "  - {at: code, as: text(6)}", 9, "a line without `to` is const"),
        (CODE_LINE, "  - {at: code, as: int, envelope: true}", 9, "an envelope field is text"),
        (CODE_LINE, "  - {each: code, to: raw_code, fields: []}", 9, "holds no rows"),
        (CODE_LINE, "  - text", 9, "must be a table"),
        ("done.v1", "done.v2", 4, "did you mean: settlement.reversal.done.v1"),
        ("version: 1", "version: x", 2, "positive whole number"),
        ("version: 1", "version: 1\nversion: 2", 3, "given twice"),
        ("kind: json", "kind: jsn", 5, "did you mean: json"),
        ("kind: json", "kind: json, namespace: urn:x", 5, "unknown key 'namespace'"),
        ("kind: json", "kind: xml", 5, "root element's name"),
        ("title: {zh: 冲正, en: Reversal}", "title: [", 5, "YAML syntax"),
        ("fields:", "unknown: keep(raw_text)\nfields:", 7, "taken by line 11"),
        ("fields:", "unknown: drop\nfields:", 7, "reject, ignore or keep"),
        ("fields:", "unknown: ignore\nfields:", 7, "declare it"),
        ("fields:", "lossy:\n  - {why: x}\nfields:", 8, "either `at` or `to`"),
        ("fields:", "lossy:\n  - {to: nothing, why: x}\nfields:", 8, "no canonical field"),
        ("fields:", "assumed:\n  - {to: raw_code, why: x}\nfields:", 8, "no default"),
        ("fields:", "elsewhere: [rawcode]\nfields:", 7, "did you mean: raw_code"),
        ("fields:", "totals:\n  - {field: raw_code, equals: [x]}\nfields:", 8, "no canonical amount"),
        ("fields:", "totals:\n  - {field: raw_code, sum_of: a.b}\nfields:", 8, "no amount of rows"),
        ("mapping: test.reversal", "mapping: Test Reversal", 1, "lower case"),
    ],
)
def test_a_mistake_is_found_at_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    path = write(tmp_path, REVERSAL.replace(old, new, 1))
    found = errors(path)
    assert any(at == line and said in text for at, text in found), found
    with pytest.raises(DefinitionError) as refused:
        load(path)
    assert [p.line for p in refused.value.problems] == [at for at, _ in found]


def test_prefixes_must_be_declared(tmp_path: Path) -> None:
    text = REVERSAL.replace("at: code", "at: p:code")
    codec = "{kind: xml, root: R, namespace: 'urn:a', namespaces: {q: 'urn:b'}}"
    assert (9, "namespace prefix 'p' is not declared codec.namespaces") in errors(
        write(tmp_path, text, codec=codec)
    )


def test_a_line_in_yaml_stays_text(tmp_path: Path) -> None:
    path = write(tmp_path, REVERSAL.replace("as: text(6)", "as: const(010203)").replace("to: raw_code, ", ""))
    assert [e for e in errors(path) if e[0] == 9] == []


def test_a_file_of_aliases_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert any("aliases" in text for _, text in errors(write(tmp_path, bomb)))


@pytest.mark.parametrize("data", [b"", b"- a\n", b"\xff\xfe", b"[" * 5000, b"a: " + b"x" * (1 << 21)])
def test_no_mapping_at_all(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    assert errors(path)


def test_no_file(tmp_path: Path) -> None:
    assert errors(tmp_path / "none.yaml")


def test_lost_decimals_and_seconds(tmp_path: Path) -> None:
    shipped = Path(lint.__code__.co_filename).parent / "hospital" / "outpatient_settlement.yaml"
    text = shipped.read_text("utf-8").replace("decimal(16.4)", "decimal(16.2)")
    (found,) = errors(write(tmp_path, text))
    assert "fee_lines.quantity has 4, here are only 2" in found[1]
    path = write(tmp_path, shipped.read_text("utf-8").replace("HH:mm:ss", "HH:mm"))
    assert any(p.level == "note" and "seconds" in p.en for p in lint(path))


def test_a_table_that_is_not_one_to_one(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "local.csv").write_text(
        "code,canonical,name_zh,name_en,valid_from,valid_to\nA,1,甲,,,\nB,1,乙,,,\n", "utf-8"
    )
    text = REVERSAL.replace("as: text(6)", "as: code(local)")
    assert any("not one to one" in said for _, said in errors(write(tmp_path, text)))
    assert not any("not one to one" in said for _, said in errors(write(tmp_path, text, direction="decode")))


def test_code_tables_know_their_dates(tmp_path: Path) -> None:
    import datetime as dt

    (tmp_path / "t.csv").write_text(
        "code,name_zh,name_en,valid_from,valid_to\n1,甲,,2020-01-01,2020-12-31\n", "utf-8"
    )
    (code,) = codes.table("t", (tmp_path,)).codes
    assert code.valid(dt.date(2020, 6, 1))
    assert not code.valid(dt.date(2021, 1, 1))
    with pytest.raises(KeyError):
        codes.table("nothing", (tmp_path,))


def test_what_is_required_cannot_be_lost(tmp_path: Path) -> None:
    path = write(tmp_path)
    text = path.read_text("utf-8").replace(f"{CODE_LINE}\n", "")
    path.write_text(f"{text}lossy: [{{to: raw_code, why: 没有此项}}]\n", "utf-8")
    assert any("raw_code cannot be lost" in said for _, said in errors(path))
    path.write_text(f"{path.read_text('utf-8')}direction: encode\n", "utf-8")
    assert not any("cannot be lost" in said for _, said in errors(path))

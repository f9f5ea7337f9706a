"""`gateway mapping convert` for record files: any size, both ways, and never half a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import converting
from gateway.cli.main import app
from mappings import SHIPPED

MAPPING = SHIPPED / "bank" / "ybdf.request.yaml"
GOOD = (SHIPPED / "bank" / "samples" / "ybdf.request" / "good" / "wire.txt").read_bytes()
#: Two rows: the header with its totals, then one line a row.
HEAD, FIRST, SECOND = GOOD.splitlines(keepends=True)
ACCOUNT = "6229990000000000019"


def _convert(file: Path, *arguments: object, code: int = 0) -> Result:
    command = ["mapping", "convert", file, "--with", MAPPING, *arguments]
    result = CliRunner().invoke(app, [str(a) for a in command], env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    return result


def _lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _written(folder: Path, data: bytes) -> Path:
    file = folder / "in.txt"
    file.write_bytes(data)
    return file


def test_both_ways(tmp_path: Path) -> None:
    lines, again = tmp_path / "out.jsonl", tmp_path / "again.txt"
    _convert(_written(tmp_path, GOOD), "--out", lines)
    head, first, second, tail = _lines(lines)
    assert head["mapping"] == "bank.ybdf.request@1"
    assert head["head"]["requested_on"] == "2026-11-20"
    assert (first["sequence"], first["account_no"], second["sequence"]) == (1, ACCOUNT, 2)
    assert tail["rows"] == 2
    assert tail["tail"]["control_sum"] == first["amount"] + second["amount"]
    assert "items" not in tail["tail"]
    _convert(lines, "--to", "partner", "--out", again)
    assert again.read_bytes() == GOOD
    assert _convert(lines, "--to", "partner").stdout_bytes == GOOD


def test_refused_rows_are_reported_and_nothing_is_written(tmp_path: Path) -> None:
    out, report = tmp_path / "out.jsonl", tmp_path / "refused.jsonl"
    out.write_text("as before")
    wrong = SECOND.replace(b"234.56", b"234.567")
    _convert(_written(tmp_path, HEAD + FIRST + wrong), "--out", out, "--refused", report, code=1)
    assert out.read_text() == "as before"
    first = _lines(report)[0]
    assert (first["line"], first["column"], first["rule"]) == (3, 5, "money")
    assert first["field"] == "item[2]/amount"
    assert first["zh"]
    assert first["en"]
    assert ACCOUNT not in report.read_text("utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.txt", "out.jsonl", "refused.jsonl"]


def test_the_rest_may_be_looked_at_but_does_not_go_back(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    wrong = SECOND.replace(b"234.56", b"234.567")
    _convert(_written(tmp_path, HEAD + FIRST + wrong), "--out", out, "--partial", code=1)
    *_, row, last = _lines(out)
    assert row["sequence"] == 1
    assert last == {"incomplete": True, "rows": 1, "refused": 1}
    assert "tail" in _convert(out, "--to", "partner", code=1).stderr
    _convert(out, "--to", "partner", "--partial", code=2)


@pytest.mark.parametrize("damage", [GOOD.replace(b"|1234.56|", b"|1234.57|", 1), FIRST + SECOND, b""])
def test_a_file_that_is_wrong_as_a_whole(tmp_path: Path, damage: bytes) -> None:
    out = tmp_path / "out.jsonl"
    result = _convert(_written(tmp_path, damage), "--out", out, code=1)
    assert "整个文件有误" in result.stderr
    assert not out.exists()


def test_canonical_lines_that_are_none(tmp_path: Path) -> None:
    lines, report = tmp_path / "x.jsonl", tmp_path / "r.jsonl"
    _convert(_written(tmp_path, GOOD), "--out", lines)
    head, first, second, tail = lines.read_bytes().splitlines(keepends=True)
    again = tmp_path / "again.txt"
    for broken in (
        head + first.replace(b'"amount":', b'"amout":') + second + tail,
        head + first + tail,
        head + first + second,
        head + first + second + tail[:-9],
    ):
        lines.write_bytes(broken)
        _convert(lines, "--to", "partner", "--out", again, "--refused", report, code=1)
        assert not again.exists()
        assert ACCOUNT not in report.read_text("utf-8")


def test_nothing_is_left_when_it_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __call__(self, _value: object) -> bytes:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(converting, "_encode", Full())
    out = tmp_path / "out.jsonl"
    result = _convert(_written(tmp_path, GOOD), "--out", out, code=3)
    assert "No space left" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["in.txt"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    rows = 120_000
    big = tmp_path / "big.txt"
    with big.open("wb") as stream:
        stream.write(HEAD.replace(b"|2|1234.56|", b"|%d|%d.00|" % (rows, rows)))
        for number in range(1, rows + 1):
            stream.write(FIRST.replace(b"00000001|", b"%08d|" % number, 1).replace(b"1000.00", b"1.00"))
    for source, name, arguments in (
        (big, "big.jsonl", ()),
        (tmp_path / "big.jsonl", "again.txt", ("--to", "partner")),
    ):
        command = ["mapping", "convert", source, "--with", MAPPING, "--out", tmp_path / name, *arguments]
        assert _peak_mb(command) < 90  # the process alone takes about 45
    assert (tmp_path / "again.txt").read_bytes() == big.read_bytes()


def _peak_mb(command: list[Any]) -> float:
    """What the command takes at most. From the kernel, since `ru_maxrss` remembers the parent across an exec."""
    code = (
        "import sys\nfrom gateway.cli.main import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(next(x for x in open('/proc/self/status') if x.startswith('VmHWM')).split()[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1]) / 1024


def test_standard_output_gets_nothing_of_a_file_that_is_refused(tmp_path: Path) -> None:
    wrong = _written(tmp_path, HEAD + FIRST + SECOND.replace(b"234.56", b"234.567"))
    assert _convert(wrong, code=1).stdout == ""
    assert _convert(wrong, "--partial", code=1).stdout.endswith('"refused":1}\n')


def test_what_is_no_file_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        _convert(_written(tmp_path, GOOD), "--out", pipe)
        assert reader.stdout is not None
        assert reader.stdout.read().endswith(b'"rows":2}\n')
    assert pipe.is_fifo()


def test_the_report_never_takes_the_place_of_the_file_or_the_result(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(GOOD)
    _convert(source, "--refused", source, code=2)
    assert source.read_bytes() == GOOD
    _convert(source, "--out", tmp_path / "x.csv", "--refused", tmp_path / "x.csv", code=2)


def test_as_many_rows_as_the_last_line_says(tmp_path: Path) -> None:
    """Where a format has no totals, nothing else would notice."""
    lines, again = tmp_path / "x.jsonl", tmp_path / "again.txt"
    _convert(_written(tmp_path, GOOD), "--out", lines)
    whole = lines.read_bytes()
    for broken in (whole.replace(b'"rows":2', b'"rows":3'), whole.replace(b',"rows":2', b"")):
        lines.write_bytes(broken)
        assert "rows" in _convert(lines, "--to", "partner", "--out", again, code=1).stderr
        assert not again.exists()


def test_a_value_in_a_wrong_column_is_masked(tmp_path: Path) -> None:
    number, phone = "990101199001010015", "13900001111"
    for stranger, left in ((number, "9901**********0015"), (f"{phone} ", "13*******11"), ("张三丰", "张**")):
        file = _written(tmp_path, HEAD + FIRST + SECOND.replace(b"234.56", stranger.encode("gbk")))
        said = _convert(file, code=1).output
        assert stranger.strip() not in said
        assert left in said


def test_a_name_that_the_mapping_does_not_take(tmp_path: Path) -> None:
    assert "nonsense" in _convert(_written(tmp_path, GOOD), "--set", "nonsense=1", code=2).output


def test_a_direction_the_mapping_has_not(tmp_path: Path) -> None:
    mapping = SHIPPED / "hospital" / "hip_patient_registered.yaml"
    file = _written(tmp_path, b"{}")
    command = ["mapping", "convert", str(file), "--with", str(mapping), "--to", "partner"]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "decode" in result.output

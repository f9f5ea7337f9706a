"""The mappings of the example configurations keep the laws as the shipped ones do, and long files go row by row."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from gateway.canonical import BODIES, Body
from gateway.canonical.levy import DebitBatchReturned
from gateway.canonical.rows import ROWS
from mappings import Mapping, lint, load
from mappings.testing import check_laws, check_samples, samples

EXAMPLES = sorted(Path(__file__).parents[2].glob("config/examples/*/mappings/*.yaml"))
FILES = [path for path in EXAMPLES if path.parts[-3] == "treasury" and load(path).streams]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parts[-3]}.{p.stem}")
def test_clean_lawful_and_true_to_its_samples(path: Path) -> None:
    assert [str(p) for p in lint(path) if p.level == "error"] == []
    mapping = load(path)
    check_laws(mapping)
    check_samples(mapping)


def bodies(mapping: Mapping) -> list[tuple[bytes, Body]]:
    """(file, body) of the samples that are read, in normal form."""
    found = []
    for folder in samples(mapping):
        if (folder / "canonical.json").exists():
            kind = BODIES[mapping.canonical_type]
            body = msgspec.json.decode((folder / "canonical.json").read_bytes(), type=kind)
            normal = folder / "normal.txt"
            found.append(((normal if normal.exists() else folder / "wire.txt").read_bytes(), body))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_month_of_levies_is_read_and_written_row_by_row(path: Path) -> None:
    mapping = load(path)
    assert bodies(mapping)
    for data, body in bodies(mapping):
        name = ROWS[mapping.canonical_type]
        with mapping.read(io.BytesIO(data), block=7) as reading:
            rows = tuple(reading)
        assert replace(reading.body, **{name: rows}) == body
        assert getattr(reading.body, name) == ()
        written = io.BytesIO()
        mapping.write(written, reading.body, rows)
        assert written.getvalue() == data


def test_why_a_whole_file_was_refused_can_be_said() -> None:
    """The book says it in both languages, and names rows."""
    mapping = load(
        next(path for path in EXAMPLES if path.parts[-3:] == ("treasury", "mappings", "result.yaml"))
    )
    day = dt.date(2026, 11, 20)
    refused = DebitBatchReturned(
        entrusted_on=day, batch_no="A1", collector_code="299010100000", original_entrusted_on=day,
        original_batch_no="A1", raw_code="90001", raw_text="票号已用于内容不同的扣款 / the numbers are taken; " * 9,
    )  # fmt: skip
    assert mapping.decode(mapping.encode(refused)) == refused

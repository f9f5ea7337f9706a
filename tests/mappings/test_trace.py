"""Both sides of a message, place by place: what is shown is what the mapping does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mappings import SHIPPED, Mapping, MappingError, load, shipped
from mappings.samples import elsewhere, samples
from mappings.trace import trace
from tests.mappings.tools import compiled

#: A body that a mapping cannot say has no bytes to be shown.
CASES = [(path, case) for path in shipped() for case in samples(compiled(path)) if any(case.glob("wire.*"))]


def _traced(mapping: Mapping, case: Path) -> tuple[list[Any], Any]:
    (file,) = case.glob("wire.*")
    data = file.read_bytes().removesuffix(b"\n") if file.suffix in (".xml", ".json") else file.read_bytes()
    if (case / "refused.json").exists():
        expected = msgspec.json.decode((case / "refused.json").read_bytes())
        return trace(mapping, data, **expected.get("elsewhere", {})), expected
    body: Any = msgspec.json.decode((case / "canonical.json").read_bytes(), type=mapping.plan.struct)
    return trace(mapping, data, **elsewhere(mapping, body)), body


@pytest.mark.parametrize(("path", "case"), CASES, ids=lambda p: p.name)
def test_every_sample_can_be_shown(path: Path, case: Path) -> None:
    mapping = compiled(path)
    try:
        traced, meant = _traced(mapping, case)
    except MappingError:  # bytes that are no message of the format at all
        assert (case / "refused.json").exists()
        return
    if isinstance(meant, dict):
        found = sorted((fault.field, fault.rule) for item in traced for fault in item.faults)
        assert found == sorted((fault["field"], fault["rule"]) for fault in meant["faults"])
    elif mapping.plan.decodes:
        assert [item.faults for item in traced if item.faults] == []
        shown = {t.canonical: t.value for t in traced if t.canonical and "[" not in t.canonical and t.text}
        assert shown == {name: getattr(meant, name) for name in shown}


def test_a_record_file_is_placed_by_line_and_column() -> None:
    mapping = load(SHIPPED / "bank" / "ybdf.request.yaml")
    (wire,) = (SHIPPED / "bank" / "samples" / "ybdf.request" / "good").glob("wire.*")
    data = wire.read_bytes()
    for item in trace(mapping, data):
        assert data[item.at.offset :].startswith(item.text.encode("gbk"))
        assert data[: item.at.offset].count(b"\n") == item.at.line - 1

"""What `mapping preview` shows: one line a place, both sides, faults where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli.mapping_files import elsewhere_of
from gateway.desk.masking import masked, masked_text
from mappings import Mapping, MappingError
from mappings.report import plain
from mappings.trace import Traced, stray, trace


def previewed(mapping: Mapping, file: Path, given: dict[str, str], *, hidden: bool) -> list[dict[str, Any]]:
    """The lines, for programs. Bytes that are no message at all are one line with the fault."""
    values = elsewhere_of(mapping, given) if mapping.plan.decodes else {}
    try:
        traced = trace(mapping, file.read_bytes(), **values)
    except MappingError as error:
        traced = [stray(fault) for fault in error.faults]
    return [_facts(item, hidden=hidden) for item in traced]


def _facts(item: Traced, *, hidden: bool) -> dict[str, Any]:
    field = item.canonical.rpartition(".")[2]
    value = msgspec.to_builtins(item.value)
    text = item.text
    if hidden:
        text = masked_text(field, text, personal=item.personal)
        personal = item.personal and isinstance(value, str)
        value = masked_text(field, value, personal=True) if personal else masked(field, value)
    return {
        "place": item.place,
        "line": item.at.line,
        "column": item.at.column,
        "offset": item.at.offset,
        "name": item.name,
        "text": text,
        "field": item.canonical,
        "value": value,
        "faults": [{"rule": fault.rule, "zh": fault.zh, "en": fault.en} for fault in item.faults],
    }


def shown(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The lines for people; a fault stands below its place."""
    for row in rows:
        place = f"{row['line']}:{row['column']} {row['place']}" if row["line"] else row["place"]
        value = "" if row["value"] is None else str(row["value"])
        if row["text"] or row["field"] or not row["faults"]:
            yield place, row["name"], plain(row["text"]), row["field"], plain(value)
        for fault in row["faults"]:
            yield place, "✗ " + fault["rule"], fault["zh"], "", fault["en"]

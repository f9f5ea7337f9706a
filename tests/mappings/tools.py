"""The shipped mappings, and small ones written on the spot, for tests that need one which is wrong or unusual."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from mappings import Mapping, MappingError, load

#: A complete mapping of the smallest message; tests replace parts of it.
REVERSAL = """\
mapping: test.reversal
version: 1
title: {zh: 冲正, en: Reversal}
canonical: settlement.reversal.done.v1
codec: {kind: json}

fields:
  - {at: omsgid, to: original_message_id, as: text(30), name: 原报文}
  - {at: code, to: raw_code, as: text(6), name: 状态码}
  - {at: text, to: raw_text, as: text(20), name: 说明}
"""


@cache
def compiled(path: Path) -> Mapping:
    """A shipped mapping. To compile them all takes seconds: the tests of a process share them."""
    return load(path)


def write(folder: Path, text: str = REVERSAL, **replaced: str) -> Path:
    """The mapping file with parts of it replaced: `codec="{kind: xml, root: R}"` replaces that key's line."""
    for key, value in replaced.items():
        lines = [f"{key}: {value}" if x.startswith(f"{key}:") else x for x in text.splitlines()]
        text = "\n".join(lines if f"{key}: {value}" in lines else [*lines[:4], f"{key}: {value}", *lines[4:]])
    path = folder / "test.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def make(folder: Path, text: str = REVERSAL, **replaced: str) -> Mapping:
    return load(write(folder, text, **replaced))


def lines(folder: Path, codec: str, *fields: str, **keys: str) -> Mapping:
    """A mapping of a small message with these lines: `{at: a, to: raw_code, as: text(6)}`."""
    canonical = keys.pop("canonical", "settlement.reversal.done.v1")
    head = [
        *REVERSAL.splitlines()[:3],
        f"canonical: {canonical}",
        f"codec: {codec}",
        *(f"{k}: {v}" for k, v in keys.items()),
        "fields:",
    ]
    path = folder / "test.yaml"
    path.write_text("\n".join([*head, *(f"  - {line}" for line in fields)]) + "\n", encoding="utf-8")
    return load(path)


def rules(mapping: Mapping, data: bytes) -> list[tuple[str, str]]:
    """What the mapping says of bytes it refuses: places and rules."""
    with pytest.raises(MappingError) as refused:
        mapping.decode(data)
    return [(f.field, f.rule) for f in refused.value.faults]

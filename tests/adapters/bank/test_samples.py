"""The recorded files: recognised by their names, read as they mean, and written as they stand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from adapters.bank import adapter
from adapters.bank.files.formats import Documents
from adapters.bank.simulator.returns import write
from gateway.canonical import type_of
from gateway.contract.conformance import canonical_sample, problems, sample_cases
from tests.adapters.bank.bodies import DAY, PARTY

CASES = [case for case in sample_cases(adapter) if case.parent.name == "files"]
#: What a file does not say itself, and its name or our own record of it does.
KNOWN = {"batch_id": "B20261120-1", "returned_on": DAY, "requested_on": DAY}


def one(case: Path) -> Path:
    [file] = (file for file in case.iterdir() if file.name != "canonical.json")
    return file


def test_the_adapter_keeps_the_contract(tmp_path: Path) -> None:
    way = {"kind": "folder", "path": str(tmp_path)}
    files = {"profile": "shipped:ybdf", "party": PARTY, "inbound": way, "outbound": way}
    assert problems(adapter, {"files": files}) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recorded_file(case: Path) -> None:
    documents = Documents(f"shipped:{case.name.partition('-')[0]}")
    file, body = one(case), canonical_sample(case / "canonical.json")
    come = documents.recognised(file.name, PARTY)
    [document] = [come[0]] if come else [d for d in documents.outgoing.values() if d.name.match(file.name)]
    assert document.type == type_of(body)
    mapping = document.mapping(dt.date(2026, 11, 20))
    known: dict[str, Any] = {**KNOWN, "stage": getattr(document.settings, "stage", None)}
    assert mapping.decode(file.read_bytes(), **{n: known[n] for n in mapping.elsewhere}) == body
    batch = str(getattr(body, "batch_id", ""))
    assert write(mapping, body, {"mark": "PO", "PmtInfId": batch}) == file.read_bytes()

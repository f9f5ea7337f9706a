"""Recorded bytes, read and written: requests one way, answers both ways."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from lxml import etree

from adapters.hospital import adapter
from adapters.hospital.soap.codec import Editions
from adapters.hospital.soap.documents import OPERATIONS, Documents, tag
from gateway.contract.conformance import canonical_sample, problems, sample_cases
from gateway.transports.soap import Version, parse, wrap
from tests.adapters.hospital.soap.world import SETTINGS

CODEC = Editions(Documents()).on(dt.datetime(2026, 1, 5, tzinfo=dt.UTC))

CASES = [case for case in sample_cases(adapter) if case.parent.name == "soap"]


def _payload(file: Path):
    charset = "gbk" if "gbk" in file.parent.name else None
    return parse(file.read_bytes(), charset)[-1][0]


def test_conformance() -> None:
    assert problems(adapter, SETTINGS) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_request(case: Path) -> None:
    payload = _payload(case / "wire.xml")
    inquiry = CODEC.read(CODEC.call_of(payload), payload)
    assert inquiry.body == canonical_sample(case / "canonical.json")
    assert inquiry.msgid.startswith("H99010100001")


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if (c / "canonical_reply.json").exists()],
    ids=lambda case: case.name,
)
def test_answer(case: Path) -> None:
    payload = _payload(case / "wire.xml")
    call = CODEC.call_of(payload)
    body = canonical_sample(case / "canonical_reply.json")
    written = CODEC.write(call, body)
    assert wrap(Version.V11, written) == (case / "reply.xml").read_bytes()
    assert CODEC.mapping_of(call.reply).decode(written) == body
    etree.XMLSchema(CODEC.schema).assertValid(etree.fromstring(written))


def test_every_operation_has_a_sample() -> None:
    asked = {CODEC.call_of(_payload(case / "wire.xml")).operation for case in CASES}
    assert asked == OPERATIONS


def test_the_schema_is_one_and_compiles() -> None:
    etree.XMLSchema(CODEC.schema)
    names = {element.get("name") for element in CODEC.schema if element.tag.endswith("}element")}
    assert {"OutpatientSettlement", "OutpatientSettlementUpload", "UploadReceipt", "Refused"} <= names
    assert tag("x") == "{urn:tongqu:hospital:v1}x"

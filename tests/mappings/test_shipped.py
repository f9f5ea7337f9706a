"""Every shipped mapping: clean, lawful, true to its samples, and the same thing as its schema."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.canonical import BODIES
from mappings import Mapping, codes, lint, shipped
from mappings.plan import leaves
from mappings.testing import (
    LawBroken,
    check_hostile,
    check_laws,
    check_samples,
    elsewhere,
    envelope,
    samples,
    strategy,
)
from mappings.xsd import schema_for
from tests.mappings.tools import compiled

ALL = shipped()
MAPPINGS = {m.name: m for m in map(compiled, ALL)}
HL7 = [m for m in MAPPINGS.values() if m.name.startswith("hospital.hl7_")]
INPATIENT = [m for m in MAPPINGS.values() if m.name.startswith(("settlement.23", "settlement.24"))]
#: The XML that hospitals and the gateway agreed on; other mappings of hospitals have namespaces of their own.
HOSPITAL = [
    m
    for m in MAPPINGS.values()
    if getattr(m.plan.document.options, "namespace", "") == "urn:tongqu:hospital:v1"
]
BANKS = [m for m in MAPPINGS.values() if m.name.startswith(("bank.", "iso20022."))]
AGENCIES = [m for m in MAPPINGS.values() if m.name.startswith(("treasury.", "police."))]


@pytest.fixture(params=MAPPINGS.values(), ids=lambda m: m.name)
def mapping(request: pytest.FixtureRequest) -> Mapping:
    chosen: Mapping = request.param
    return chosen


def test_there_are_the_agreed_ones() -> None:
    assert len(HOSPITAL) == 8
    assert len(BANKS) == 48
    assert len(AGENCIES) == 60
    assert len(HL7) == 13


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_lint_finds_nothing_but_open_code_tables(path: Path) -> None:
    problems = lint(path)
    assert [str(p) for p in problems if p.level == "error"] == []
    assert all("代码表" in p.zh or "读作空值" in p.zh for p in problems)


def test_names_say_where_the_file_is(mapping: Mapping) -> None:
    assert mapping.name == f"{mapping.file.parent.name}.{mapping.file.name.removesuffix('.yaml')}"


def test_laws(mapping: Mapping) -> None:
    check_laws(mapping)


def test_samples(mapping: Mapping) -> None:
    assert check_samples(mapping) >= 1


@pytest.mark.parametrize("mapping", [*BANKS, *AGENCIES, *HL7, *INPATIENT], ids=lambda m: m.name)
def test_samples_show_the_good_the_odd_and_the_refused(mapping: Mapping) -> None:
    assert {p.name.partition("-")[0] for p in samples(mapping)} == {"good", "edge", "refused"}


@pytest.mark.parametrize(
    "name",
    [
        "hospital.outpatient_settlement",
        "hospital.hl7_adt_a01",
        "hospital.hl7_dft_p03",
        "settlement.2207.output",
        "settlement.2401.input",
        "iso20022.pain.001.001.09",
        "bank.ybdf.request",
        "treasury.1001.debit",
        "treasury.2102.batch_answer",
        "treasury.3127.treasury_report",
        "treasury.9100.reference_data",
        "police.nciic_result",
        "police.rbsp_result",
    ],
)
def test_damaged_messages_are_refused_or_lawful(name: str) -> None:
    mapping = MAPPINGS[name]
    good = next(p for p in samples(mapping) if p.name == "good")
    body = msgspec.json.decode((good / "canonical.json").read_bytes(), type=BODIES[mapping.canonical_type])
    (wire,) = good.glob("wire.*")
    check_hostile(mapping, wire.read_bytes(), body)


def test_laws_are_not_kept_by_a_lens_that_loses_the_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mappings.lenses_numbers.fen_to_yuan", lambda fen: f"{abs(fen) // 100}.{abs(fen) % 100:02d}"
    )
    with pytest.raises(LawBroken):
        check_laws(MAPPINGS["settlement.2208.output"], shrink=False)


SCHEMA = etree.XMLSchema(etree.fromstring(schema_for(HOSPITAL)))


@pytest.mark.parametrize("mapping", HOSPITAL, ids=lambda m: m.name)
@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_written_is_valid_by_the_schema(mapping: Mapping, data: st.DataObject) -> None:
    body = data.draw(strategy(mapping))
    SCHEMA.assertValid(mapping.parse(mapping.encode(body, envelope(mapping))))


def test_the_schema_refuses_what_the_mapping_refuses() -> None:
    mapping = MAPPINGS["hospital.outpatient_settlement"]
    for case in ("refused-fields", "refused-unknown-and-double"):
        wire = next(p for p in samples(mapping) if p.name == case) / "wire.xml"
        assert not SCHEMA.validate(mapping.parse(wire.read_bytes()))


def test_a_schema_needs_xml_of_one_namespace() -> None:
    with pytest.raises(ValueError, match="one namespace"):
        schema_for(MAPPINGS.values())


def test_2207_goes_from_the_hospital_to_the_platform_without_loss() -> None:
    face, core = MAPPINGS["hospital.outpatient_settlement"], MAPPINGS["settlement.2207.input"]
    good = next(p for p in samples(face) if p.name == "good")
    claim = face.decode((good / "wire.xml").read_bytes())
    assert core.decode(core.encode(claim), **elsewhere(core, claim)) == claim


def test_code_tables_are_one_to_one_and_have_names() -> None:
    for name in codes.names():
        table = codes.table(name)
        assert table.ambiguous == ()
        assert all(c.name_zh for c in table.codes)


def test_open_tables_take_what_looks_like_a_code_and_nothing_else() -> None:
    lens = next(i for i in leaves(MAPPINGS["settlement.2207.input"].plan.items) if i.step == "med_type").lens
    assert lens.read("9216") == "9216"
    with pytest.raises(Exception, match="med_type"):
        lens.read("九二")

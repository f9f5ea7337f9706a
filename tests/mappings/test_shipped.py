"""Every shipped mapping: clean, lawful, true to its samples, and the same thing as its schema."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.canonical import BODIES
from mappings import Mapping, codes, lint, load, shipped
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

ALL = shipped()
MAPPINGS = {p.stem if p.parent.name == "hospital" else f"settlement.{p.stem}": load(p) for p in ALL}
HOSPITAL = [m for m in MAPPINGS.values() if m.name.startswith("hospital.")]


@pytest.fixture(params=MAPPINGS.values(), ids=lambda m: m.name)
def mapping(request: pytest.FixtureRequest) -> Mapping:
    chosen: Mapping = request.param
    return chosen


def test_there_are_the_agreed_ones() -> None:
    assert len(HOSPITAL) == 8
    assert len(MAPPINGS) == 18


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_lint_finds_nothing_but_open_code_tables(path: Path) -> None:
    problems = lint(path)
    assert [str(p) for p in problems if p.level == "error"] == []
    assert all("代码表" in p.zh for p in problems)


def test_names_say_where_the_file_is(mapping: Mapping) -> None:
    assert mapping.name == f"{mapping.file.parent.name}.{mapping.file.name.removesuffix('.yaml')}"


def test_laws(mapping: Mapping) -> None:
    check_laws(mapping)


def test_samples(mapping: Mapping) -> None:
    assert check_samples(mapping) >= 1


@pytest.mark.parametrize("name", ["outpatient_settlement", "settlement.2207.output"])
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
        check_laws(MAPPINGS["settlement.2208.output"])


SCHEMA = etree.XMLSchema(etree.fromstring(schema_for(HOSPITAL)))


@pytest.mark.parametrize("mapping", HOSPITAL, ids=lambda m: m.name)
@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_written_is_valid_by_the_schema(mapping: Mapping, data: st.DataObject) -> None:
    body = data.draw(strategy(mapping))
    SCHEMA.assertValid(mapping.parse(mapping.encode(body, envelope(mapping))))


def test_the_schema_refuses_what_the_mapping_refuses() -> None:
    mapping = MAPPINGS["outpatient_settlement"]
    for case in ("refused-fields", "refused-unknown-and-double"):
        wire = next(p for p in samples(mapping) if p.name == case) / "wire.xml"
        assert not SCHEMA.validate(mapping.parse(wire.read_bytes()))


def test_a_schema_needs_xml_of_one_namespace() -> None:
    with pytest.raises(ValueError, match="one namespace"):
        schema_for(MAPPINGS.values())


def test_2207_goes_from_the_hospital_to_the_platform_without_loss() -> None:
    face, core = MAPPINGS["outpatient_settlement"], MAPPINGS["settlement.2207.input"]
    good = next(p for p in samples(face) if p.name == "good")
    claim = face.decode((good / "wire.xml").read_bytes())
    assert core.decode(core.encode(claim), **elsewhere(core, claim)) == claim


def test_code_tables_are_one_to_one_and_have_names() -> None:
    for name in codes.names():
        table = codes.table(name)
        assert table.ambiguous == ()
        assert all(c.name_zh for c in table.codes)


def test_open_tables_take_what_looks_like_a_code_and_nothing_else() -> None:
    lens = next(i for i in MAPPINGS["settlement.2207.input"].plan.items[0].items if i.step == "med_type").lens
    assert lens.read("9216") == "9216"
    with pytest.raises(Exception, match="med_type"):
        lens.read("九二")

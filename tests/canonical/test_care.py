"""Care and inpatient bodies: one stay through both of its languages, and nothing of a person in sight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

import mappings
from gateway.canonical import BODIES
from gateway.canonical.care import PatientAdmitted, PatientDischarged, Stay, Visit
from gateway.canonical.settlement import ClaimEstimated, ClaimSettled
from mappings.testing import elsewhere

SETTLEMENT = mappings.SHIPPED / "settlement"
HOSPITAL = mappings.SHIPPED / "hospital"


def body(mapping: Path, case: str = "good") -> Any:
    loaded = mappings.load(mapping)
    wire = mapping.parent / "samples" / mapping.stem / case / "canonical.json"
    return msgspec.json.decode(wire.read_bytes(), type=BODIES[loaded.canonical_type])


def test_an_estimate_is_a_settlement_without_its_number() -> None:
    assert {*ClaimSettled.__struct_fields__} - {*ClaimEstimated.__struct_fields__} == {"settlement_id"}


def test_every_event_of_a_stay_says_which_stay() -> None:
    events = [b for name, b in BODIES.items() if name.startswith("care.") and issubclass(b, Stay)]
    assert len(events) == 9
    assert issubclass(PatientDischarged, Visit)


@pytest.mark.parametrize("mapping", sorted(HOSPITAL.glob("hl7_*.yaml")), ids=lambda p: p.stem)
def test_a_connection_in_utf_8_says_the_same_as_one_in_gbk(mapping: Path) -> None:
    """The charset belongs to the connection: an adapter hands on text, and takes text back."""
    loaded = mappings.load(mapping)
    expected = body(mapping)
    wire = (mapping.parent / "samples" / mapping.stem / "good" / "wire.hl7").read_bytes()
    newer = wire.decode("gbk").replace("CHN|GBK", "CHN|UNICODE UTF-8").encode()
    tree = loaded.codec.parse_text(newer.decode())
    assert loaded.decode_tree(tree, **elsewhere(loaded, expected)) == expected
    written = loaded.encode_tree(expected, loaded.read_envelope(tree))
    assert loaded.codec.serialise_text(written).encode() == newer


def test_what_hl7_does_not_know_the_platform_asks_for() -> None:
    """An ADT^A01 alone is not enough for 2401, and every fault names what is missing."""
    admitted = body(HOSPITAL / "hl7_adt_a01.yaml")
    assert isinstance(admitted, PatientAdmitted)
    with pytest.raises(mappings.MappingError) as refused:
        mappings.load(SETTLEMENT / "2401.input.yaml").encode(admitted)
    missing = {fault.canonical for fault in refused.value.faults}
    assert {
        "person_no",
        "certificate_kind",
        "certificate_no",
        "department_name",
        "main_diagnosis_code",
    } <= missing
    assert {fault.rule for fault in refused.value.faults} == {"missing"}


def test_an_admission_by_hl7_with_what_the_adapter_knows_goes_on_as_2401() -> None:
    """What the adapter supplies from elsewhere completes the message of the hospital."""
    hl7, national = HOSPITAL / "hl7_adt_a01.yaml", SETTLEMENT / "2401.input.yaml"
    face, core = mappings.load(hl7), mappings.load(national)
    registered = body(national)
    wire = (hl7.parent / "samples" / hl7.stem / "good" / "wire.hl7").read_bytes()
    known = {name: value for name, value in elsewhere(face, registered).items() if value is not None}
    admitted = face.decode(wire.removesuffix(b"\n"), **known)
    sent = core.decode(core.encode(admitted), **elsewhere(core, admitted))
    assert isinstance(sent, PatientAdmitted)
    assert (sent.inpatient_no, sent.department_code) == ("ZY000001", "0301")
    assert sent.patient_name is None, "2401 does not carry it"
    assert sent.diagnoses == registered.diagnoses

"""Recorded bytes of the styles with a text parameter, over HTTP: what they mean, and the answer byte by byte.

A case is read under the settings its name begins with. `expected.json` is the refusal, where there is one;
`canonical_reply.json` what the platform says. The clock stands still, so that answers are equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.hospital import adapter
from gateway.canonical import type_of
from gateway.contract.conformance import canonical_sample, problems, sample_cases
from gateway.transports.http import HttpClient
from mappings import SHIPPED, load
from tests.adapters.hospital.soap.texts import soap
from tests.adapters.hospital.soap.world import NOW, SETTINGS, world

_FIDS = {"PS35017": "2207", "BS20001": "1101"}
STYLES: dict[str, dict[str, Any]] = {
    "xml": {},
    "gbk": {},
    "json": {"content": "json"},
    "esb": {"esb": {"user": "HIS", "password": "DEMO-0001", "fids": _FIDS}},
    "hip": {},
}
_MEDIA = {"hip": "application/soap+xml"}
#: The hospital's own id of an original → the one it was sent on under.
_SENT = {"H99010100001202501020900000001": "T99010100001202501020930000001"}
_READ_BY = {
    "settlement.claim.submitted.v1": "settlement/2207.input.yaml",
    "identity.person.queried.v1": "settlement/1101.input.yaml",
    "settlement.cancellation.requested.v1": "settlement/2208.input.yaml",
    "outpatient.fees.withdrawn.v1": "settlement/2205.input.yaml",
    "care.patient.registered.v1": "hospital/hip_patient_registered.yaml",
    "care.registration.updated.v1": "hospital/hip_registration_updated.yaml",
}
CASES = [case for case in sample_cases(adapter) if case.parent.name in ("param_xml", "hip")]


def style(case: Path) -> str:
    return "hip" if case.parent.name == "hip" else case.name.partition("_")[0]


def settings(case: Path) -> dict[str, Any]:
    return {**soap(**STYLES[style(case)]), "authentication": {"kind": "none"}}


def test_there_are_enough() -> None:
    assert len(CASES) >= 10


def test_conformance() -> None:
    block = {**SETTINGS["soap"], **soap(esb=STYLES["esb"]["esb"])}
    assert problems(adapter, {**SETTINGS, "soap": block}) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
async def test_case(tmp_path: Path, case: Path) -> None:
    wire = (case / "wire.xml").read_bytes()
    charset = "GBK" if b"GBK" in wire[:60] else "utf-8"
    media = _MEDIA.get(style(case), "text/xml")
    async with world(tmp_path, settings(case)) as w:
        w.harness.clock.fixed = NOW
        w.inbox.references.update(_SENT)
        if (case / "canonical_reply.json").exists():
            reply = canonical_sample(case / "canonical_reply.json")
            w.inbox.answer = lambda _inbound: reply
        http = HttpClient()
        answer = await http.request(
            "POST", w.receiver.url, headers={"Content-Type": f"{media}; charset={charset}"}, body=wire
        )
        http.close()
        assert answer.body == (case / "reply.xml").read_bytes()
        if (case / "expected.json").exists():
            expected = json.loads((case / "expected.json").read_text())
            assert [{"code": r.code, "field": r.field, "rule": r.rule} for r in w.inbox.refused] == [expected]
            assert w.inbox.accepted == []
        else:
            (inbound,) = w.inbox.accepted
            assert inbound.body == canonical_sample(case / "canonical.json")
            assert inbound.raw == wire


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if (case / "canonical.json").exists() and case.name != "xml_reverse"],
    ids=lambda case: f"{case.parent.name}-{case.name}",
)
def test_what_is_stored_can_be_read_again(case: Path) -> None:
    expected = canonical_sample(case / "canonical.json")
    mapping = load(SHIPPED / _READ_BY[type_of(expected)])
    document = adapter.document((case / "wire.xml").read_bytes())
    needed = {name: getattr(expected, name) for name in mapping.elsewhere}
    assert mapping.decode(document, **needed) == expected


def test_what_is_no_request_cannot_be_read_again() -> None:
    for raw in (b"", b"<x/>", b"<e><b><p><q>{}</q></p></b></e>", b"<e><b><p><q>&lt;x/></q></p></b></e>"):
        with pytest.raises(ValueError, match="no "):
            adapter.document(raw)

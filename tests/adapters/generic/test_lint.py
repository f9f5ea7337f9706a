"""What `gateway check` says of a partner without code: file, line, and what to correct."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.engine.config import lint
from tests.adapters.generic.test_samples import EXAMPLE

Change = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "config"))


def test_the_example_is_right(folder: Path) -> None:
    assert lint(folder) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "said"),
    [
        ("insurer", "type: organisation.registration.changed.v1", "type: organisation.lost.v1", "settings.operations[0]", "no message type"),
        ("insurer", "insurer.organisation.yaml", "insurer.lost.yaml", "settings.operations[0].request", ""),
        ("insurer", "request: mappings/insurer.organisation.yaml", "request: mappings/market.receipt.yaml", "settings.operations[0].request", "is for gateway.message.received.v1"),
        ("insurer", "request: mappings/insurer.organisation.yaml", "request: shipped:hospital/../lost", "settings.operations[0].request", ""),
        ("insurer", "RequestNo: \"{reference}\", SentAt", "RequestNo: \"{lost}\", SentAt", "settings.operations[0].envelope.RequestNo", "slots may be"),
        ("insurer", ", SentAt: \"{time}\"", "", "settings.operations[0].envelope", "lacks SentAt"),
        ("insurer", "on_unknown: query", "on_unknown: resend", "settings.operations[0]", "resend needs"),
        ("insurer", "on_unknown: query", "moves_money: true\n      idempotent: true\n      on_unknown: resend", "settings.operations[0]", "resend needs"),
        ("insurer", "on_unknown: query", "on_unknown: reverse", "settings.operations[0]", "reversal"),
        ("insurer", 'rejected: ["1001", "1002"]', 'rejected: ["0000"]', "settings.operations[0].answer", "one thing"),
        ("insurer", "NotifyOrganisation: {path", "Notify: {path", "settings.outbound.calls.Notify", "no operation"),
        ("market-regulator", "id: notice_no ", "id: notice ", "settings.operations[0].id", "no field"),
        ("market-regulator", "mappings/market.registration.yaml", "mappings/civil.registration.yaml", "settings.inbound.kind", "one namespace"),
        ("market-regulator", "direction: inbound", "direction: outbound", "settings.operations[0]", "belong to inbound"),
        ("civil-affairs", "complete: .ok", "complete: .md6", "settings.inbound.complete", ""),
        ("civil-affairs", "request: mappings/civil.registration.yaml", "request: mappings/insurer.organisation.yaml", "settings.operations[0].request", "cannot read"),
        ("enrolment", "idempotent: true ", "idempotent: false ", "settings.operations[0]", "resend needs"),
        ("enrolment", "org-{reference}", "org-{lost}", "settings.outbound.calls.EnrolmentFile.name", "slots may be"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(folder: Path, file: str, old: str, new: str, path: str, said: str) -> None:
    partner = folder / "partners" / f"{file}.yaml"
    text = partner.read_text(encoding="utf-8")
    assert old in text
    partner.write_text(text.replace(old, new), encoding="utf-8")
    found = [p for p in lint(folder) if p.file == f"partners/{file}.yaml"]
    assert [p.path for p in found][:1] == [path], found
    assert said in found[0].en
    assert found[0].line > 5


def test_routes_are_held_against_the_settings_operations(folder: Path) -> None:
    routes = folder / "routes.yaml"
    routes.write_text(
        routes.read_text(encoding="utf-8").replace("to: [insurer, enrolment]", "to: [civil-affairs]"),
        encoding="utf-8",
    )
    (problem,) = lint(folder)
    assert (problem.file, "delivers no such messages" in problem.en) == ("routes.yaml", True)
    routes.write_text("[]\n", encoding="utf-8")
    assert {p.file for p in lint(folder)} == {
        "partners/market-regulator.yaml",
        "partners/civil-affairs.yaml",
    }

"""`payments.yaml` and `people.yaml`: what is wrong is said with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.config import lint, load, notes
from tests.payments.office import PAYMENTS, Office

KEY = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def _people(office: Office, *lines: str) -> None:
    (office.folder / "people.yaml").write_text("people:\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _problems(office: Office) -> list[tuple[str, int, str]]:
    return [(p.file, p.line, p.path) for p in lint(office.folder)]


def test_as_it_should_be(office: Office) -> None:
    _people(office, f"  - {{name: li, title: 李, key: '{KEY}', may: [batch.build]}}")
    assert lint(office.folder) == []
    configuration = load(office.folder)
    assert configuration.payments is not None
    [account] = configuration.payments.accounts
    assert (account.max_amount, account.missing_in_final, account.batch_number) == (
        10_000_000,
        "unknown",
        "{date}{serial:06}",
    )
    assert configuration.people[0].may == {"batch.build"}


@pytest.mark.parametrize(
    ("line", "instead", "at"),
    [
        ("bank: bank-a", "bank: bank-b", 4),
        ("bank: bank-a", "bank: agency-a", 4),
        ("proposers: [agency-a]", "proposers: [agency-a, nobody]", 9),
        ('max_amount: "100000.00"', 'max_amount: "100000.001"', 11),
        ('max_amount: "100000.00"', 'max_amount: "-1"', 11),
        ("max_items: 5000", "max_items: 0", 10),
        ("max_items: 5000", 'batch_number: "{date}"', 10),
        ("max_items: 5000", 'batch_number: "{serial}{who}{date}"', 10),
        ("max_items: 5000", 'cut_off: "25:00"', 10),
        ("kinds: [credit-transfer]", "kinds: [gift]", 8),
        ("max_items: 5000", "max_itmes: 5000", 10),
    ],
)
def test_what_is_wrong_with_an_account(office: Office, line: str, instead: str, at: int) -> None:
    (office.folder / "payments.yaml").write_text(PAYMENTS.replace(line, instead), encoding="utf-8")
    assert ("payments.yaml", at) in [(file, number) for file, number, _ in _problems(office)]


def test_what_is_wrong_with_people(office: Office) -> None:
    _people(
        office,
        f"  - {{name: li, title: 李, key: '{KEY}'}}",
        f"  - {{name: wang, title: 王, key: '{KEY}'}}",
        "  - {name: li, title: 李, key: 'ed25519:AAAA'}",
    )
    assert _problems(office) == [("people.yaml", 4, "people[2].key")]
    _people(
        office, f"  - {{name: li, title: 李, key: '{KEY}'}}", f"  - {{name: li, title: 李, key: '{KEY}'}}"
    )
    assert _problems(office) == [("people.yaml", 3, "people[1].name")]
    _people(
        office, f"  - {{name: li, title: 李, key: '{KEY}'}}", f"  - {{name: wang, title: 王, key: '{KEY}'}}"
    )
    assert _problems(office) == [("people.yaml", 3, "people[1].key")]


def test_a_bank_that_would_be_sent_a_batch_twice_is_refused(office: Office) -> None:
    file = office.folder / "partners" / "bank-a.yaml"
    again = "idempotent: true\n      on_unknown: resend"
    text = file.read_text(encoding="utf-8")
    assert "moves_money: true\n      on_unknown: manual" in text
    file.write_text(text.replace("moves_money: true\n      on_unknown: manual", again), encoding="utf-8")
    assert _problems(office) == [("payments.yaml", 4, "accounts[0].bank")]


def test_a_note_where_nobody_may(office: Office) -> None:
    assert ["people.yaml" in note.zh for note in notes(office.folder)].count(True) == 1
    _people(
        office,
        f"  - {{name: li, title: 李, key: '{KEY}', may: [payment.approve, batch.build, batch.release]}}",
    )
    assert not any(note.file in ("people.yaml", "payments.yaml") for note in notes(office.folder))


def test_without_payments_nothing_goes_to_the_desk(office: Office) -> None:
    (office.folder / "payments.yaml").unlink()
    assert ("routes.yaml", 3, "[0].to[0]") in _problems(office)

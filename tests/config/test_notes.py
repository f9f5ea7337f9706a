"""What is allowed but probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.config import lint, load, notes
from tests.config.support import ENVIRONMENT

CLINIC = "partners/clinic.yaml"
SIGNED = "    kind: signed\n    token: ${file:token}\n"


def _change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def test_the_right_configuration_and_the_example_have_none(folder: Path) -> None:
    assert notes(folder, ENVIRONMENT) == []


@pytest.mark.parametrize(
    ("listen", "count"),
    [
        ("127.0.0.1:8081", 0),
        ("127.0.0.2:8081", 0),
        ("localhost:1", 0),
        ("0.0.0.0:8081", 1),
        ("10.0.0.5:8081", 1),
    ],
)
def test_a_door_open_to_everybody_is_noted(folder: Path, listen: str, count: int) -> None:
    _change(folder, CLINIC, SIGNED, "    kind: none\n")
    _change(folder, CLINIC, "127.0.0.1:8081", listen)
    found = notes(folder, ENVIRONMENT)
    assert len(found) == count
    assert lint(folder, ENVIRONMENT) == []
    assert load(folder, ENVIRONMENT)
    for note in found:
        assert (note.file, note.line, note.path) == (CLINIC, 8, "settings.authentication")
        assert listen in note.en


def test_who_signs_may_come_from_anywhere(folder: Path) -> None:
    _change(folder, CLINIC, "127.0.0.1:8081", "0.0.0.0:8081")
    assert notes(folder, ENVIRONMENT) == []


def test_waiting_less_than_the_receiver_may_take_is_noted(folder: Path) -> None:
    _change(folder, CLINIC, "  path: /a\n", "  path: /a\n  reply_timeout: 4s\n")
    (note,) = notes(folder, ENVIRONMENT)
    assert (note.file, note.line, note.path, note.expected) == (CLINIC, 8, "settings.reply_timeout", "5s")
    _change(folder, "routes.yaml", 'from: "clinic-*", region: "99"', 'from: "other-*"')
    _change(folder, "routes.yaml", "identity.person.queried.v1", "settlement.reversal.requested.v1")
    assert notes(folder, ENVIRONMENT) == []


def test_a_disabled_partner_is_not_noted(folder: Path) -> None:
    _change(folder, CLINIC, SIGNED, "    kind: none\n")
    _change(folder, CLINIC, "127.0.0.1:8081", "0.0.0.0:8081")
    _change(folder, CLINIC, "name: clinic-a", "name: clinic-a\nenabled: no")
    assert notes(folder, ENVIRONMENT) == []

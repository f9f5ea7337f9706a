"""What is allowed but probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine.config import lint, load, notes
from tests.config.support import ENVIRONMENT

CLINIC = "partners/clinic.yaml"
CENTRE = "partners/centre.yaml"
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


def test_messages_without_a_seal_are_noted(folder: Path) -> None:
    _change(folder, CENTRE, "settings:\n", "settings:\n  seal: {kind: none}\n")
    (note,) = notes(folder, ENVIRONMENT)
    assert (note.file, note.path) == (CENTRE, "settings.seal")
    assert "测试网络" in note.zh
    assert lint(folder, ENVIRONMENT) == []
    _change(folder, CENTRE, "{kind: none}", "{kind: signed, token: secret}")
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


def test_a_feed_in_the_clear_and_one_that_nobody_can_read_are_noted(folder: Path) -> None:
    feeds = "feeds: [{name: core, types: [payment.item.*], clear: true}]\n"
    _change(folder, "gateway.yaml", "engine:", f"{feeds}engine:")
    assert lint(folder, ENVIRONMENT) == []
    (noted,) = notes(folder, ENVIRONMENT)
    assert (noted.file, noted.line, noted.path) == ("gateway.yaml", 8, "feeds[0].clear")
    _change(folder, "gateway.yaml", "engine:", "bus: {kind: embedded}\nengine:")
    assert "no other system can read it" in " ".join(note.en for note in notes(folder, ENVIRONMENT))


def test_what_a_feed_takes_needs_no_route(folder: Path) -> None:
    feeds = "feeds: [{name: core, types: [identity.person.queried.*], clear: true}]\n"
    _change(folder, "routes.yaml", "identity.person.queried.v1", "settlement.claim.submitted.v1")
    assert [problem.path for problem in lint(folder, ENVIRONMENT)] == ["adapter"]
    _change(folder, "gateway.yaml", "engine:", f"{feeds}engine:")
    assert lint(folder, ENVIRONMENT) == []


def test_a_route_may_name_a_feed_that_takes_its_type(folder: Path) -> None:
    feeds = "feeds: [{name: core, types: [identity.*], clear: true}]\n"
    _change(folder, "gateway.yaml", "engine:", f"{feeds}engine:")
    _change(folder, "routes.yaml", "queried.v1}\n  to: [centre]", "queried.v1}\n  to: [feed-core]")
    assert lint(folder, ENVIRONMENT) == []
    _change(folder, "gateway.yaml", "[identity.*]", "[payment.*]")
    assert any("'feed-core' delivers no such" in problem.en for problem in lint(folder, ENVIRONMENT))

"""What the audit log's documentation lists has words for people."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.desk.events import EVENTS, event_words

_DOCUMENT = Path(__file__).parents[2] / "docs/audit.md"


def _documented() -> set[str]:
    """The events of the table: `a.b` `.c` stands for a.b and a.c."""
    table = _DOCUMENT.read_text("utf-8").partition("| event |")[2].partition("\n\n")[0]
    found: set[str] = set()
    for row in table.splitlines()[2:]:
        area = ""
        for name in re.findall(r"`([a-z.-]+)`", row.split("|")[1]):
            first, dot, rest = name.partition(".")
            area = first or area
            assert dot, name
            found.add(f"{area}.{rest}")
    return found


def test_every_documented_event_has_words() -> None:
    documented = _documented()
    assert len(documented) > 20
    assert documented - EVENTS.keys() == set()


def test_words_are_in_both_languages_and_tell_events_apart() -> None:
    for language in (0, 1):
        words = [both[language] for both in EVENTS.values()]
        assert all(words)
        assert len(set(words)) == len(words)
    assert event_words("of.another-version") == ("of.another-version", "of.another-version")

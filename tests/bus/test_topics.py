"""Topic matching against a plain definition of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bus.topics import matches


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("#.a", "settlement.claim.v1.440300.a", True),
        ("#.a", "a", True),
        ("#.a", "a.b", False),
        ("#", "", True),
        ("#", "x.y", True),
        ("*", "", False),
        ("", "", True),
        ("*.b", "a.b", True),
        ("*.b", "b", False),
        ("a.#.b.#.c", "a.b.b.x.c", True),
        ("a.#.b.#.c", "a.x.c", False),
        ("a.*.#", "a", False),
        ("a.*.#", "a.b", True),
        ("#.#", "", True),
        ("a*", "ab", False),
        ("a..b", "a..b", True),
        ("a.*.b", "a..b", True),
        ("*.*", ".", True),
    ],
)
def test_examples(pattern: str, key: str, expected: bool) -> None:
    assert matches(pattern, key) is expected


def by_definition(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(by_definition(pattern[1:], words[taken:]) for taken in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and by_definition(pattern[1:], words[1:])


words = st.lists(st.sampled_from(["a", "b", "cc"]), min_size=1, max_size=6)
patterns = st.lists(st.sampled_from(["a", "b", "cc", "*", "#"]), min_size=1, max_size=6)


@given(patterns, words)
def test_agrees_with_the_definition(pattern: list[str], key: list[str]) -> None:
    assert matches(".".join(pattern), ".".join(key)) is by_definition(pattern, key)

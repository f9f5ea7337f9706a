"""File names: what was filled is read back, and nothing else is."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bank.files.names import Name, Parts, Unnameable

words = st.text("ABCabc019-", min_size=1, max_size=20)
parts = st.builds(
    Parts,
    party=words,
    batch=words,
    date=st.dates(dt.date(2000, 1, 1), dt.date(2068, 12, 31)),
    sequence=st.integers(0, 9999),
)
TEMPLATES = (
    "YBDF_{party}_{date}_{batch}.txt",
    "final_{batch}.ret",
    "DF{date:6}{sequence:4}.dat",
    "req_outer_{date}_{sequence:4}.txt",
)


@given(st.sampled_from(TEMPLATES), parts)
def test_what_is_filled_is_read_back(template: str, given: Parts) -> None:
    name = Name(template)
    read = name.match(name.fill(given))
    assert read is not None
    for slot in name.slots:
        assert getattr(read, slot) == getattr(given, slot)


@pytest.mark.parametrize(
    "name",
    [
        "DF20261399001.dat",
        "DF20261120001.dat.tmp",
        "DF2026112001.dat",
        "xDF20261120001.dat",
        "DF20261120001xdat",
    ],
)
def test_another_name_is_not_taken(name: str) -> None:
    assert Name("DF{date}{sequence:3}.dat").match(name) is None


def test_a_number_too_long_for_its_slot_makes_no_name() -> None:
    with pytest.raises(Unnameable):
        Name("{date}_{sequence:2}.txt").fill(Parts(date=dt.date(2026, 11, 20), sequence=100))


@pytest.mark.parametrize(
    "template",
    [
        "a/{batch}",
        ".{batch}",
        "{serial}.txt",
        "{sequence}.txt",
        "{batch}{batch}",
        "{date:7}",
        "{party}{batch}",
    ],
)
def test_a_template_that_means_nothing_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="/"):
        Name(template)

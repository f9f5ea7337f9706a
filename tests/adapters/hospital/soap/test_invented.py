"""Invented bills are valid in every respect, so that whatever is refused is refused for its own reason."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hospital.simulator import invented
from adapters.hospital.soap.codec import Editions
from adapters.hospital.soap.documents import Documents
from gateway.transports.soap import parse

START = dt.datetime(2025, 1, 2, 9, 0)
CODEC = Editions(Documents()).on(dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
BUILDERS = [
    invented.Builder(START, soap=soap, element=element)
    for soap in ("1.1", "1.2")
    for element in ("OutpatientSettlement", "OutpatientSettlementUpload")
]


@pytest.mark.parametrize("build", BUILDERS)
def test_every_kind_of_bill_is_accepted(build: invented.Builder) -> None:
    for n in range(invented.PERSONS * 2):
        payload = parse(build(n))[-1][0]
        inquiry = CODEC.read(CODEC.call_of(payload), payload)
        assert inquiry.msgid == invented.msgid(n, START)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_message_ids_have_the_agreed_form_and_differ(one: int, other: int) -> None:
    first, second = invented.msgid(one, START), invented.msgid(other, START)
    assert len(first) == len(second) == 30
    assert (first == second) == (one == other)
    dt.datetime.strptime(first[12:26], "%Y%m%d%H%M%S")


@given(st.integers(0, 10**6))
def test_persons_have_valid_numbers_of_no_place(n: int) -> None:
    identity = invented.person(n).identity
    assert identity.startswith("990101")
    # ISO 7064 MOD 11-2, computed the other way round than when it was made.
    total = sum((10 if c == "X" else int(c)) * pow(2, 17 - i, 11) for i, c in enumerate(identity))
    assert total % 11 == 1


def test_the_size_is_that_of_real_messages() -> None:
    sizes = [len(BUILDERS[0](n)) for n in range(100)]
    assert min(sizes) > 2_300
    assert max(sizes) < 4_000


def test_the_known_check_digit() -> None:
    assert invented.check_digit("11010519491231002") == "X"

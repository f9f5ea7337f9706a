"""What the end-to-end tests rely on: books that add up and notice whoever pays twice, and a centre that is strict."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.treasury.simulator.accounts import Accounts, Order
from adapters.treasury.simulator.faults import BANK, CENTRE, Faults, parse
from adapters.treasury.simulator.trees import wrong
from mappings import SHIPPED
from tests.adapters.treasury.people import COLLECTOR, Person

DAY = "20261120"
SAMPLES = SHIPPED / "treasury" / "samples"
#: Messages that the centre takes and the gateway writes.
TAKEN = ("1001", "1021", "1102", "9003", "9006", "9111", "9113", "9114", "9117")


def order(person: Person, serial: int, amount: int = 300_00) -> Order:
    return Order(
        collector=COLLECTOR, day=DAY, serial=f"{serial:08d}", voucher=person.voucher(), account=person.account,
        holder=person.name, name=person.name, agreement=person.agreement, amount=amount, payee_bank="999331001011",
    )  # fmt: skip


ACTS = st.lists(st.tuples(st.sampled_from(["take", "reverse"]), st.integers(1, 4)), max_size=30)


@settings(max_examples=60, deadline=None, database=None)
@given(ACTS)
def test_the_books_add_up_whatever_is_asked_in_which_order(acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        accounts = Accounts(Path(folder) / "bank.sqlite")
        for n in range(1, 5):
            accounts.agree(Person(n).row())
        reversed_ones = set()
        for act, n in acts:
            if act == "take":
                done = accounts.take(order(Person(n), n), DAY)
                assert (done.code == "90000") == (n not in reversed_ones)
            else:
                assert accounts.reverse(COLLECTOR, DAY, f"{n:08d}", DAY)
                reversed_ones.add(n)
            assert accounts.balanced()
        assert accounts.twice() == []
        taken = {n for act, n in acts if act == "take"} - reversed_ones
        assert accounts.debited() == {Person(n).voucher(): 300_00 for n in taken}


def test_a_voucher_that_is_paid_by_two_debits_is_noticed(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "bank.sqlite")
    accounts.agree(Person(1).row())
    accounts.take(order(Person(1), 1), DAY)
    accounts.reverse(COLLECTOR, DAY, "00000001", DAY)
    accounts.take(order(Person(1), 2), DAY)
    assert accounts.twice() == []
    accounts.take(order(Person(1), 3), DAY)
    assert accounts.twice() == [Person(1).voucher()]


@pytest.mark.parametrize("number", TAKEN)
def test_the_centre_takes_what_the_mappings_write_and_nothing_out_of_order(number: str) -> None:
    [folder] = SAMPLES.glob(f"{number}.*")
    normal = [case / "normal.xml" for case in folder.iterdir() if (case / "canonical.json").exists()]
    files = [file if file.exists() else file.with_name("wire.xml") for file in normal]
    assert files
    for file in files:
        message = _message(file)
        assert wrong(number, message) is None
        part = message[0]
        part.append(part[0])
        assert wrong(number, message) is not None
        etree.SubElement(message, "Unknown")
        assert wrong(number, _message(file)) is None


def _message(file: Path) -> etree._Element:
    text = file.read_bytes().decode("gb18030").partition("?>")[2]
    found = etree.fromstring(text).find("MSG")
    assert found is not None
    return found


def test_faults_are_used_up_and_wrong_ones_refused() -> None:
    faults = Faults(CENTRE)
    faults.add(parse("lose-2001x2"))
    faults.add(parse("silence=1.5"))
    assert [faults.strikes("lose", "2001") is not None for _ in range(3)] == [True, True, False]
    assert faults.strikes("lose", "2021") is None
    found = faults.strikes("silence")
    assert found is not None
    assert found.seconds == 1.5
    for text in ("in-doubt-after", "lost-2001", "silence-2001", "LOSE"):
        with pytest.raises(ValueError, match=r"one of|no fault"):
            faults.add(parse(text))
    Faults(BANK).add(parse("in-doubt-after"))

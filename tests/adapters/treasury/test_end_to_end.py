"""The shipped example: a gateway of its own process, the network on real queues, and what goes wrong between them.

Whatever happens, at the end of the day our book says of every debit what the bank's books say, and nobody paid twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.bus.private_broker import PrivateBroker
from gateway.canonical.levy import DebitBatchReturned
from mappings import load
from tests.adapters.treasury.people import Person, agreement, collection, debit
from tests.adapters.treasury.place import EXAMPLE, WORK_DATE, Place

pytestmark = pytest.mark.rabbitmq

MAPPINGS = EXAMPLE / "mappings"
DAY = "2026-11-20"
SEVERAL = [Person(n) for n in range(1, 60)]
#: How debits end in our book, and deliveries.
FINAL = {"success", "refused", "reversed", "no-effect"}
DONE = {"accepted", "rejected", "reversed"}

Made = Callable[..., Place]


@pytest.fixture
def made(tmp_path: Path, queue_manager: PrivateBroker) -> Iterator[Made]:
    """Makes the example, with the patience of a test, and runs it."""
    places: list[Place] = []

    def make(people: list[Person] | None = None, *arguments: str, seal: str = "keyed-sm3") -> Place:
        place = Place(tmp_path, queue_manager, SEVERAL if people is None else people)
        places.append(place)
        place.change("partners/treasury.yaml", "timeout: 8s", "timeout: 600ms")
        place.change("partners/treasury.yaml", "retry: 2s", "retry: 300ms")
        place.change("partners/treasury.yaml", "answer_timeout: 2s", "answer_timeout: 600ms")
        place.change(
            "partners/treasury.yaml",
            "first: 500ms, in_doubt: {first: 500ms}",
            "first: 200ms, in_doubt: {first: 200ms}",
        )
        place.change("partners/treasury.yaml", "user: guest", "user: guest\n    reconnect_max: 1s")
        place.change("partners/levy-online.yaml", "reply_timeout: 40s", "reply_timeout: 8s")
        place.seal(seal)
        place.run_network("--part-size", "10", "--seal", seal, *arguments)
        place.run_gateway()
        return place

    yield make
    for place in places:
        place.end()


def ask_debit(place: Place, person: Person, serial: str = "") -> tuple[int, dict[str, Any]]:
    body = debit(person, serial or f"S{person.n}")
    return place.ask("debit", load(MAPPINGS / "debit.yaml").encode(body))


def ask_agreement(place: Place, person: Person, number: str, *, revoke: bool = False) -> dict[str, Any]:
    body = agreement(person, number, revoke=revoke)
    status, answer = place.ask("agreement", load(MAPPINGS / "agreement.yaml").encode(body))
    assert status == 200
    return answer


def put_collection(place: Place, people: list[Person], number: str) -> None:
    place.put(f"KK{number}.txt", load(MAPPINGS / "collection.yaml").encode(collection(people, number)))


def result(place: Place) -> DebitBatchReturned:
    place.until(place.results, 60)
    [file] = place.results()
    read = load(MAPPINGS / "result.yaml").decode(file.read_bytes())
    assert isinstance(read, DebitBatchReturned)
    return read


def end_of_day(place: Place, *orders: str) -> None:
    place.order(*orders)
    place.order("day-end")
    place.until(lambda: place.compared(DAY), 60)


def balanced(place: Place) -> None:
    """The end of every test: the bank's books and ours say the same, whoever asked was told the same, and nothing is open."""
    place.until(lambda: set(place.book().values()) <= FINAL and set(place.outcomes().values()) <= DONE, 60)
    accounts = place.accounts
    assert accounts.balanced()
    assert accounts.twice() == []
    taken = {voucher for voucher, state in place.book().items() if state == "success"}
    assert taken == set(accounts.debited())
    book = place.book()
    told = {voucher: state for voucher, state in place.outcomes().items() if voucher in book}
    assert {voucher for voucher, state in told.items() if state == "accepted"} == taken & set(told)
    assert place.audited()


def leave_waiting(place: Place, person: Person) -> None:
    with suppress(OSError):  # the gateway is killed meanwhile
        ask_debit(place, person)


#: What goes wrong, what the book says at the end of the day, and what the bank has done.
_FAULTS: dict[str, tuple[str, list[str]]] = {
    "fault-lose-2001": ("success", ["debit"]),
    "fault-late-2001=2": ("success", ["debit"]),
    "fault-in-process": ("success", ["debit"]),
    "fault-twice-2001": ("success", ["debit"]),
    "fault-bad-seal-2001": ("success", ["debit"]),
    "fault-wrong-reference-2001": ("success", ["debit"]),
    "fault-wrong-serial-2001": ("success", ["debit"]),
    "fault-log-out": ("success", ["debit"]),
    "fault-lose-2001 fault-lose-9004x9": ("reversed", ["debit", "reversal"]),
    "fault-lose-2001 fault-lose-9004x9 fault-lose-2021": ("reversed", ["debit", "reversal"]),
    "fault-silence=2": ("reversed", ["debit", "reversal"]),
    "bank-lose-2001": ("reversed", ["debit", "reversal"]),
    "bank-in-doubt-before": ("reversed", []),
    "bank-in-doubt-after": ("reversed", ["debit", "reversal"]),
}
#: Neither query nor reversal can tell: the day's check does. These last until then.
_LASTING: dict[str, tuple[str, list[str]]] = {
    "fault-drop-1001": ("no-effect", []),
    "fault-lose-2001 fault-drop-9003x999 fault-drop-1021x999": ("success", ["debit"]),
}


@pytest.mark.parametrize("half", [0, 1])
def test_every_fault_of_a_debit_ends_right(made: Made, half: int) -> None:
    place = made()
    faults = dict([*_FAULTS.items()][half::2] + [*_LASTING.items()][half::2])
    for person, fault in zip(SEVERAL, faults, strict=False):
        place.order(*fault.split())
        asked = threading.Thread(target=leave_waiting, args=(place, person), daemon=True)
        asked.start()
        if fault in _FAULTS:
            asked.join()
    place.until(lambda: place.outcomes().get(person.voucher()) == "in-doubt")
    end_of_day(place)
    balanced(place)
    for person, (fault, (state, moved)) in zip(SEVERAL, faults.items(), strict=False):
        assert (fault, place.book()[person.voucher()]) == (fault, state)
        assert (fault, place.accounts.movements(person.voucher())) == (fault, moved)


def test_agreements_and_debits_as_on_any_day(made: Made) -> None:
    poor, unverified, good, late = Person(1, balance=399_99), Person(2, verified=False), Person(3), Person(4)
    place = made([poor, unverified, good, late], "--fault", "refuse-login")
    assert ask_debit(place, unverified, "S0")[0] == 400
    assert ask_agreement(place, unverified, "A1")["agreed"] == "true"
    assert ask_agreement(place, Person(9), "A2")["agreed"] == "false"
    assert ask_agreement(place, good, "A3", revoke=True)["agreed"] == "true"
    status, answer = ask_debit(place, poor)
    assert (status, "余额不足" in answer["refused"]["reason"]) == (400, True)
    assert "三方协议" in ask_debit(place, good)[1]["refused"]["reason"]
    # The voucher was refused once and is known: this is another one of the same person.
    again = structs.replace(debit(unverified, "S9"), voucher_no=unverified.voucher(month=10))
    status, answer = place.ask("debit", load(MAPPINGS / "debit.yaml").encode(again))
    assert (status, answer["code"], answer["debited_on"]) == (200, "90000", DAY)
    # The network closes for a while: business waits, and goes on.
    place.order("stop")
    time.sleep(0.5)
    opened = threading.Timer(1.0, place.order, ["state=1"])
    opened.start()
    assert ask_debit(place, late)[0] == 200
    assert opened.finished.is_set()
    end_of_day(place)
    balanced(place)
    place.stop()


def test_2500_debits_in_three_packages_and_their_results_in_one_file(made: Made) -> None:
    people = [Person(n, balance=0 if n % 7 == 0 else 1_000_00) for n in range(1, 2501)]
    place = made(people, seal="pkcs7")
    put_collection(place, people, "202611A")
    read = result(place)
    assert [count for count, _ in place.packages()] == [1000, 1000, 500]
    assert len(read.results) == 2500
    refused = [one for one in read.results if one.raw_code != "90000"]
    assert len(refused) == 2500 // 7
    assert {one.raw_text for one in refused} == {"余额不足"}
    assert len({one.receipt_no for one in read.results if one.receipt_no}) == 2500 - 2500 // 7
    end_of_day(place)
    balanced(place)
    assert place.differences() == []


def test_a_package_whose_answer_comes_after_the_day_has_changed(made: Made) -> None:
    place = made()
    place.order("fault-switch-in-batch", "fault-twice-2102")
    put_collection(place, SEVERAL[:20], "202611B")
    assert len(result(place).results) == 20
    assert ask_debit(place, SEVERAL[30])[1]["debited_on"] == "2026-11-21"
    place.order(f"day-end={WORK_DATE}")
    place.until(lambda: place.compared(DAY))
    place.order("day-end=20261121")
    place.until(lambda: place.compared("2026-11-21"))
    balanced(place)
    assert place.differences() == []


def test_what_is_lost_is_noticed_and_asked_for_again(made: Made) -> None:
    place = made()
    place.order("fault-lose-2102", "fault-lose-3122")
    put_collection(place, SEVERAL[:20], "202611C")
    place.until(lambda: len(place.accounts.debited()) == 20)
    place.order("day-end")
    # The counts of the day show that results lack; by itself the gateway asks for them.
    assert len(result(place).results) == 20
    assert place.centre.arrivals("9111")
    # Of the check one part has come, and it is for people to ask for the other one.
    assert not place.compared(DAY)
    place.gateway("levy", "resend", "residents", "--day", DAY)
    place.until(lambda: place.compared(DAY))
    balanced(place)
    assert place.differences() == []


def test_planted_differences_are_found_and_gone_after_the_corrected_check(made: Made) -> None:
    place = made()
    put_collection(place, SEVERAL[:25], "202611D")
    assert len(result(place).results) == 25
    end_of_day(place, "fault-row-missing")
    assert place.differences() == ["missing-there"]
    for fault, kind in (("row-extra", "missing-here"), ("row-amount", "amount")):
        place.order(f"fault-{fault}")
        place.order("tell")
        place.until(lambda kind=kind: place.differences() == [kind])  # type: ignore[misc]
    place.order("fault-parts-reversed")
    place.order("tell")
    place.until(lambda: place.differences() == [])
    balanced(place)


def test_lost_connections_lose_nothing_and_repeat_nothing(made: Made) -> None:
    place = made(seal="sm2")
    put_collection(place, SEVERAL[:40], "202611F")
    for person in SEVERAL[40:46]:
        threading.Timer(0.02 * (person.n % 5), place.wire.cut).start()
        ask_debit(place, person)
    assert len(result(place).results) == 40
    end_of_day(place)
    balanced(place)


def _killed(place: Place, moments: list[float], number: str) -> None:
    """A file is put and debits are asked for, and the gateway is killed after each of these times."""
    put_collection(place, SEVERAL[:40], number)
    for person, moment in zip(SEVERAL[40:], moments, strict=False):
        asked = threading.Thread(target=leave_waiting, args=(place, person), daemon=True)
        asked.start()
        time.sleep(moment)
        place.kill()
        asked.join()
        place.run_gateway()
    assert len(result(place).results) == 40
    end_of_day(place)
    balanced(place)


def test_a_gateway_that_is_killed_in_between(made: Made) -> None:
    _killed(made(), [0.05], "202611G")


@pytest.mark.long
def test_a_gateway_that_is_killed_many_times(made: Made) -> None:
    _killed(made(), [0.01 * n for n in range(1, 19)], "202611H")

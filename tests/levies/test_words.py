"""Words on single debits: in whatever order they come, each is booked once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gateway.contract import Accepted
from gateway.store import levies_reads as reads
from tests.levies.world import (
    AGAIN,
    BROKEN,
    NEXT,
    NO,
    OK,
    World,
    answer,
    debit,
    result,
    returned,
    reversal,
    single,
)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ([], "asked"),
        ([answer(1)], "success"),
        ([answer(1, NO)], "refused"),
        ([answer(1, AGAIN)], "doubtful"),
        ([answer(1, BROKEN)], "doubtful"),
        ([answer(1, "12345")], "doubtful"),
        ([reversal(1)], "reversed"),
        ([reversal(1, "0")], "doubtful"),
        ([answer(1, BROKEN), answer(1)], "success"),
        ([answer(1), reversal(1)], "reversed"),
        ([answer(1, NO), reversal(1)], "reversed"),
        ([answer(1, BROKEN), reversal(1)], "reversed"),
    ],
)
async def test_in_any_order(world: World, words: list[Any], state: str) -> None:
    """Also before the question itself, which then comes between them or last."""
    numbers = itertools.count(1)
    for order in itertools.permutations([*words, None]):
        n = next(numbers)
        name: dict[str, Any] = {"serial": f"{n:08}", "voucher_no": f"V{n}"}
        for word in order:
            if word is None:
                await world.asked(single(n, **name))
            elif hasattr(word, "original_serial"):
                await world.tell(reversal(n, word.raw_code))
            else:
                await world.tell(answer(n, word.raw_code, **name))
        await world.look()
        [row] = world.debits(voucher_no=f"V{n}")
        assert row.state == state, order
        assert len(world.ask(reads.history, row.id)) == len(words)
        assert (row.receipt is None) == (state != "success" and "success" not in _states(world, row.id))
    assert world.differences() == []


def _states(world: World, debit_id: str) -> set[str]:
    return {word.state for word in world.ask(reads.history, debit_id)}


async def test_a_contradiction_changes_nothing_and_is_shown(world: World) -> None:
    await world.asked(single(1))
    await world.asked(single(2))
    for word in (answer(1), answer(1, NO), answer(2, NO), answer(2)):
        await world.tell(word)
    assert world.states() == ["success", "refused"]
    assert world.differences() == ["contradiction", "contradiction"]


async def test_a_message_told_twice_is_booked_once(world: World) -> None:
    await world.asked(single(1))
    message = world.message(answer(1), "treasury")
    for _ in range(3):
        assert isinstance(await world.send(message), Accepted)
    await world.tell(answer(1))
    assert world.receipts() == ["YB202600000001"]
    [row] = world.debits()
    assert len(world.ask(reads.history, row.id)) == 2


async def test_a_voucher_is_asked_for_once(world: World) -> None:
    await world.asked(single(1))
    await world.asked(single(1, serial="00000099"))
    await world.asked(single(1, amount=1, serial="00000098"))
    assert world.differences() == ["asked-again", "voucher-taken"]
    await world.tell(answer(1))
    await world.tell(answer(1, NO, serial="00000099"))
    assert world.differences() == ["asked-again", "voucher-taken"]
    await world.tell(answer(1, serial="00000099"))
    assert "taken-again" in world.differences()
    assert world.states() == ["success"]


async def test_a_word_whose_debit_never_comes_is_shown(world: World) -> None:
    await world.tell(answer(1))
    await world.tell(reversal(2))
    await world.look()
    assert world.differences() == []
    world.clock.pass_hours(1)
    for _ in range(2):
        await world.look()
    assert world.differences() == ["unknown-debit", "unknown-debit"]
    await world.asked(single(1))
    await world.look()
    assert world.states() == ["success"]


async def test_a_collector_that_is_not_ours(world: World) -> None:
    await world.asked(single(1, collector_code="111"))
    await world.tell(answer(1, collector_code="111"))
    assert world.debits() == []
    assert world.differences() == ["unknown-collector", "unknown-collector"]


@pytest.mark.parametrize(
    ("ended", "state"), [("accepted", "sent"), ("rejected", "refused"), ("reversed", "reversed")]
)
async def test_a_debit_follows_its_delivery(world: World, ended: str, state: str) -> None:
    await world.asked(single(1), ended)
    await world.look()
    assert world.states() == [state]
    await world.asked(single(2), ended)
    await world.tell(answer(2))
    await world.look()
    assert world.states() == [state, "success"]


async def test_receipts_have_no_gap(world: World) -> None:
    """Also where a year begins."""
    [package] = await world.sent([debit(n) for n in range(1, 6)])
    year = NEXT.replace(year=2027)
    codes = [OK, NO, OK, OK, OK]
    days = [None, None, year, None, year]
    said = [result(n, code, debited_on=day) for n, code, day in zip(range(1, 6), codes, days, strict=True)]
    await world.tell(returned(package, said))
    assert world.receipts() == [
        "YB202600000001",
        None,
        "YB202700000001",
        "YB202600000002",
        "YB202700000002",
    ]


async def test_who_paid_is_found_by_a_tag_alone(world: World) -> None:
    one = debit(1)
    await world.sent([one, debit(2)])
    [row] = world.debits(contributor_tag=world.seals.contributor(one.contributor_no))
    assert world.seals.open(row.sealed, row.id).contributor_name == one.contributor_name
    assert len(world.debits(employer_tag=world.seals.employer("990101E001"))) == 2
    for secret in (one.contributor_no, one.contributor_name, one.payer_account_no):
        assert secret.encode() not in b"".join(
            bytes(value) for value in (row.sealed, row.digest, row.contributor_tag, row.employer_tag or b"")
        )


async def test_after_a_rotation_everything_opens_under_the_new_key(world: World) -> None:
    [package] = await world.sent([debit(1)])
    await world.tell(returned(package, [result(1, NO, raw_text="余额不足")]))
    await world.tell(answer(2, NO, raw_text="余额不足"))
    world.ring.rotate()
    place: str | None = ""
    while place is not None:
        place = await world.store.reseal(world.ring, place, 2)
    [row] = world.debits()
    [word] = world.ask(reads.history, row.id)
    assert row.sealed[1:5].hex() == world.ring.current
    assert bytes(word.text)[1:5].hex() == world.ring.current
    assert world.seals.open_text(bytes(word.text), row.id) == "余额不足"
    await world.asked(single(2))
    await world.look()
    assert world.states() == ["refused", "refused"]

"""A day's check: parts in any order, compared when complete; doubt is settled, and what differs is shown."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gateway.store import levies_reads as reads
from tests.levies.conftest import Make
from tests.levies.world import (
    BROKEN,
    DAY,
    NEXT,
    NO,
    OK,
    World,
    answer,
    check,
    debit,
    listed,
    new_day,
    result,
    returned,
    reversal,
    settings,
    single,
)


async def test_balanced(world: World) -> None:
    [package] = await world.sent([debit(n) for n in range(1, 5)])
    await world.tell(returned(package, [result(n, NO if n == 4 else OK) for n in range(1, 5)]))
    await world.checked([listed(n) for n in (1, 2, 3)])
    assert world.differences() == []
    row = world.day()
    assert row is not None
    assert (row.batch_no, row.count, row.total, row.differences, row.settled) == ("C1", 3, 120_000, 0, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_parts_in_any_order_and_more_than_once(world: World, order: tuple[int, ...]) -> None:
    await world.sent([debit(n) for n in range(1, 6)])
    parts = check([listed(n) for n in range(1, 6)], size=2)
    for place in order:
        assert set(world.states()) == {"sent"}
        for _ in range(2):
            await world.tell(parts[place])
    assert set(world.states()) == {"success"}
    assert world.differences() == []
    await world.tell(parts[0])
    row = world.day()
    assert row is not None
    assert (row.settled, row.differences) == (5, 0)
    assert len(world.ask(reads.parts, "city", DAY.isoformat())) == 3


async def test_doubt_about_single_debits_is_settled_with_their_deliveries(world: World) -> None:
    took = await world.asked(single(1))
    none = await world.asked(single(2))
    moving = await world.asked(single(3), "waiting")
    done = await world.asked(single(4), "accepted")
    await world.tell(answer(4, BROKEN))
    await world.look()
    await world.checked([listed(1)])
    assert world.states() == ["success", "no-effect", "asked", "no-effect"]
    await world.look()
    assert await world.delivery_state(took) == "accepted"
    assert await world.delivery_state(none) == "rejected"
    assert await world.delivery_state(moving) == "waiting"
    assert await world.delivery_state(done) == "accepted"
    assert world.receipts() == ["YB202600000001", None, None, None]
    told = {one.voucher_no[-1]: one.raw_code for one in await world.answers()}
    assert told == {"1": OK, "2": NO, "4": NO}
    [row] = world.debits(voucher_no=single(2).voucher_no)
    assert [word.word for word in world.ask(reads.history, row.id)] == ["not-listed"]


async def test_a_package_without_an_answer_waits_for_a_later_day(world: World) -> None:
    """A bank may work it off after the switch of days: then it is listed on the next day."""
    await world.sent([debit(n) for n in range(1, 4)])
    await world.checked([])
    assert set(world.states()) == {"sent"}
    await world.checked([listed(1, debited_on=NEXT)], day=NEXT)
    assert world.states() == ["success", "no-effect", "no-effect"]
    await world.look()
    [told] = await world.reports()
    assert [row.raw_code for row in told.results] == [OK, NO, NO]
    assert told.results[0].debited_on == NEXT
    assert world.differences() == []


async def test_what_was_answered_is_settled_at_once_and_what_was_not_waits(world: World) -> None:
    """A package may be answered in parts: what the first one leaves out, a bank may work off after the switch of days."""
    [package] = await world.sent([debit(n) for n in range(1, 4)])
    await world.tell(returned(package, [result(1, BROKEN), result(2, BROKEN)]))
    await world.look()
    assert await world.reports() == []
    await world.checked([listed(2)])
    assert world.states() == ["no-effect", "success", "sent"]
    await world.checked([], day=NEXT)
    assert world.states() == ["no-effect", "success", "no-effect"]
    await world.look()
    [told] = await world.reports()
    assert [row.raw_code for row in told.results] == [NO, OK, NO]


async def test_a_package_in_doubt_is_settled_as_one(world: World) -> None:
    await world.submit([debit(1), debit(2)])
    [message] = world.published
    await world.arrived(message, "in-doubt")
    [row] = await world.store.deliveries_of(message.id)
    await world.checked([])
    await world.look()
    assert await world.delivery_state(row.id) == "in-doubt"
    await world.checked([], day=NEXT)
    await world.look()
    assert await world.delivery_state(row.id) == "rejected"
    assert world.states() == ["no-effect", "no-effect"]
    await world.look()
    assert len(await world.reports()) == 1


async def test_each_kind_of_difference(world: World) -> None:
    [package] = await world.sent([debit(n) for n in range(1, 6)])
    await world.tell(returned(package, [result(n, NO if n == 3 else OK) for n in range(1, 6)]))
    await world.checked([listed(1), listed(1), listed(2, amount=1), listed(3), listed(9), listed(5)])
    assert world.differences() == ["amount", "missing-here", "missing-there", "state", "twice"]
    by_kind = {row.kind: row for row in world.open_differences()}
    assert (by_kind["amount"].ours, by_kind["amount"].theirs) == ("40000", "1")
    assert (by_kind["state"].ours, by_kind["state"].theirs) == ("refused", "20")
    assert by_kind["missing-there"].reference == debit(4).voucher_no
    assert by_kind["missing-here"].reference == listed(9).voucher_no
    row = world.day()
    assert row is not None
    assert row.differences == 5
    # The next set of the day compares anew and closes what this one left.
    await world.checked([listed(n) for n in (1, 2, 4, 5)], batch_no="C2")
    assert world.differences() == []
    row = world.day()
    assert row is not None
    assert (row.batch_no, row.differences) == ("C2", 0)


async def test_what_is_listed_on_another_day(world: World) -> None:
    [package] = await world.sent([debit(1), debit(2)])
    await world.tell(returned(package, [result(1), result(2)]))
    await world.checked([listed(1)])
    assert world.differences() == ["missing-there"]
    await world.checked([listed(2, debited_on=NEXT)], day=NEXT)
    assert world.differences() == []
    await world.checked([listed(2), listed(1)], day=NEXT, batch_no="C2")
    assert world.differences() == ["twice"]


async def test_only_some_states_are_booked(make: Make) -> None:
    world = make(settings(booked_states=["20"]))
    for n in (1, 2, 3):
        await world.asked(single(n))
    await world.tell(answer(3))
    await world.checked([listed(1), listed(2, state="30"), listed(3, state="00"), listed(8, state="30")])
    assert world.states() == ["success", "asked", "success"]
    assert world.differences() == ["state"]
    await world.checked([], day=NEXT)
    assert world.states() == ["success", "no-effect", "success"]


async def test_what_is_still_in_process_is_not_told_as_not_debited(make: Make) -> None:
    world = make(settings(booked_states=["20"]))
    await world.asked(single(1))
    await world.checked([listed(1, state="00")])
    await world.look()
    assert (world.states(), await world.answers()) == (["asked"], [])
    await world.checked([listed(1, debited_on=NEXT)], day=NEXT)
    assert world.states() == ["success"]
    assert world.differences() == []


async def test_contradicting_parts_are_not_compared(world: World) -> None:
    await world.sent([debit(n) for n in range(1, 5)])
    first, second = check([listed(n) for n in range(1, 5)], size=2)
    other = check([listed(n) for n in range(1, 4)], size=2)
    await world.tell(first)
    await world.tell(other[1])
    assert world.differences() == ["parts"]
    assert set(world.states()) == {"sent"}
    await world.tell(second)
    assert set(world.states()) == {"success"}
    assert world.differences() == []


@pytest.mark.parametrize("number", ["C1", "C2"])
async def test_what_does_not_add_up_is_not_compared(world: World, number: str) -> None:
    """Sent once more, under the same number or another, it is."""
    await world.sent([debit(1), debit(2)])
    [part] = check([listed(1), listed(2)])
    wrong = type(part)(**{**{f: getattr(part, f) for f in part.__struct_fields__}, "total": 1})
    await world.tell(wrong)
    assert world.differences() == ["totals"]
    assert set(world.states()) == {"sent"}
    [again] = check([listed(1), listed(2)], batch_no=number)
    await world.tell(again)
    assert world.differences() == []
    assert set(world.states()) == {"success"}


async def test_what_goes_out_after_the_switch_is_settled_by_the_new_day(world: World) -> None:
    held = await world.asked(single(1), "waiting")
    doubt = await world.asked(single(2))
    await world.submit([debit(3), debit(4)])
    await world.tell(new_day(NEXT))
    await world.tell(new_day(DAY))  # an old one that comes late
    later = await world.asked(single(5))
    assert [row.day for row in sorted(world.debits(), key=lambda row: row.voucher_no)] == [
        NEXT.isoformat(),
        DAY.isoformat(),
        *[NEXT.isoformat()] * 3,
    ]
    await world.delivered(held, "in-doubt")
    await world.checked([])
    assert world.states() == ["asked", "no-effect", "asked", "asked", "asked"]
    await world.checked([listed(1)], day=NEXT)
    assert world.states() == ["success", "no-effect", "asked", "asked", "no-effect"]
    await world.look()
    assert [await world.delivery_state(d) for d in (held, doubt, later)] == [
        "accepted",
        "rejected",
        "rejected",
    ]


@pytest.mark.parametrize("state", ["in-doubt", "accepted"])
async def test_what_went_out_before_the_book_heard_of_the_switch(world: World, state: str) -> None:
    """The book may be busy: the adapter has the new day long before it."""
    switch = world.message(new_day(NEXT), "treasury")
    world.clock.pass_hours(0.01)
    await world.asked(single(1), state)
    await world.submit([debit(2)])
    [message] = world.published
    await world.arrived(message, state)
    await world.send(switch)
    await world.checked([])
    assert set(world.states()) <= {"asked", "sent"}
    await world.checked([listed(n, debited_on=NEXT) for n in (1, 2)], day=NEXT)
    assert set(world.states()) == {"success"}
    assert world.differences() == []


async def test_what_was_asked_for_after_the_check_had_come_is_not_compared_with_it(world: World) -> None:
    """The book may be busy: it takes the check long after it came, and behind debits that were asked for since."""
    [part] = check([])
    come = world.message(part, "treasury")
    world.clock.pass_hours(0.01)
    await world.asked(single(1))
    await world.send(come)
    assert world.states() == ["asked"]
    assert world.day() is not None


async def test_a_day_that_the_sender_made_up_does_not_count(world: World) -> None:
    await world.tell(new_day(DAY))
    await world.asked(single(1, entrusted_on=DAY.replace(year=2062)))
    await world.checked([])
    assert world.states() == ["no-effect"]


async def test_a_package_in_doubt_at_the_switch_may_go_out_on_the_new_day(world: World) -> None:
    await world.submit([debit(1)])
    [message] = world.published
    await world.arrived(message, "in-doubt")
    await world.tell(new_day(NEXT))
    assert [row.day for row in world.debits()] == [NEXT.isoformat()]


@pytest.mark.parametrize(
    ("word", "rows", "ended"),
    [(answer(1), [listed(1)], "accepted"), (answer(1, NO), [], "rejected"), (reversal(1), [], "rejected")],
)
async def test_a_word_too_late_for_the_adapter_ends_the_delivery_with_the_check(
    world: World, word: Any, rows: list[Any], ended: str
) -> None:
    delivery = await world.asked(single(1))
    await world.tell(word)
    await world.look()
    assert await world.delivery_state(delivery) == "in-doubt"
    await world.checked(rows)
    await world.look()
    assert await world.delivery_state(delivery) == ended
    assert world.differences() == []


async def test_a_late_check_is_shown_once(world: World) -> None:
    await world.sent([debit(n) for n in range(1, 4)])
    await world.tell(check([listed(n) for n in range(1, 4)], size=2)[0])
    await world.look()
    assert world.differences() == []
    world.clock.pass_hours(9)
    for _ in range(2):
        await world.look()
    [row] = world.open_differences()
    assert (row.kind, row.day, row.ours, row.theirs) == ("late", DAY.isoformat(), "1", "2")
    await world.tell(check([listed(n) for n in range(1, 4)], size=2)[1])
    assert world.differences() == []


async def test_a_day_on_which_nothing_was_asked_for_is_not_missed(world: World) -> None:
    await world.asked(single(1), "rejected")
    await world.look()
    world.clock.pass_hours(48)
    await world.look()
    assert world.differences() == []


async def test_a_reversal_after_the_check(world: World) -> None:
    await world.asked(single(1))
    await world.checked([listed(1)])
    await world.tell(reversal(1))
    assert world.states() == ["reversed"]
    await world.checked([listed(1)], batch_no="C2")
    assert world.differences() == ["state"]


async def test_what_comes_after_no_effect_is_shown(world: World) -> None:
    await world.asked(single(1))
    await world.asked(single(2))
    await world.checked([])
    await world.tell(answer(1))
    await world.tell(answer(2, NO))
    assert world.states() == ["no-effect", "refused"]
    assert world.differences() == ["contradiction"]


async def test_a_late_answer_is_left_to_the_adapter(world: World) -> None:
    """It hands it to those who wait; the book would end the delivery without one."""
    delivery = await world.asked(single(1))
    await world.tell(answer(1))
    await world.look()
    assert world.states() == ["success"]
    assert await world.delivery_state(delivery) == "in-doubt"
    assert await world.answers() == []

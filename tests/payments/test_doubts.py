"""Where a second payment could come from: a word that comes late, twice, from the wrong one, or after somebody was told
the contrary. Nothing is overwritten, everything is shown, and nothing is paid anew before people have looked into it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from msgspec import structs

from gateway.canonical.payment import PaymentBatch, StatusReported
from gateway.contract import Accepted, Reject, Rejected
from gateway.payments import batch_acts, item_acts
from gateway.payments.desk import Desk
from gateway.payments.duty import look_after
from gateway.store import Moved
from gateway.store import payments_changes as changes
from gateway.store import payments_reads as reads
from gateway.store.payments import TakeIn
from tests.payments.conftest import Make
from tests.payments.test_days import day, line
from tests.payments.test_results import _back, _entry, _notified
from tests.payments.world import World, batch, item, result, returned
from tests.payments.world import settings as payments

DAY = dt.date(2026, 11, 22)


async def _again(world: World, number: str, reference: str) -> None:
    [old] = world.items(end_to_end_id=number)
    item_acts.propose_again(world.office, world.people["zhang"], [(old, reference)], "再付")


def _close_all(world: World) -> None:
    for row in world.beside.ask(lambda s: reads.differences(s, None, closed=False, limit=100)):
        item_acts.close_difference(world.office, world.people["zhang"], row.n, "银行确认未付")


# What was refused, and is then said to be paid


async def test_what_is_said_to_be_paid_after_all_is_not_paid_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await world.live_batch([item(1)])
    await world.tell(returned(batch_id, [result(1, "rejected")]))
    await _again(world, "E00000001", "R1")
    world.approve()
    [second] = world.build()
    await world.tell(returned(batch_id, [result(1)]))
    assert world.differences() == ["contradiction"]
    with pytest.raises(Reject) as caught:
        world.release(second)
    assert caught.value.code == "disputed"
    with monkeypatch.context() as patch:  # the store holds by itself
        patch.setattr(batch_acts, "require_clear", lambda _: None)
        with pytest.raises(Moved):
            world.release(second)
    assert world.state_of(second) == "built"
    _close_all(world)
    world.release(second)


async def test_nor_what_it_was_proposed_anew_for_before(world: World) -> None:
    first = await world.live_batch([item(1)])
    await world.tell(returned(first, [result(1, "rejected")]))
    await _again(world, "E00000001", "R1")
    world.approve()
    [second] = world.build()
    world.release(second)
    await world.tell(returned(second, [result(1, "rejected")]))
    await world.tell(returned(first, [result(1)]))
    with pytest.raises(Reject) as caught:
        await _again(world, "R1", "R2")
    assert caught.value.code == "disputed"


async def test_proposing_anew_says_why_it_cannot_be(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1, "rejected"), result(2, "rejected")]))
    with pytest.raises(Reject) as caught:
        await _again(world, "E00000001", "E00000002")
    assert caught.value.code == "reference"
    await _again(world, "E00000001", "R1")
    with pytest.raises(Reject) as caught:
        await _again(world, "E00000001", "R2")
    assert caught.value.code == "again"


async def test_who_is_named_wrongly_is_not_missing(make: Make) -> None:
    world = make(payments(missing_in_final="failed"))
    batch_id = await world.live_batch([item(n) for n in range(1, 4)])
    other = result(2, account_no="6229990000000000000")
    await world.tell(returned(batch_id, [result(1), other]))
    assert list(world.states().values()) == ["settled", "sent", "rejected"]

    batch_id = await world.live_batch([item(n) for n in range(11, 14)])
    await world.tell(returned(batch_id, [result(1), result(2, end_to_end_id="E?")]))
    assert list(world.states().values())[3:] == ["settled", "sent", "sent"]
    assert world.differences() == ["account", "unknown-item"]


async def test_a_refused_batch_is_proposed_anew_as_a_whole(world: World) -> None:
    batch_id = await _failed(world)
    old = world.items(batch_id=batch_id)
    taken = [(row, "E00000001") for row in old]
    with pytest.raises(Reject):
        item_acts.propose_again(world.office, world.people["zhang"], taken, "模板已更正")
    assert len(world.items()) == 2
    anew = [(row, f"{row.end_to_end_id}-2") for row in old]
    item_acts.propose_again(world.office, world.people["zhang"], anew, "模板已更正")
    assert list(world.states().items())[2:] == [("E00000001-2", "proposed"), ("E00000002-2", "proposed")]


# Batches that the bank should not have


async def _failed(world: World) -> str:
    batch_id = await world.live_batch([item(1), item(2)])
    row = batch_acts.batch_of(world.office, batch_id)
    assert row.delivery_id is not None
    await world.delivered(row.delivery_id, "rejected")
    await look_after(world.parts)
    assert world.state_of(batch_id) == "failed"
    return batch_id


@pytest.mark.parametrize(
    ("stage", "word", "kinds"),
    [
        ("intermediate", "accepted", ["contradiction"]),
        ("final", "pending", ["contradiction"]),
        ("final", "settled", ["contradiction"]),
        ("final", "rejected", []),
    ],
)
async def test_a_failed_batch_that_the_bank_is_at_work_on(
    world: World, stage: str, word: str, kinds: list[str]
) -> None:
    batch_id = await _failed(world)
    await world.tell(returned(batch_id, [result(1, word)], stage))
    assert world.differences() == kinds
    assert set(world.states().values()) == {"rejected"}
    assert world.state_of(batch_id) == "failed"


@pytest.mark.parametrize(("word", "kinds"), [("accepted", ["contradiction"]), ("rejected", [])])
async def test_a_status_of_a_failed_batch(world: World, word: str, kinds: list[str]) -> None:
    batch_id = await _failed(world)
    await world.tell(StatusReported(batch_id=batch_id, status=word))
    assert world.differences() == kinds


async def test_a_word_on_a_batch_that_was_never_released(world: World) -> None:
    await world.propose([item(1)])
    world.approve()
    [built] = world.build()
    await world.tell(StatusReported(batch_id=built, status="accepted"))
    assert world.differences() == ["not-released"]
    with pytest.raises(Reject) as caught:
        world.release(built)
    assert caught.value.code == "disputed"
    batch_acts.cancel(world.office, world.people["li"], batch_acts.batch_of(world.office, built), "银行已有")
    await world.tell(returned(built, [], "intermediate"))
    assert world.differences() == ["not-released"] * 2


# Repetitions


async def test_a_debit_collected_in_part_may_be_told_again(world: World) -> None:
    batch_id = await world.live_batch([item(1)])
    part = result(1, "partial", settled_amount=40_000)
    await world.tell(returned(batch_id, [part, part]))
    await world.tell(returned(batch_id, [part]))
    assert world.differences() == ["partial"]
    await world.tell(returned(batch_id, [result(1)]))  # all of it, they now say
    await world.tell(returned(batch_id, [result(1, "partial", settled_amount=50_000)]))
    assert world.differences() == ["partial", "amount", "amount"]
    rows = world.beside.ask(lambda s: reads.differences(s, None, closed=False, limit=100))
    assert [(row.ours, row.theirs) for row in rows[1:]] == [("40000", "100000"), ("40000", "50000")]
    assert world.items()[0].settled_amount == 40_000


async def test_of_what_was_collected_in_part_that_part_comes_back(make: Make) -> None:
    world = make(payments(kinds=["credit-transfer"]))
    batch_id = await world.live_batch([item(1), item(2)])
    part = {"settled_amount": 40_000}
    await world.tell(returned(batch_id, [result(1, "partial", **part), result(2, "partial", **part)]))
    await world.tell(_notified(_entry(_back(1, amount=40_000)), _entry(_back(2, amount=30_000))))
    assert list(world.states().values()) == ["returned", "settled"]
    assert world.differences() == ["partial", "partial", "amount"]


async def test_items_without_numbers_of_another_day_are_others(world: World) -> None:
    """A batch number of the day begins anew, and last month's items must not stand for this month's."""

    def file(day: int) -> PaymentBatch:
        rows = [item(n, end_to_end_id=None) for n in (1, 2)]
        return batch(rows, "001", requested_on=dt.date(2026, 11, day))

    assert isinstance(await world.tell(file(21), "agency-a"), Accepted)
    assert isinstance(await world.tell(file(21), "agency-a"), Accepted)
    assert len(world.items()) == 2
    outcome = await world.tell(file(22), "agency-a")
    assert isinstance(outcome, Rejected)
    assert outcome.code == "conflict"


async def test_a_piece_that_is_in_already_contradicts_nothing(world: World) -> None:
    """Two that take one file in at once: what the other has put there is no conflict, and refuses nothing."""
    await world.propose([item(n) for n in range(1, 6)])
    rows = tuple(world.items())
    late = TakeIn(message_id=rows[0].proposal, proposer="agency-a", position=0, after=5, rows=rows)
    with pytest.raises(Moved):
        await world.store.work(changes.take_in, late)
    with pytest.raises(Moved):
        await world.store.work(changes.refuse, rows[0].proposal, [])
    row = world.beside.ask(reads.proposal, rows[0].proposal)
    assert row is not None
    assert row.state == "proposed"


async def test_only_yuan_are_taken(world: World) -> None:
    outcome = await world.tell(batch([item(1)], currency="USD"), "agency-a")
    assert isinstance(outcome, Rejected)
    assert outcome.code == "currency"


async def test_two_agencies_with_one_number_are_in_two_batches(make: Make) -> None:
    world = make(payments(proposers=["agency-a", "agency-b"]))
    await world.propose([item(1), item(2)])
    await world.propose([item(1), item(3)], batch_id="B1", partner="agency-b")
    world.approve()
    built = world.build()
    assert [len(world.items(batch_id=id_)) for id_ in built] == [2, 2]
    for id_ in built:
        world.release(id_)
        await world.tell(returned(id_, [result(1, sequence=None, end_to_end_id="E00000001")]))
    assert world.differences() == []


# What is broken off


async def test_what_came_back_is_told_though_the_gateway_is_killed(world: World) -> None:
    """The batches of the entries booked before the kill are known after it."""
    batch_id = await world.live_batch([item(n) for n in range(1, 21)])
    await world.tell(returned(batch_id, [result(n) for n in range(1, 21)]))
    await look_after(world.parts)
    notice = world.message(_notified(*(_entry(_back(n)) for n in range(1, 11))), "bank-a")
    world.parts = replace(world.parts, store=_Dying(world.parts.store, 3))  # type: ignore[arg-type]
    world.desk = Desk(world.parts)
    with pytest.raises(_Killed):
        await world.send(notice)
    world.parts = replace(world.parts, store=world.store)
    world.desk = Desk(world.parts)
    await look_after(world.parts)
    assert len(world.published) == 2  # seven of them, at once
    assert isinstance(await world.send(notice), Accepted)
    await look_after(world.parts)
    assert [r.status for r in world.published[-1].data.results].count("returned") == 10  # type: ignore[union-attr]


class _Killed(BaseException):
    pass


class _Dying:
    """A store of a process that is killed at its n-th write."""

    def __init__(self, store: object, writes: int) -> None:
        self._store = store
        self._left = writes

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def work(self, *arguments: object) -> object:
        self._left -= 1
        if self._left == 0:
            raise _Killed
        return self._store.work(*arguments)  # type: ignore[attr-defined]


async def test_results_that_name_no_batch_close_it(world: World) -> None:
    batch_id = await world.live_batch([item(n) for n in range(1, 11)])
    said = [result(n, sequence=None, end_to_end_id=f"E{n:08}") for n in range(1, 11)]
    await world.tell(returned(None, said[:4]))
    assert world.state_of(batch_id) == "partly-returned"
    await world.tell(returned(None, said[4:]))
    assert world.state_of(batch_id) == "closed"
    await look_after(world.parts)
    assert len(world.published) == 1


async def test_many_that_wait_for_their_bank_hold_up_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.payments.duty._PAGE", 2)
    waiting = [await world.live_batch([item(n)]) for n in range(1, 4)]
    batch_id = await world.live_batch([item(9)])
    row = batch_acts.batch_of(world.office, batch_id)
    assert row.delivery_id is not None
    await world.delivered(row.delivery_id, "accepted")
    await look_after(world.parts)
    assert world.state_of(batch_id) == "under-way"
    assert {world.state_of(id_) for id_ in waiting} == {"released"}


async def test_one_that_cannot_be_reported_holds_up_nobody(world: World) -> None:
    first = await world.live_batch([item(1)])
    second = await world.live_batch([item(2)])
    await world.tell(returned(first, [result(1)]))
    await world.tell(returned(second, [result(1)]))
    broken = world.items(end_to_end_id="E00000001")[0].id
    await world.store.work(_spoil, broken)
    await look_after(world.parts)
    assert [len(told.data.results) for told in world.published] == [1]  # type: ignore[union-attr]


def _spoil(session: object, item_id: str) -> None:
    session.run("UPDATE payment_items SET sealed = ? WHERE id = ?", (b"", item_id))  # type: ignore[attr-defined]


# Days and statements


async def test_paid_on_its_day_and_again_on_the_next(world: World) -> None:
    batch_id = await world.live_batch([item(n) for n in range(1, 4)])
    await world.tell(returned(batch_id, [result(n) for n in (1, 2, 3)]))
    await world.tell(day([line(1), line(2)]))
    assert world.differences() == ["missing-there"]
    await world.tell(day([line(1), line(3)], on=DAY + dt.timedelta(days=1)))
    # 3 was booked a day later; 1 was booked twice.
    assert sorted(world.differences()) == ["day", "missing-there", "twice"]


async def test_what_was_settled_after_its_day_was_compared_is_not_twice(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1)]))
    await world.tell(day([line(1)]))
    await world.tell(returned(batch_id, [result(2)]))
    await world.tell(day([line(2)], on=DAY + dt.timedelta(days=1)))
    assert world.differences() == ["day"]


async def test_what_came_back_is_less_than_nothing(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1), result(2)]))
    await world.tell(_notified(_entry(_back(1))))
    back = line(1, amount=-100_000, bank_reference="X1")
    await world.tell(day([line(1), back, line(2)]))
    assert world.differences() == []
    await world.tell(day([line(1), back, line(2), line(2, amount=-100_000), line(9, amount=-5)]))
    assert sorted(world.differences()) == ["missing-here", "state"]


async def test_a_file_of_another_party_is_not_compared_with_all(make: Make) -> None:
    world = make(payments())
    batch_id = await world.live_batch([item(1)])
    await world.tell(returned(batch_id, [result(1)]))
    other = day([line(7)])
    await world.tell(structs.replace(other, initiating_party_id="000000"))
    assert world.differences() == ["missing-here"]


async def test_what_the_bank_undid_came_back(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2), item(3)])
    await world.tell(returned(batch_id, [result(1), result(2), result(3)]))
    undone = _back(1, return_reason=None)
    again = _back(2, return_reason=None, side="debit")  # a return, undone in turn
    fee = _back(3, return_reason=None, end_to_end_id=None)
    await world.tell(_notified(*(_entry(t, reversal=True, side=t.side) for t in (undone, again, fee))))
    assert list(world.states().values()) == ["returned", "settled", "settled"]
    assert world.differences() == ["contradiction"]


async def test_another_bank_cannot_vouch_for_an_account(make: Make) -> None:
    from gateway.canonical.account import VerificationAnswered, VerifiedAccount

    world = make(payments(require_verified=True))
    await world.propose([item(1)])
    [(request, _)] = item_acts.verify_accounts(world.office, "resident")
    yes = VerifiedAccount(sequence=1, account_no=item(1).account_no, status="accepted")
    answer = VerificationAnswered(request_id=request, answered_on=DAY, number_of_accounts=1, accounts=(yes,))
    await world.tell(answer, "agency-a")
    assert [row.verification for row in world.items()] == ["asked"]
    await world.tell(answer, "bank-a")
    assert [row.verification for row in world.items()] == ["verified"]


async def test_closing_what_is_not_open_says_so(world: World) -> None:
    with pytest.raises(Reject) as caught:
        item_acts.close_difference(world.office, world.people["zhang"], 99, "查无")
    assert caught.value.code == "difference"

"""The way of a batch, from an agency's file to the results that go back to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.canonical.payment import BatchReturned, PaymentBatch
from gateway.contract import Accepted, Reject, Rejected
from gateway.payments import batch_acts, item_acts
from gateway.payments.duty import look_after
from gateway.store import Moved
from gateway.store import payments_reads as reads
from gateway.store.api import Filter
from tests.payments.conftest import Make
from tests.payments.world import World, batch, item, result, returned
from tests.payments.world import settings as payments


async def test_from_a_file_to_its_results(world: World) -> None:
    outcome, proposal = await world.propose([item(n) for n in range(1, 21)])
    assert isinstance(outcome, Accepted)
    assert set(world.states().values()) == {"proposed"}
    world.approve()
    [batch_id] = world.build()
    assert world.state_of(batch_id) == "built"
    world.release(batch_id)
    assert set(world.states().values()) == {"released"}

    [sent] = await world.store.find(Filter(type="payment.batch.submitted.v1"))
    [delivery] = sent.deliveries
    assert (delivery.partner, delivery.state, sent.message.partner_message_id) == (
        "bank-a",
        "waiting",
        batch_id,
    )
    body = world.vault.open_message(sent.message.body, sent.message.id).data
    assert isinstance(body, PaymentBatch)
    assert (body.batch_id, body.number_of_transactions, body.control_sum) == (batch_id, 20, 2_000_000)
    assert [one.name for one in body.items] == [f"虚构{n}" for n in range(1, 21)]

    await world.delivered(delivery.id, "accepted")
    await look_after(world.parts)
    assert world.state_of(batch_id) == "under-way"
    assert set(world.states().values()) == {"sent"}

    await world.tell(returned(batch_id, [result(n) for n in range(1, 16)]))
    assert world.state_of(batch_id) == "partly-returned"
    await look_after(world.parts)
    assert world.published == []
    rest = [result(n, "rejected.no-account", raw_code="4", raw_text="帐号不存在") for n in range(16, 21)]
    await world.tell(returned(batch_id, rest))
    assert world.state_of(batch_id) == "closed"
    assert world.differences() == []
    await look_after(world.parts)
    await look_after(world.parts)
    [back] = world.published
    assert isinstance(back.data, BatchReturned)
    assert (back.data.batch_id, back.data.stage, back.causation_id) == ("A1", "final", proposal)
    assert (back.data.settled_count, back.data.settled_sum, back.data.failed_count) == (15, 1_500_000, 5)
    last = back.data.results[-1]
    assert (last.sequence, last.end_to_end_id, last.status, last.raw_code) == (
        20,
        "E00000020",
        "rejected",
        "4",
    )


async def test_a_file_is_taken_in_once_and_whole(world: World) -> None:
    first, _ = await world.propose([item(n) for n in range(1, 11)])
    assert isinstance(first, Accepted)
    again, second = await world.propose([item(n) for n in range(1, 13)], batch_id="A2")
    assert isinstance(again, Accepted)
    assert len(world.items()) == 12
    row = world.beside.ask(reads.proposal, second)
    assert row is not None
    assert row.repeated == 10

    changed = [*(item(n) for n in range(20, 40)), item(5, amount=1)]
    outcome, _ = await world.propose(changed, batch_id="A3")
    assert isinstance(outcome, Rejected)
    assert outcome.code == "conflict"
    assert len(world.items()) == 12
    told = world.published[-1].data
    assert isinstance(told, BatchReturned)
    assert (told.status, told.raw_code, told.batch_id) == ("rejected", "conflict", "A3")


async def test_a_large_file_is_taken_in_from_its_records(world: World, tmp_path: Path) -> None:
    kept = world.kept(tmp_path, [item(n) for n in range(1, 101)])
    body = batch([], number_of_transactions=100, control_sum=10_000_000)
    assert isinstance(await world.send(world.message(body, "agency-a", kept)), Accepted)
    assert [row.state for row in world.items()] == ["proposed"] * 100
    short = world.kept(tmp_path, [item(n) for n in range(101, 150)])
    body = batch([], "A2", number_of_transactions=50, control_sum=5_000_000)
    outcome = await world.send(world.message(body, "agency-a", short))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "count"
    assert len(world.items()) == 100


async def test_only_who_may_proposes(world: World) -> None:
    outcome, _ = await world.propose([item(1)], partner="agency-b")
    assert isinstance(outcome, Rejected)
    assert outcome.code == "not-allowed"
    outcome, _ = await world.propose([item(1, amount=100_000_001)])
    assert isinstance(outcome, Rejected)
    assert outcome.code == "amount"
    assert world.items() == []


async def test_a_larger_set_becomes_several_batches(make: Make) -> None:
    world = make(payments(max_items=8, max_amount="6000.00"))
    await world.propose([item(n) for n in range(1, 21)])
    world.approve()
    assert [world.beside.ask(reads.batch, id_).count for id_ in world.build()] == [6, 6, 6, 2]  # type: ignore[union-attr]
    with pytest.raises(Reject):
        world.build()


async def test_a_second_person_releases(world: World) -> None:
    await world.propose([item(1), item(2)])
    world.approve("zhang")
    [batch_id] = world.build("li")
    for name in ("zhang", "li"):
        with pytest.raises(Reject) as caught:
            world.release(batch_id, name)
        assert caught.value.code == "second-person"
    world.release(batch_id, "wang")
    with pytest.raises(Reject):
        world.release(batch_id, "chen")


async def test_the_store_itself_keeps_the_two_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.propose([item(1), item(2)])
    world.approve("zhang")
    [batch_id] = world.build("li")
    monkeypatch.setattr(batch_acts, "_second_person", lambda *_: None)
    for name in ("zhang", "li"):
        with pytest.raises(Moved):
            world.release(batch_id, name)
    assert world.state_of(batch_id) == "built"
    assert await world.store.find(Filter(type="payment.batch.submitted.v1")) == []
    assert set(world.states().values()) == {"batched"}


async def test_a_batch_is_released_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.propose([item(1)])
    world.approve()
    [batch_id] = world.build()
    row = batch_acts.batch_of(world.office, batch_id)
    batch_acts.release(world.office, world.people["wang"], row)
    monkeypatch.setattr(batch_acts, "_second_person", lambda *_: None)
    with pytest.raises(Moved):
        batch_acts.release(world.office, world.people["chen"], row)
    assert len(await world.store.find(Filter(type="payment.batch.submitted.v1"))) == 1


async def test_what_is_released_is_what_was_built(make: Make) -> None:
    world = make(payments())
    await world.propose([item(1)])
    world.approve()
    [batch_id] = world.build()
    other = make(payments(account_name="另一户名"))
    with pytest.raises(Reject) as caught:
        other.release(batch_id)
    assert caught.value.code == "changed"


async def test_a_cancelled_batch_gives_its_items_back(world: World) -> None:
    await world.propose([item(1), item(2)])
    world.approve()
    [first] = world.build()
    batch_acts.cancel(world.office, world.people["wang"], batch_acts.batch_of(world.office, first), "写错")
    assert set(world.states().values()) == {"approved"}
    [second] = world.build()
    assert second != first
    with pytest.raises(Reject):
        world.release(first)
    world.release(second)


async def test_after_the_cut_off_nothing_is_released(make: Make) -> None:
    world = make(payments(cut_off="00:00"))
    await world.propose([item(1)])
    world.approve()
    [batch_id] = world.build()
    with pytest.raises(Reject) as caught:
        world.release(batch_id)
    assert caught.value.code == "cut-off"


async def test_withdrawn_items_are_in_no_batch(world: World) -> None:
    await world.propose([item(1), item(2), item(3)])
    world.approve()
    [gone] = world.items(end_to_end_id="E00000002")
    item_acts.withdraw(world.office, world.people["zhang"], [gone], "重复")
    [batch_id] = world.build()
    assert [row.end_to_end_id for row in world.items(batch_id=batch_id)] == ["E00000001", "E00000003"]
    with pytest.raises(Reject):
        item_acts.withdraw(world.office, world.people["zhang"], world.items(batch_id=batch_id), "晚了")


async def test_a_refused_item_is_proposed_anew_as_another_once(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1), result(2, "rejected.insufficient")]))
    [old] = world.items(end_to_end_id="E00000002")
    [new] = item_acts.propose_again(world.office, world.people["zhang"], [(old, "E00000002-2")], "余额已补")
    assert (new.replaces, new.amount, new.state) == (old.id, old.amount, "proposed")
    with pytest.raises(Reject):
        item_acts.propose_again(world.office, world.people["zhang"], [(old, "E00000002-3")], "再来")
    await look_after(world.parts)
    assert world.published == []  # it is under way again
    world.approve()
    [second] = world.build()
    world.release(second)
    await world.tell(returned(second, [result(1)]))
    await look_after(world.parts)
    body = world.published[-1].data
    assert isinstance(body, BatchReturned)
    assert [(r.end_to_end_id, r.status) for r in body.results] == [
        ("E00000001", "settled"),
        ("E00000002", "settled"),
    ]


async def test_a_batch_that_the_bank_refused_has_failed(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    row = world.beside.ask(reads.batch, batch_id)
    assert row is not None
    assert row.delivery_id is not None
    await world.delivered(row.delivery_id, "rejected")
    await look_after(world.parts)
    assert world.state_of(batch_id) == "failed"
    assert set(world.states().values()) == {"rejected"}
    assert len(world.published) == 1

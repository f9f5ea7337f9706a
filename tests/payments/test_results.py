"""What banks say: each word booked once, by its item, and nothing overwritten."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.account import EntriesNotified, Entry, EntryTransaction, StatementReported
from gateway.canonical.payment import StatusReported
from gateway.contract import Accepted
from gateway.payments.duty import look_after
from gateway.store import payments_reads as reads
from tests.payments.conftest import Make
from tests.payments.world import OUR_ACCOUNT, World, item, result, returned
from tests.payments.world import settings as payments

AT = dt.datetime(2026, 11, 25, 9, tzinfo=dt.UTC)


async def test_intermediate_then_final(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2), item(3)])
    await world.tell(returned(batch_id, [result(n) for n in (1, 2, 3)], "intermediate"))
    assert set(world.states().values()) == {"sent"}
    assert world.state_of(batch_id) == "under-way"
    await world.tell(returned(batch_id, [result(1), result(2, "rejected"), result(3, "X99")]))
    assert list(world.states().values()) == ["settled", "rejected", "unknown"]
    assert world.history("E00000003") == ["settled", "X99"]
    await world.tell(returned(batch_id, [result(3)]))
    assert world.states()["E00000003"] == "settled"
    assert world.state_of(batch_id) == "closed"


async def test_a_contradiction_changes_nothing_and_is_shown(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1), result(2, "rejected")]))
    await world.tell(returned(batch_id, [result(1, "rejected"), result(2)]))
    assert list(world.states().values()) == ["settled", "rejected"]
    assert world.differences() == ["contradiction", "contradiction"]
    await world.tell(returned(batch_id, [result(1), result(2, "rejected")]))  # the first file once more
    assert len(world.differences()) == 2


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"amount": 99_999}, "amount"),
        ({"settled_amount": 1}, "amount"),
        ({"account_no": "6229990000000000000"}, "account"),
        ({"end_to_end_id": "E00000002"}, "unknown-item"),
        ({"sequence": 9}, "unknown-item"),
    ],
)
async def test_what_does_not_fit_is_a_difference(world: World, said: dict[str, Any], kind: str) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1, **said)]))
    assert world.differences() == [kind]
    assert world.states()["E00000001"] == "sent"


async def test_a_masked_account_is_no_difference(world: World) -> None:
    batch_id = await world.live_batch([item(1)])
    await world.tell(returned(batch_id, [result(1, account_no="6229***0001", amount=100_000)]))
    assert world.differences() == []
    assert world.states() == {"E00000001": "settled"}


async def test_what_was_never_released_is_a_difference(world: World) -> None:
    await world.propose([item(1)])
    world.approve()
    [batch_id] = world.build()
    await world.tell(returned(batch_id, [result(1)]))
    assert world.differences() == ["not-released"]
    assert world.states() == {"E00000001": "batched"}
    assert world.state_of(batch_id) == "built"


async def test_batches_of_others_are_a_difference(world: World) -> None:
    batch_id = await world.live_batch([item(1)])
    await world.tell(returned("YB000", [result(1)]))
    await world.tell(returned(batch_id, [result(1)]), partner="bank-b")
    assert world.differences() == ["unknown-batch", "unknown-batch"]
    assert world.states() == {"E00000001": "released"}


async def test_results_without_a_batch_are_found_by_their_own_number(world: World) -> None:
    await world.live_batch([item(1), item(2)])
    said = [result(1, sequence=None, end_to_end_id="E00000001"), result(2, sequence=None, end_to_end_id="?")]
    await world.tell(returned(None, said))
    assert world.states()["E00000001"] == "settled"
    assert world.differences() == ["unknown-item"]


@pytest.mark.parametrize(("means", "after"), [("unknown", "sent"), ("failed", "rejected")])
async def test_what_a_final_return_leaves_out(make: Make, means: str, after: str) -> None:
    world = make(payments(missing_in_final=means))
    batch_id = await world.live_batch([item(1), item(2), item(3)])
    await world.tell(returned(batch_id, [result(1), result(3, "X99")]))
    assert list(world.states().values()) == ["settled", after, "unknown"]
    assert world.differences() == []


async def test_a_final_return_that_names_nobody_fails_nobody(make: Make) -> None:
    world = make(payments(missing_in_final="failed"))
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, []))
    assert set(world.states().values()) == {"sent"}
    assert world.state_of(batch_id) == "under-way"


async def test_money_that_came_back_says_nothing_of_the_others(make: Make) -> None:
    world = make(payments(missing_in_final="failed"))
    batch_id = await world.live_batch([item(1), item(2), item(3)])
    await world.tell(returned(batch_id, [result(1), result(2), result(3, "pending")]))
    await world.tell(returned(batch_id, [result(2, "returned")], stage="final.refund"))
    assert list(world.states().values()) == ["settled", "returned", "sent"]


async def test_a_status_without_items_is_every_items(world: World) -> None:
    batch_id = await world.live_batch([item(n) for n in range(1, 11)])
    await world.tell(StatusReported(batch_id=batch_id, status="accepted"))
    assert set(world.states().values()) == {"sent"}
    await world.tell(StatusReported(batch_id=batch_id, status="partial"))
    assert set(world.states().values()) == {"sent"}
    await world.tell(StatusReported(batch_id=batch_id, status="rejected.closed"))
    assert set(world.states().values()) == {"rejected"}
    assert world.state_of(batch_id) == "closed"


async def test_a_partial_debit_counts_with_what_moved(make: Make) -> None:
    world = make(payments())
    batch_id = await world.live_batch([item(1), item(2)])
    await world.tell(returned(batch_id, [result(1, "partial", settled_amount=40_000), result(2, "partial")]))
    [one, two] = world.items()
    assert (one.state, one.settled_amount, two.state) == ("settled", 40_000, "unknown")
    assert world.differences() == ["partial"]


async def test_a_return_proves_that_the_bank_has_the_batch(world: World) -> None:
    batch_id = await world.live_batch([item(1), item(2)])
    row = world.beside.ask(reads.batch, batch_id)
    assert row is not None
    assert row.delivery_id is not None
    await world.delivered(row.delivery_id, "in-doubt")
    await world.tell(returned(batch_id, [result(1)]))
    assert world.arrived == [row.delivery_id]
    assert world.state_of(batch_id) == "partly-returned"
    # In doubt only afterwards: the duty finds it.
    await world.delivered(row.delivery_id, "in-doubt", before="accepted")
    await look_after(world.parts)
    assert world.arrived == [row.delivery_id] * 2


async def test_records_of_an_attachment_are_booked_like_inline_ones(world: World, tmp_path: Path) -> None:
    batch_id = await world.live_batch([item(n) for n in range(1, 101)])
    kept = world.kept(tmp_path, [result(n, raw_text="成功") for n in range(1, 101)])
    message = world.message(returned(batch_id, []), "bank-a", kept)
    assert isinstance(await world.send(message), Accepted)
    assert isinstance(await world.send(message), Accepted)
    assert set(world.states().values()) == {"settled"}
    assert world.history("E00000050") == ["settled"]
    [row] = world.items(end_to_end_id="E00000050")
    [word] = world.beside.ask(reads.history, row.id)
    assert word.text is not None
    assert world.seals.open_text(word.text, row.id) == "成功"


def _entry(*transactions: EntryTransaction, **fields: object) -> Entry:
    values = {"amount": 100_000, "side": "credit", "status": "booked", "booked_on": dt.date(2026, 11, 25)}
    return Entry(**{**values, **fields}, transactions=transactions)  # type: ignore[arg-type]


def _back(number: int, **fields: object) -> EntryTransaction:
    values = {"end_to_end_id": f"E{number:08}", "amount": 100_000, "side": "credit", "return_reason": "AC04"}
    return EntryTransaction(**{**values, **fields})  # type: ignore[arg-type]


def _notified(*entries: Entry) -> EntriesNotified:
    return EntriesNotified(
        message_id="N1", created_at=AT, notification_id="N1", account_no=OUR_ACCOUNT, entries=entries
    )


async def test_money_that_comes_back_days_later(world: World) -> None:
    batch_id = await world.live_batch([item(n) for n in range(1, 4)])
    await world.tell(returned(batch_id, [result(n, bank_reference=f"B{n}") for n in (1, 2, 3)]))
    await look_after(world.parts)
    notice = _notified(
        _entry(_back(1)),
        _entry(_back(2, end_to_end_id=None, bank_reference="B2", raw_text="账户已销户")),
        _entry(_back(3), status="pending"),
        _entry(_back(9)),
    )
    await world.tell(notice)
    assert list(world.states().values()) == ["returned", "returned", "settled"]
    assert world.differences() == ["unknown-item"]
    assert world.state_of(batch_id) == "closed"
    await world.tell(notice)
    assert world.history("E00000001") == ["settled", "returned", "returned"]
    await look_after(world.parts)
    assert [len(told.data.results) for told in world.published] == [3, 3]  # type: ignore[union-attr]
    assert [r.status for r in world.published[-1].data.results] == ["returned", "returned", "settled"]  # type: ignore[union-attr]


async def test_a_statement_is_the_days_truth_where_it_is_said_so(make: Make) -> None:
    world = make(payments(reconcile_by="statement"))
    batch_id = await world.live_batch([item(n) for n in range(1, 21)])
    on = dt.date(2026, 11, 25)
    await world.tell(returned(batch_id, [result(n, settled_on=on) for n in range(1, 20)]))
    paid = [
        _entry(EntryTransaction(end_to_end_id=f"E{n:08}", amount=100_000, side="debit"), side="debit")
        for n in range(2, 21)
    ]
    statement = StatementReported(
        message_id="S1", created_at=AT, statement_id="S1", account_no=OUR_ACCOUNT, entries=tuple(paid)
    )
    await world.tell(statement)
    assert sorted(world.differences()) == ["missing-there", "state"]
    [day] = world.beside.ask(reads.days, "resident", 10)
    assert (day.day, day.count, day.differences) == ("2026-11-25", 19, 2)

"""Units and their guards, alone and side by side in one group."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import DeferredList, gatherResults

from gateway.store import SqlStore, UnitRefused
from gateway.store.api import Accept, Existing, Record
from tests.store.samples import accept, advance, audit, delivery, message, new_id
from tests.twisted_runner import sleep


async def test_an_accepted_message_is_there_with_all_its_fields(store: SqlStore) -> None:
    row = message(
        causation_id="c",
        subject="s",
        mapping="m@3",
        deadline=9_000,
        body=bytes(range(256)),
        raw=b"\x00\xff" * 3000,
        idempotency=b"\x00" * 32,
    )
    owed = delivery(row.id, ordering_key="k", reason="理由", prepared=b"p\x00", reference="R", resolutions=2)
    assert await store.commit(Accept(row, (owed,), (audit(row.id),))) is None
    assert await store.message(row.id) == row
    assert await store.delivery(owed.id) == owed


async def test_the_second_message_with_one_partner_id_gets_the_first(store: SqlStore) -> None:
    first = accept(partner_message_id="X", idempotency=b"one")
    await store.commit(first)
    second = accept(partner_message_id="X", idempotency=b"two")
    assert await store.commit(second) == Existing(first.message.id, b"one")
    assert await store.message(second.message.id) is None
    assert await store.delivery(second.deliveries[0].id) is None
    assert await store.commit(accept(partner="other", partner_message_id="X")) is None


async def test_two_equal_accepts_in_one_group(store: SqlStore) -> None:
    units = [accept(partner_message_id="X", idempotency=bytes([n])) for n in range(5)]
    results = await gatherResults([store.commit(unit) for unit in units])
    assert results == [None, *[Existing(units[0].message.id, b"\x00")] * 4]
    assert await store.counts() == {("fund-1", "pending"): 1}


async def test_messages_without_partner_id_never_collide(store: SqlStore) -> None:
    units = [accept(partner_message_id=None) for _ in range(3)]
    assert await gatherResults([store.commit(unit) for unit in units]) == [None] * 3


async def test_a_reply_may_echo_the_id_of_a_request(store: SqlStore) -> None:
    request = accept(partner="fund-1", partner_message_id="X")
    await store.commit(request)
    reply = message(direction="reply", partner="fund-1", partner_message_id="X", correlation_id="c")
    step = advance(request.deliveries[0].id, "pending", "accepted", reply=reply)
    assert await store.commit(step)
    found = await store.by_partner_id("fund-1", "X")
    assert found is not None
    assert found.message == request.message
    assert found.deliveries[0].reply_id == reply.id
    assert await store.message(reply.id) == reply


async def test_an_advance_sets_keeps_and_clears(store: SqlStore) -> None:
    unit = accept()
    id_ = unit.deliveries[0].id
    await store.commit(unit)
    assert await store.commit(
        advance(id_, "pending", "sending", attempts=1, owner="i", prepared=b"P", reference="R", reason="r")
    )
    row = await store.delivery(id_)
    assert row is not None
    assert (row.state, row.attempts, row.owner, row.prepared, row.reference) == ("sending", 1, "i", b"P", "R")
    assert await store.commit(advance(id_, "sending", "in-doubt", next_at=5, resolutions=3))
    row = await store.delivery(id_)
    assert row is not None
    assert (row.prepared, row.reference, row.owner, row.reason) == (b"P", "R", None, None)
    assert (row.attempts, row.resolutions, row.next_at, row.updated) == (1, 3, 5, 2_000)
    assert await store.commit(advance(id_, "in-doubt", "pending", prepared=b""))
    row = await store.delivery(id_)
    assert row is not None
    assert (row.prepared, row.reference, row.resolutions) == (None, None, 3)


async def test_an_advance_from_another_state_writes_nothing(store: SqlStore) -> None:
    unit = accept()
    await store.commit(unit)
    reply = message(direction="reply")
    step = advance(unit.deliveries[0].id, "sending", "accepted", reply=reply, audit=(audit(reply.id),))
    assert await store.commit(step) is False
    assert await store.commit(advance("unknown", "pending", "sending")) is False
    assert await store.message(reply.id) is None
    assert await store.delivery(unit.deliveries[0].id) == unit.deliveries[0]


async def test_a_whole_life_in_one_group(store: SqlStore) -> None:
    unit = accept()
    id_ = unit.deliveries[0].id
    results: list[Any] = await gatherResults(
        [
            store.commit(advance(id_, "pending", "sending")),  # too early
            store.commit(unit),
            store.commit(advance(id_, "pending", "sending", prepared=b"1", attempts=1)),
            store.commit(advance(id_, "pending", "sending")),  # too late
            store.commit(advance(id_, "sending", "waiting", next_at=7)),
            store.commit(advance(id_, "waiting", "pending", prepared=b"")),
            store.commit(advance(id_, "pending", "sending", prepared=b"2", attempts=1)),
        ]
    )
    assert results == [False, None, True, False, True, True, True]
    row = await store.delivery(id_)
    assert row is not None
    assert (row.state, row.attempts, row.prepared) == ("sending", 2, b"2")
    assert await store.counts() == {("fund-1", "sending"): 1}


async def test_order_is_kept_by_key_and_partner(store: SqlStore) -> None:
    first, second = accept(ordering_key="k"), accept(ordering_key="k")
    other = accept(ordering_key="other")
    older, newer = first.deliveries[0].id, second.deliveries[0].id
    await gatherResults([store.commit(unit) for unit in (first, second, other)])

    def begin(id_: str) -> Any:
        return store.commit(advance(id_, "pending", "sending", in_order=True))

    assert await begin(newer) is False
    assert await begin(other.deliveries[0].id) is True
    assert await begin(older) is True
    await store.commit(advance(older, "sending", "dead"))
    assert await begin(newer) is False  # somebody may still replay the dead one
    finished, begun = await gatherResults([store.commit(advance(older, "dead", "rejected")), begin(newer)])
    assert (finished, begun) == (True, True)


async def test_order_within_one_group(store: SqlStore) -> None:
    units = [accept(ordering_key="k") for _ in range(3)]
    ids = [unit.deliveries[0].id for unit in units]
    steps: list[Any] = [*units, *(advance(id_, "pending", "sending", in_order=True) for id_ in reversed(ids))]
    results = await gatherResults([store.commit(step) for step in steps])
    assert results == [None, None, None, False, False, True]


@pytest.mark.parametrize("position", [0, 3, 6])
async def test_a_bad_unit_does_not_disturb_its_neighbours(store: SqlStore, position: int) -> None:
    taken = accept()
    await store.commit(taken)
    units: list[Any] = [accept() for _ in range(6)]
    units.insert(position, accept(id=taken.message.id, partner_message_id=new_id("other")))
    units.insert(4, advance(units[1].deliveries[0].id, "pending", "sending"))
    results = await DeferredList([store.commit(unit) for unit in units], consumeErrors=True)
    failures = [failure for ok, failure in results if not ok]
    assert [failure.type for failure in failures] == [UnitRefused]
    stored = [await store.message(unit.message.id) for unit in units if isinstance(unit, Accept)]
    assert None not in stored
    counts = await store.counts()
    assert sum(counts.values()) == 7
    assert await store.commit(accept()) is None


async def test_errors_of_the_database_show_no_values(store: SqlStore) -> None:
    unit = accept(subject="110101199003070000")
    await store.commit(unit)
    bad = accept(id=unit.message.id, partner_message_id="secret-id")
    with pytest.raises(UnitRefused) as caught:
        await store.commit(bad)
    assert "secret" not in str(caught.value) + caught.value.zh
    assert unit.message.id not in str(caught.value) + caught.value.zh


async def test_many_units_at_once(store: SqlStore) -> None:
    units = [accept(deliveries=1 + n % 2) for n in range(700)]
    assert await gatherResults([store.commit(unit) for unit in units]) == [None] * 700
    steps = [advance(row.id, "pending", "sending") for unit in units for row in unit.deliveries]
    taken: list[Any] = [store.commit(step) for step in steps]
    assert all(await gatherResults(taken))
    assert await store.counts() == {("fund-1", "sending"): 1050}


async def test_a_record_needs_nothing(store: SqlStore) -> None:
    answer: Any = store.commit(Record((audit(None),)))
    assert await answer is None


async def test_a_cancelled_caller_disturbs_nobody(store: SqlStore) -> None:
    unit = accept()
    waiting = store.commit(unit)
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    assert await store.commit(accept()) is None
    assert await store.message(unit.message.id) == unit.message


async def test_the_size_of_every_group_is_told(store: SqlStore) -> None:
    told: list[int] = []
    store.on_group = told.append
    await gatherResults([store.commit(Record((audit(None),))) for _ in range(30)])
    unit = accept()
    await store.commit(unit)
    await store.reserve("x", 1)
    await sleep(0.05)
    assert sum(told) == 32
    assert len(told) < 32
    store.on_group = None
    await store.reserve("x", 1)

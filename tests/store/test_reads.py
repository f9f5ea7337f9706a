"""What the store answers."""

from __future__ import annotations

import pytest
from twisted.internet.defer import gatherResults

from gateway.contract import ConfigError
from gateway.store import SqlStore, StoreSettings, open_reader, reads
from gateway.store.api import Filter, Found
from tests.store.samples import accept, advance, message, new_id


async def test_nothing_is_found_in_an_empty_store(store: SqlStore) -> None:
    assert await store.message("m") is None
    assert await store.delivery("d") is None
    assert await store.by_partner_id("p", "x") is None
    assert await store.deliveries_of("m") == []
    assert await store.find(Filter()) == []
    assert await store.counts() == {}
    assert await store.next_in_order("p", "k") is None
    assert await store.abandoned([], 10) == []


@pytest.mark.parametrize(
    "text",
    ["m-1", "P-1", "S-1", "C-1", "R-1"],
    ids=["id", "partner id", "subject", "correlation", "reference"],
)
async def test_find_by_any_exact_text(store: SqlStore, text: str) -> None:
    unit = accept(id="m-1", partner_message_id="P-1", subject="S-1", correlation_id="C-1")
    await gatherResults([store.commit(unit), store.commit(accept())])
    await store.commit(advance(unit.deliveries[0].id, "pending", "sending", reference="R-1"))
    assert [found.message.id for found in await store.find(Filter(text=text))] == ["m-1"]
    assert await store.find(Filter(text=text[:-1])) == []


async def test_find_newest_first_within_bounds(store: SqlStore) -> None:
    units = [accept(created=number, type=f"t{number % 2}", deliveries=2) for number in range(10)]
    await gatherResults([store.commit(unit) for unit in units])
    expected = [Found(unit.message, unit.deliveries) for unit in reversed(units)]
    assert await store.find(Filter()) == expected
    assert await store.find(Filter(limit=3)) == expected[:3]
    assert await store.find(Filter(since=4, until=6)) == expected[4:6]
    assert await store.find(Filter(type="t1", limit=2)) == [expected[0], expected[2]]


async def test_find_page_by_page(store: SqlStore) -> None:
    """Also where several came in one millisecond."""
    units = [accept(created=number // 4) for number in range(10)]
    await gatherResults([store.commit(unit) for unit in units])
    whole, found = await store.find(Filter()), []
    page = await store.find(Filter(limit=3))
    while page:
        found += page
        last = page[-1].message
        page = await store.find(Filter(limit=3, before=(last.created, last.id)))
    assert found == whole


async def test_find_by_partner_and_state(store: SqlStore) -> None:
    one, two = accept(partner="a"), accept(partner="b")
    await gatherResults([store.commit(one), store.commit(two)])
    await store.commit(advance(one.deliveries[0].id, "pending", "dead"))
    await store.commit(advance(two.deliveries[0].id, "pending", "rejected"))

    async def ids(what: Filter) -> list[str]:
        return [found.message.id for found in await store.find(what)]

    assert await ids(Filter(partner="a")) == [one.message.id]
    assert await ids(Filter(partner="fund-1")) == [two.message.id, one.message.id]
    assert await ids(Filter(state="dead")) == [one.message.id]
    assert await ids(Filter(state="rejected")) == [two.message.id]
    assert await ids(Filter(state="pending")) == []
    assert await ids(Filter(state="dead", partner="b")) == []


async def test_what_waits_for_people_comes_first(store: SqlStore, settings: StoreSettings) -> None:
    units = [accept() for _ in range(5)]
    await gatherResults([store.commit(unit) for unit in units])
    steps = (("in-doubt", 10, 99), ("dead", 30, None), ("in-doubt", 20, None), ("waiting", 5, 7))
    for unit, (state, at, next_at) in zip(units, steps, strict=False):
        await store.commit(advance(unit.deliveries[0].id, "pending", state, at=at, next_at=next_at))
    with open_reader(settings) as reader:
        listed = reader.for_people(10)
        assert [owed.updated for owed, _ in listed] == [20, 30, 10]
        assert [row.id for _, row in listed] == [units[n].message.id for n in (2, 1, 0)]
        assert reader.for_people(1) == listed[:1]
        assert reader.for_people(10, "fund-1", "in-doubt") == [listed[0], listed[2]]
        assert reader.for_people(10, "nobody") == []
        assert reader.ask(reads.people_wait) == (3, 30)
        assert reader.ask(reads.people_wait, "fund-1", "in-doubt") == (2, 20)
        assert reader.ask(reads.people_wait, "nobody") == (0, 0)


async def test_due_oldest_first(store: SqlStore) -> None:
    units = [accept() for _ in range(4)]
    await gatherResults([store.commit(unit) for unit in units])
    for unit, at in zip(units, (30, 10, 20, 99), strict=True):
        await store.commit(advance(unit.deliveries[0].id, "pending", "waiting", next_at=at))
    due = await store.due("waiting", 50, 2)
    assert [row.next_at for row in due] == [10, 20]
    assert await store.due("in-doubt", 50, 2) == []
    assert len(await store.due("waiting", 99, 9)) == 4


async def test_owed_page_by_page(store: SqlStore) -> None:
    units = [accept() for _ in range(5)]
    await gatherResults([store.commit(unit) for unit in units])
    assert await store.owed(1_000, 10) == []  # all touched at 1000
    first = await store.owed(1_001, 3)
    rest = await store.owed(1_001, 3, first[-1][0].id)
    assert [*first, *rest] == [(unit.deliveries[0], unit.message) for unit in units]


async def test_next_in_order_is_the_oldest_if_it_is_pending(store: SqlStore) -> None:
    first, second = accept(ordering_key="k"), accept(ordering_key="k")
    await gatherResults([store.commit(first), store.commit(second)])
    assert await store.next_in_order("fund-1", "k") == (first.deliveries[0], first.message)
    await store.commit(advance(first.deliveries[0].id, "pending", "sending"))
    assert await store.next_in_order("fund-1", "k") is None
    await store.commit(advance(first.deliveries[0].id, "sending", "accepted"))
    assert await store.next_in_order("fund-1", "k") == (second.deliveries[0], second.message)
    assert await store.next_in_order("fund-2", "k") is None


async def test_abandoned_are_those_of_the_dead(store: SqlStore) -> None:
    units = [accept() for _ in range(3)]
    await gatherResults([store.commit(unit) for unit in units])
    for unit, owner in zip(units, ("a", "b", None), strict=True):
        await store.commit(advance(unit.deliveries[0].id, "pending", "sending", owner=owner))
    assert [row.owner for row in await store.abandoned(["a"], 10)] == ["b", None]
    assert [row.owner for row in await store.abandoned([], 10)] == ["a", "b", None]
    assert len(await store.abandoned([], 1)) == 1


async def test_the_command_line_reads_beside_the_gateway(store: SqlStore, settings: StoreSettings) -> None:
    unit = accept(subject=new_id("s"))
    with open_reader(settings) as reader:
        assert reader.find(Filter()) == []
        await store.commit(unit)
        assert reader.message(unit.message.id) == unit.message
        assert reader.deliveries_of(unit.message.id) == list(unit.deliveries)
        assert reader.counts() == await store.counts()
        assert [entry for _, _, entry in reader.audit_of(unit.message.id)] == [b"{}"]


def test_reading_a_database_that_is_not_there(settings: StoreSettings) -> None:
    with pytest.raises(ConfigError):
        open_reader(settings)


async def test_a_stored_empty_payload_stays_empty(store: SqlStore) -> None:
    row = message(body=b"", raw=b"")
    unit = accept()
    await store.commit(unit)
    await store.commit(advance(unit.deliveries[0].id, "pending", "accepted", reply=row))
    assert await store.message(row.id) == row

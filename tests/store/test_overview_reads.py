"""What the overview asks, on both databases."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.canonical.ids import uuid7
from gateway.store import SqlStore, StoreSettings, open_reader
from gateway.store.api import Accept
from gateway.store.overview_reads import for_people_counts, last_reasons, since
from tests.store.samples import accept, advance

MIDNIGHT = 1_795_276_800_000


def begun(at: int, number: int, **fields: str) -> Accept:
    """Accepted at a time, with a delivery whose id begins with it, as the gateway's own do."""
    unit = accept(created=at, **fields)
    owed = replace(unit.deliveries[0], id=uuid7(at, bytes([number] * 10)))
    return replace(unit, deliveries=(owed,))


async def test_an_empty_store_has_nothing(store: SqlStore, settings: StoreSettings) -> None:
    with open_reader(settings) as reader:
        assert reader.ask(for_people_counts) == {}
        assert reader.ask(since, MIDNIGHT) == (0, {})
        assert reader.ask(last_reasons) == {}


async def test_the_day_begins_at_midnight(store: SqlStore, settings: StoreSettings) -> None:
    units = [begun(MIDNIGHT + offset, number) for number, offset in enumerate((-1, 0, 1, 86_399_999))]
    for unit in units:
        await store.commit(unit)
    await store.commit(begun(MIDNIGHT + 5, 9, direction="reply"))
    await store.commit(advance(units[1].deliveries[0].id, "pending", "sending"))
    with open_reader(settings) as reader:
        assert reader.ask(since, MIDNIGHT) == (3, {"pending": 3, "sending": 1})


async def test_what_is_tried_again_by_itself_needs_nobody(store: SqlStore, settings: StoreSettings) -> None:
    steps = (
        ("dead", None),
        ("in-doubt", 5),
        ("in-doubt", None),
        ("waiting", 5),
        ("held", 5),
        ("held", None),
        ("rejected", None),
    )
    for state, next_at in steps:
        unit = accept()
        await store.commit(unit)
        await store.commit(advance(unit.deliveries[0].id, "pending", state, next_at=next_at))
    with open_reader(settings) as reader:
        found = reader.ask(for_people_counts)
        assert found == {"dead": 1, "in-doubt": 2, "held": 1}
        assert sum(found.values()) == len(reader.for_people(100)), "as many as the list of them has"


async def test_the_latest_reason_of_each_partner(store: SqlStore, settings: StoreSettings) -> None:
    told = (
        ("a", "dead", "early", 10),
        ("a", "rejected", "late", 20),
        ("a", "accepted", "fine at last", 30),
        ("b", "waiting", "busy", 5),
        ("c", "accepted", "odd, but accepted", 50),
        ("d", "rejected", None, 60),
    )
    for partner, state, reason, at in told:
        unit = accept()
        unit = replace(unit, deliveries=(replace(unit.deliveries[0], partner=partner),))
        await store.commit(unit)
        await store.commit(advance(unit.deliveries[0].id, "pending", state, reason=reason, at=at))
    with open_reader(settings) as reader:
        found = reader.ask(last_reasons)
    assert {name: (row.state, row.reason, row.updated) for name, row in found.items()} == {
        "a": ("rejected", "late", 20),
        "b": ("waiting", "busy", 5),
    }

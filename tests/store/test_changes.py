"""Serials, leases, tokens, erasure, new keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import gatherResults

from gateway.contract import ConfigError
from gateway.store import SqlStore, UnitRefused
from gateway.store.keyring import KeyRing, about
from tests.store.samples import accept, advance, message


async def test_serials_are_consecutive_and_start_at_one(store: SqlStore) -> None:
    assert await gatherResults([store.reserve("a", 10), store.reserve("a", 5), store.reserve("b", 1)]) == [
        1,
        11,
        1,
    ]
    assert await store.reserve("a", 1) == 16
    with pytest.raises(UnitRefused):
        await store.reserve("a", 0)


async def test_a_position_is_what_was_noted_last(store: SqlStore) -> None:
    assert await store.reached("file") == 0
    for number in (2_000, 4_000, 3_000):
        await store.reach("file", number)
        assert await store.reached("file") == number
    assert await store.reached("another") == 0


async def test_a_lease_has_one_owner_until_it_expires(store: SqlStore) -> None:
    assert await store.lease("duty", "a", 0, 100)
    assert not await store.lease("duty", "b", 99, 100)
    assert await store.lease("duty", "a", 50, 100)
    assert not await store.lease("duty", "b", 149, 100)
    assert await store.lease("duty", "b", 150, 100)
    await store.release("duty", "a")  # not his any more
    assert not await store.lease("duty", "a", 151, 100)
    await store.release("duty", "b")
    assert await store.lease("duty", "a", 151, 100)


async def test_live_owners(store: SqlStore) -> None:
    await gatherResults([store.lease("instance:1", "a", 0, 10), store.lease("instance:2", "b", 0, 20)])
    await store.lease("duty", "c", 0, 20)
    assert await store.live_owners("instance:", 5) == ["a", "b"]
    assert await store.live_owners("instance:", 10) == ["b"]


async def test_a_token_counts_once(store: SqlStore) -> None:
    assert await gatherResults([store.remember("s", "t", 100, 0) for _ in range(3)]) == [True, False, False]
    assert await store.remember("other", "t", 100, 0)
    assert not await store.remember("s", "t", 100, 99)
    assert await store.remember("s", "t", 200, 100)  # forgotten


async def test_expired_tokens_are_deleted(store: SqlStore) -> None:
    await gatherResults([store.remember("s", str(number), 1_000, 0) for number in range(5)])
    await store.remember("s", "late", 900_000, 600_000)
    assert await store.work(lambda session: session.rows("SELECT token FROM tokens")) == [("late",)]


async def test_erasing_waits_for_the_end(store: SqlStore) -> None:
    unit = accept(body=b"private", raw=b"private")
    reply = message(direction="reply", body=b"private", raw=b"private")
    id_ = unit.deliveries[0].id
    await store.commit(unit)
    await store.commit(advance(id_, "pending", "sending", prepared=b"private"))
    assert await store.erase(unit.message.id) is False
    await store.commit(advance(id_, "sending", "accepted", reply=reply))
    assert await store.erase(unit.message.id) is True
    for message_id in (unit.message.id, reply.id):
        row = await store.message(message_id)
        assert row is not None
        assert (row.body, row.raw) == (b"", b"")
    row_left = await store.delivery(id_)
    assert row_left is not None
    assert row_left.prepared is None
    assert await store.erase("unknown") is False


async def test_payloads_move_to_the_current_key(store: SqlStore, tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "old")
    units = [_sealed(ring, number) for number in range(7)]
    await gatherResults([store.commit(unit) for unit in units])
    id_ = units[0].deliveries[0].id
    prepared = ring.seal(b"prepared", about(id_, "prepared"), b"s" * 16)
    await store.commit(advance(id_, "pending", "sending", prepared=prepared))
    ring.rotate()
    place: str | None = ""
    while place is not None:
        place = await store.reseal(ring, place, 3)
    for number, unit in enumerate(units):
        row = await store.message(unit.message.id)
        assert row is not None
        assert row.body[1:5].hex() == row.raw[1:5].hex() == ring.current
        assert ring.open_with_salt(row.body, about(row.id, "body")) == (bytes(16), b"%d" % number)
    row_left = await store.delivery(id_)
    assert row_left is not None
    assert row_left.prepared is not None
    assert ring.open_with_salt(row_left.prepared, about(id_, "prepared")) == (b"s" * 16, b"prepared")


async def test_resealing_stops_at_a_payload_it_cannot_open(store: SqlStore, tmp_path: Path) -> None:
    await store.commit(accept(body=b"\x01not sealed by anything at all" * 3))
    with pytest.raises(ConfigError):
        await store.reseal(KeyRing.create(tmp_path / "ring"))


def _sealed(ring: KeyRing, number: int):  # type: ignore[no-untyped-def]
    id_ = f"sealed-{number}"
    return accept(
        id=id_,
        body=ring.seal(b"%d" % number, about(id_, "body"), bytes(16)),
        raw=ring.seal(b"raw", about(id_, "raw")),
    )

"""A person's changes beside a running gateway, on both databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from gateway.contract import ConfigError, Unavailable
from gateway.store import SqlStore, StoreSettings, UnitRefused, open_clerk
from gateway.store.api import Advance, DeliveryRow, Record
from gateway.store.session import WriteSession
from tests.store.opening import opened
from tests.store.samples import accept, advance, audit
from tests.twisted_runner import run


async def _dead(store: SqlStore) -> DeliveryRow:
    unit = accept()
    await store.commit(unit)
    await store.commit(advance(unit.deliveries[0].id, "pending", "dead", attempts=3))
    row = await store.delivery(unit.deliveries[0].id)
    assert row is not None
    return row


def _advance(settings: StoreSettings, unit: Advance, seen: DeliveryRow) -> bool:
    with open_clerk(settings) as clerk:
        return clerk.advance(unit, seen)


async def test_a_step_beside_the_running_store(store: SqlStore, settings: StoreSettings) -> None:
    seen = await _dead(store)
    unit = advance(seen.id, "dead", "pending", attempts=-2, audit=(audit(seen.message_id, b"replayed"),))
    assert await deferToThread(_advance, settings, unit, seen) is True
    row = await store.delivery(seen.id)
    assert row is not None
    assert (row.state, row.attempts) == ("pending", 1)
    assert await store.counts() == {("fund-1", "pending"): 1}
    listed = await deferToThread(store.audit_source().unsequenced, 10)
    assert [entry for _, entry in listed] == [b"{}", b"replayed"]
    assert await store.commit(advance(seen.id, "pending", "sending")) is True


async def test_what_has_moved_is_left_alone(store: SqlStore, settings: StoreSettings) -> None:
    seen = await _dead(store)
    unit = advance(seen.id, "dead", "rejected", audit=(audit(seen.message_id),))
    for stale in (
        msgspec.structs.replace(seen, updated=seen.updated - 1),
        msgspec.structs.replace(seen, next_at=5),
        msgspec.structs.replace(seen, state="in-doubt"),
        msgspec.structs.replace(seen, id="nothing"),
    ):
        assert await deferToThread(_advance, settings, unit, stale) is False
    assert await store.delivery(seen.id) == seen
    assert await store.audit_backlog() == 1
    assert await deferToThread(_advance, settings, unit, seen) is True
    assert await deferToThread(_advance, settings, unit, seen) is False


async def test_a_refused_unit_leaves_nothing(store: SqlStore, settings: StoreSettings) -> None:
    def work() -> None:
        bad = msgspec.structs.replace(audit(None), entry=None)  # type: ignore[arg-type]
        with open_clerk(settings) as clerk:
            with pytest.raises(UnitRefused):
                clerk.record(Record((audit(None), bad)))
            clerk.record(Record((audit(None),)))

    await deferToThread(work)
    assert await store.audit_backlog() == 1


async def test_two_writers_take_turns(store: SqlStore, settings: StoreSettings) -> None:
    """While the store commits group after group, a person gets through, and nothing is lost or out of place."""

    def work() -> None:
        with open_clerk(settings) as clerk:
            for _ in range(20):
                clerk.record(Record((audit(None, b"clerk"),)))

    done = deferToThread(work)
    for _ in range(20):
        await gatherResults([store.commit(Record((audit(None, b"store"),))) for _ in range(10)])
    await done
    source = store.audit_source()
    listed = await deferToThread(source.unsequenced, 1000)
    assert sorted(entry for _, entry in listed) == [b"clerk"] * 20 + [b"store"] * 200


def test_a_locked_database_is_unavailable(sqlite_settings: StoreSettings) -> None:
    store = opened(sqlite_settings)
    impatient = sqlite_settings.model_copy(update={"busy_timeout": 0.1})
    path = impatient.sqlite_path
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other, open_clerk(impatient) as clerk:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            clerk.record(Record((audit(None),)))
        other.execute("ROLLBACK")
        clerk.record(Record((audit(None),)))
    assert run(store.audit_backlog()) == 1
    run(store.stop())


def _set_version_0(session: WriteSession) -> int:
    return session.run("UPDATE schema_version SET number = 0")


def _set_version_99(session: WriteSession) -> int:
    return session.run("UPDATE schema_version SET number = 99")


async def test_it_migrates_nothing(store: SqlStore, settings: StoreSettings) -> None:
    await store.work(_set_version_0)
    with pytest.raises(ConfigError, match="older than the program"):
        await deferToThread(open_clerk, settings)
    await store.work(_set_version_99)
    with pytest.raises(ConfigError, match="upgrade the program"):
        await deferToThread(open_clerk, settings)


def test_it_creates_nothing(sqlite_settings: StoreSettings) -> None:
    assert sqlite_settings.sqlite_path is not None
    with pytest.raises(ConfigError, match="missing"):
        open_clerk(sqlite_settings)
    assert not Path(sqlite_settings.sqlite_path).exists()


@pytest.mark.postgresql
def test_it_needs_the_tables(postgresql_settings: StoreSettings) -> None:
    with pytest.raises(ConfigError, match="no tables"):
        open_clerk(postgresql_settings)

"""Entries get their places in the log."""

from __future__ import annotations

import threading

import psycopg
import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from gateway.store import SqlStore, StoreSettings, open_reader, reads
from gateway.store.api import AuditRow, Record
from tests.store.opening import opened, started
from tests.store.samples import accept, advance, audit
from tests.twisted_runner import run


def entry(number: int, message_id: str | None = None) -> AuditRow:
    return AuditRow(f"e{number}", message_id, b"%d" % number)


async def test_entries_in_commit_order(store: SqlStore) -> None:
    source = store.audit_source()
    assert await deferToThread(source.unsequenced, 10) == []
    assert await deferToThread(source.size) == 0
    await gatherResults([store.commit(Record((entry(2 * n), entry(2 * n + 1)))) for n in range(50)])
    first = await deferToThread(source.unsequenced, 30)
    assert first == [(f"e{n}", b"%d" % n) for n in range(30)]
    await deferToThread(source.sequence, 0, [id_ for id_, _ in first[:20]])
    assert await deferToThread(source.size) == 20
    assert (await deferToThread(source.unsequenced, 1000))[0] == ("e20", b"20")
    assert await deferToThread(source.sequenced, 15, 10) == [b"%d" % n for n in range(15, 20)]


async def test_entries_of_a_message(store: SqlStore) -> None:
    source = store.audit_source()
    unit = accept()
    await store.commit(unit)
    listed = await deferToThread(source.unsequenced, 10)
    await deferToThread(source.sequence, 0, [listed[0][0]])
    later = audit(unit.message.id, b"later")
    await store.commit(advance(unit.deliveries[0].id, "pending", "accepted", audit=(later,)))
    assert await deferToThread(source.find, unit.message.id) == [
        (0, unit.audit[0].id, b"{}"),
        (None, later.id, b"later"),
    ]


async def test_refused_units_leave_no_entries(store: SqlStore) -> None:
    unit = accept()
    again = accept(partner_message_id=unit.message.partner_message_id)
    late = advance(unit.deliveries[0].id, "sending", "accepted", audit=(audit(None),))
    waiting = [store.commit(unit), store.commit(again)]
    assert await store.commit(late) is False
    await gatherResults(waiting)
    listed = await deferToThread(store.audit_source().unsequenced, 10)
    assert [id_ for id_, _ in listed] == [unit.audit[0].id]


async def test_places_never_change(store: SqlStore) -> None:
    source = store.audit_source()
    await store.commit(Record((entry(0), entry(1))))
    await deferToThread(source.unsequenced, 10)
    with pytest.raises(ValueError, match="end at this index"):
        await deferToThread(source.sequence, 1, ["e0"])
    with pytest.raises(ValueError, match="order"):
        await deferToThread(source.sequence, 0, ["e1"])
    await deferToThread(source.sequence, 0, ["e0", "e1"])
    with pytest.raises(ValueError, match="order"):
        await deferToThread(source.sequence, 2, ["e0", "e1"])
    assert await deferToThread(source.sequenced, 0, 10) == [b"0", b"1"]


def test_places_survive_a_restart(settings: StoreSettings) -> None:
    store = opened(settings)
    run(_sequence_some(store))
    run(store.stop())
    store = opened(settings)
    source = store.audit_source()
    assert source.size() == 3
    assert source.unsequenced(10) == [("e3", b"3"), ("e4", b"4")]
    run(store.stop())


async def _sequence_some(store: SqlStore) -> None:
    source = store.audit_source()
    await store.commit(Record(tuple(entry(n) for n in range(5))))
    await deferToThread(source.unsequenced, 10)
    await deferToThread(source.sequence, 0, ["e0", "e1", "e2"])


async def test_integration_while_the_gateway_writes(store: SqlStore) -> None:
    source, done = store.audit_source(), threading.Event()

    def integrate() -> int:
        size = 0
        while True:
            last = done.is_set()
            listed = source.unsequenced(50)
            source.sequence(size, [id_ for id_, _ in listed])
            size += len(listed)
            if last and not listed:
                return size

    working = deferToThread(integrate)
    for group in range(10):
        await gatherResults([store.commit(Record((entry(100 * group + n),))) for n in range(100)])
    done.set()
    assert await working == 1000
    assert await deferToThread(source.sequenced, 0, 2000) == [b"%d" % n for n in range(1000)]


@pytest.mark.postgresql
async def test_a_late_commit_is_late_but_not_skipped(postgresql_settings: StoreSettings) -> None:
    store = await started(postgresql_settings)
    source = store.audit_source()
    with psycopg.connect(postgresql_settings.url.get_secret_value()) as slow:
        slow.execute(
            "WITH e AS (INSERT INTO audit (id, entry) VALUES ('slow', 's') RETURNING n)"
            " INSERT INTO audit_queue SELECT n FROM e"
        )
        await store.commit(Record((entry(1),)))
        assert await deferToThread(source.unsequenced, 10) == [("e1", b"1")]
        await deferToThread(source.sequence, 0, ["e1"])
    assert await deferToThread(source.unsequenced, 10) == [("slow", b"s")]
    await deferToThread(source.sequence, 1, ["slow"])
    assert await deferToThread(source.sequenced, 0, 10) == [b"1", b"s"]
    await store.stop()


async def test_what_a_reader_sees_of_the_log(store: SqlStore, settings: StoreSettings) -> None:
    with open_reader(settings) as reader:
        assert (reader.ask(reads.audit_size), reader.audit_backlog()) == (0, 0)
        await gatherResults([store.commit(Record((entry(n),))) for n in range(7)])
        source = store.audit_source()
        listed = await deferToThread(source.unsequenced, 5)
        await deferToThread(source.sequence, 0, [id_ for id_, _ in listed])
        assert (reader.ask(reads.audit_size), reader.audit_backlog()) == (5, 2)
        assert reader.ask(reads.audit_from, 3, 10) == [b"3", b"4"]
        assert reader.ask(reads.audit_from, 1, 2) == [b"1", b"2"]


async def test_the_backlog_is_what_has_no_place_yet(store: SqlStore) -> None:
    assert await store.audit_backlog() == 0
    await gatherResults([store.commit(Record((entry(n),))) for n in range(7)])
    assert await store.audit_backlog() == 7
    source = store.audit_source()
    listed = await deferToThread(source.unsequenced, 10)
    await deferToThread(source.sequence, 0, [id_ for id_, _ in listed[:5]])
    assert await store.audit_backlog() == 2
    await deferToThread(source.unsequenced, 10)
    await deferToThread(source.sequence, 5, [id_ for id_, _ in listed[5:]])
    assert await store.audit_backlog() == 0

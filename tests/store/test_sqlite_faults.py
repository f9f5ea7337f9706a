"""SQLite: locked, full, killed, opened twice. Whatever happens, acknowledged units are there."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import DeferredList

from gateway.contract import ConfigError, Unavailable
from gateway.store import SqlStore, StoreSettings, open_reader
from gateway.store.session import WriteSession
from tests.store.opening import opened, started
from tests.store.samples import accept
from tests.twisted_runner import run, sleep

QUICK = 0.2


@pytest.fixture(params=["process", "thread"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> StoreSettings:
    return StoreSettings.model_validate(
        {"url": f"sqlite:///{tmp_path}/x.db", "busy_timeout": QUICK, "writer": request.param}
    )


def foreign(settings: StoreSettings) -> sqlite3.Connection:
    """Some other program's connection to the same file."""
    assert settings.sqlite_path is not None
    return sqlite3.connect(settings.sqlite_path, isolation_level=None)


async def test_locked_for_a_moment(store: SqlStore, settings: StoreSettings) -> None:
    other = foreign(settings)
    other.execute("BEGIN IMMEDIATE")
    waiting = store.commit(accept())
    await sleep(QUICK / 3)
    other.execute("ROLLBACK")
    assert await waiting is None
    other.close()


async def test_locked_for_long(store: SqlStore, settings: StoreSettings) -> None:
    other = foreign(settings)
    other.execute("BEGIN IMMEDIATE")
    unit = accept()
    with pytest.raises(Unavailable, match="SQLITE_BUSY"):
        await store.commit(unit)
    assert await store.message(unit.message.id) is None  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert await store.commit(unit) is None


def limit(session: WriteSession, pages: int) -> None:
    session.rows(f"PRAGMA max_page_count = {pages}")


async def test_full_by_page_count(store: SqlStore) -> None:
    await store.work(limit, 60)
    units = [accept(raw=os.urandom(5000)) for _ in range(100)]
    results: list[Any] = await DeferredList([store.commit(unit) for unit in units], consumeErrors=True)
    assert {result.type for ok, result in results if not ok} == {Unavailable}
    for (ok, _), unit in zip(results, units, strict=True):
        assert (await store.message(unit.message.id) is not None) == ok
    await store.work(limit, 100_000)
    assert await store.commit(accept()) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk(small_disk: Path) -> None:
    settings = StoreSettings.model_validate({"url": f"sqlite:///{small_disk}/x.db"})
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    store = opened(settings)
    stored = run(_fill(store))
    assert stored
    ballast.unlink()
    assert run(store.commit(accept())) is None
    run(store.stop())
    with open_reader(settings) as reader:
        assert all(reader.message(id_) is not None for id_ in stored)


async def _fill(store: SqlStore) -> list[str]:
    """Commits until the disk is full; the ids of what was acknowledged."""
    stored: list[str] = []
    while True:
        unit = accept(raw=os.urandom(20_000))
        try:
            await store.commit(unit)
        except Unavailable:
            assert await store.message(unit.message.id) is None
            return stored
        stored.append(unit.message.id)


def test_a_second_process_is_told_who_has_it(settings: StoreSettings) -> None:
    store = opened(settings)
    program = (
        "from tests.store.opening import opened; from gateway.store import StoreSettings;"
        f"opened(StoreSettings(url={settings.url.get_secret_value()!r}))"
    )
    second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"pid {os.getpid()}" in second.stderr
    run(store.stop())
    run(opened(settings).stop())


def test_a_database_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(ConfigError):
        opened(StoreSettings.model_validate({"url": f"sqlite:///{tmp_path}/folder.db"}))


async def test_after_the_end(settings: StoreSettings) -> None:
    store = await started(settings)
    last = accept()
    waiting = store.commit(last)
    await store.stop()
    assert await waiting is None  # handed in before
    with pytest.raises(Unavailable):
        await store.commit(accept())
    with pytest.raises(Unavailable):
        await store.message("m")


CHILD = """
import sys
from twisted.internet.defer import gatherResults
from gateway.store import StoreSettings
from tests.store.opening import opened
from tests.store.samples import accept, advance
from tests.twisted_runner import run

async def work(store):
    while True:
        units = [accept(raw=bytes(5000)) for _ in range(50)]
        for waiting, unit in [(store.commit(unit), unit) for unit in units]:
            await waiting
            print(unit.message.id, flush=True)
        steps = [advance(unit.deliveries[0].id, "pending", "sending") for unit in units]
        for waiting, unit in [(store.commit(step), unit) for step, unit in zip(steps, units)]:
            assert await waiting
            print(unit.message.id, "sending", flush=True)

run(work(opened(StoreSettings(url=sys.argv[1]))), timeout=60)
"""


@pytest.mark.parametrize("moment", [0.05, 0.2, 0.4])
def test_killed_in_the_middle(settings: StoreSettings, moment: float) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, settings.url.get_secret_value()], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = [child.stdout.readline()]
    time.sleep(moment)
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    assert told[0].endswith("\n")
    store = opened(settings)
    run(_all_there(store, [line.split() for line in told if line.endswith("\n")]))
    run(store.stop())


async def _all_there(store: SqlStore, told: list[list[str]]) -> None:
    begun = {id_ for id_, *rest in told if rest}
    for id_ in {id_ for id_, *_ in told}:
        assert await store.message(id_) is not None
        [row] = await store.deliveries_of(id_)
        assert row.state == "sending" or id_ not in begun
    counts = await store.counts()
    owed = await store.owed(9_999, 100_000)
    assert counts.get(("fund-1", "pending"), 0) == len(owed)

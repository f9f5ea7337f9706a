"""Killed in the middle of booking, again and again: every record is booked once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.canonical.envelope import decode, encode
from gateway.contract import Accepted
from gateway.payments.desk import Desk
from gateway.store import StoreSettings
from gateway.store import payments_reads as reads
from tests.kills import killed_again_and_again
from tests.payments.world import World, item, result, returned
from tests.payments.world import settings as payments
from tests.store.opening import started
from tests.twisted_runner import run

TIMEOUT = 240.0
COUNT = 3_000
KILLS = 8
CHUNK = 100  #: small, so that there is always something left to be killed in


def _at(folder: Path) -> StoreSettings:
    return StoreSettings.model_validate({"url": f"sqlite:///{folder}/g.db", "writer": "process"})


async def _prepare(folder: Path) -> None:
    store = await started(_at(folder))
    world = World(store, _at(folder), folder, payments(max_amount="1000000000.00"))
    await world.live_batch([item(n) for n in range(1, COUNT + 1)])
    [batch_id] = {row.batch_id for row in world.items(limit=1)}
    words = [result(n, "settled" if n % 10 else "rejected.x", raw_text="说明") for n in range(1, COUNT + 1)]
    kept = world.kept(folder, words)
    (folder / "message").write_bytes(encode(world.message(returned(batch_id, []), "bank-a", kept)))
    world.close()
    await store.stop()


async def book(folder: Path) -> None:
    """What the killed process does: takes the message in, from where it was left."""
    store = await started(_at(folder))
    world = World(store, _at(folder), folder)
    world.desk = Desk(replace(world.parts, chunk=CHUNK))
    print("ready", flush=True)
    outcome = await world.send(decode((folder / "message").read_bytes()))
    assert isinstance(outcome, Accepted)
    world.close()
    await store.stop()


def test_every_record_is_booked_once_whatever_is_killed_when(tmp_path: Path) -> None:
    run(_prepare(tmp_path), timeout=60)
    killed_again_and_again("tests.payments.test_kills", "book", tmp_path, kills=KILLS, within=0.1)
    run(_check(tmp_path), timeout=60)


async def _check(folder: Path) -> None:
    store = await started(_at(folder))
    world = World(store, _at(folder), folder)
    rows = world.items()
    assert [row.state for row in rows] == ["settled" if n % 10 else "rejected" for n in range(1, COUNT + 1)]
    [(words,)] = world.beside.ask(lambda s: s.rows("SELECT count(*) FROM payment_history"))
    assert words == COUNT
    assert world.differences() == []
    assert rows[0].batch_id is not None
    assert world.state_of(rows[0].batch_id) == "closed"
    assert world.beside.ask(reads.history, rows[-1].id)[0].status == "rejected.x"
    world.close()
    await store.stop()

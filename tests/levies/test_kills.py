"""Killed in the middle of a file, its packages, its results and the day's check, again and again: every debit is registered,
sent and booked once."""

from __future__ import annotations

from pathlib import Path

from gateway.canonical import Body, Message
from gateway.canonical.envelope import decode, encode
from gateway.canonical.levy import DebitBatchSubmitted
from gateway.contract import Accepted
from gateway.store import StoreSettings
from gateway.store import levies_reads as reads
from gateway.store.api import Filter
from tests.kills import killed_again_and_again
from tests.levies.world import NO, OK, World, check, debit, file, listed, result, returned, settings
from tests.store.opening import started
from tests.twisted_runner import run

COUNT = 2_000
KILLS = 10


def _at(folder: Path) -> StoreSettings:
    return StoreSettings.model_validate({"url": f"sqlite:///{folder}/g.db", "writer": "process"})


async def _world(folder: Path) -> World:
    return World(await started(_at(folder)), _at(folder), folder, settings(max_items=150))


async def _prepare(folder: Path) -> None:
    world = await _world(folder)
    kept = world.kept(folder, [debit(n) for n in range(1, COUNT + 1)])
    (folder / "file").write_bytes(encode(world.message(file([]), "levy-office", kept)))
    await _close(world)


async def _close(world: World) -> None:
    world.close()
    await world.store.stop()


def _fate(number: int) -> str:
    return NO if number % 10 == 0 else OK


async def a_day(folder: Path) -> None:
    """What the killed process does: everything, from the beginning. What is in already is in."""
    world = await _world(folder)
    print("ready", flush=True)
    asked = decode((folder / "file").read_bytes())
    assert isinstance(await world.send(asked), Accepted)
    for row, _ in world.ask(reads.packages, asked.id):
        await world.delivered(row.delivery_id, "accepted")
    told = folder / "told"
    if not told.exists():
        told.mkdir()
    for number, body in enumerate(await _words(world, asked)):
        kept = told / f"{number:04}"
        if not kept.exists():
            kept.with_suffix(".new").write_bytes(encode(world.message(body, "treasury")))
            kept.with_suffix(".new").rename(kept)
        assert isinstance(await world.send(decode(kept.read_bytes())), Accepted)
    await world.look()
    await _close(world)


async def _words(world: World, asked: Message) -> list[Body]:
    """The results of all packages but the last, then the check of the day and, since one was not answered, of the next."""
    rows = world.debits(file=asked.id)
    packages = [row.batch_no for row, _ in world.ask(reads.packages, asked.id)]
    numbers = {name: [int(r.serial) for r in rows if r.package == name] for name in packages}
    words = [returned(name, [result(n, _fate(n)) for n in numbers[name]]) for name in packages[:-1]]
    taken = [listed(n) for n in range(1, COUNT + 1) if _fate(n) == OK]
    later = check([], day=listed(1).entrusted_on.replace(day=23))
    return [*words, *check(taken, size=400), *later]


def test_every_debit_is_booked_once_whatever_is_killed_when(tmp_path: Path) -> None:
    run(_prepare(tmp_path), timeout=60)
    killed_again_and_again("tests.levies.test_kills", "a_day", tmp_path, kills=KILLS, within=0.25)
    run(_check(tmp_path), timeout=60)


async def _check(folder: Path) -> None:
    world = await _world(folder)
    rows = {int(row.serial): row for row in world.debits()}
    assert {n: row.state for n, row in rows.items()} == {
        n: "success" if _fate(n) == OK else "no-effect" if row.package == _last(world) else "refused"
        for n, row in rows.items()
    }
    assert len(rows) == COUNT
    sent = await world.store.find(Filter(type="levy.batch.submitted.v1", partner="levies", limit=1000))
    bodies = [world.vault.open_message(one.message.body, one.message.id).data for one in sent]
    vouchers = [
        one.voucher_no for body in bodies if isinstance(body, DebitBatchSubmitted) for one in body.debits
    ]
    assert sorted(vouchers) == sorted(row.voucher_no for row in rows.values()), "a debit was sent twice"
    receipts = sorted(row.receipt for row in rows.values() if row.receipt)
    assert receipts == [f"YB2026{n:08}" for n in range(1, COUNT * 9 // 10 + 1)]
    [(words,)] = world.ask(lambda s: s.rows("SELECT count(*) FROM levy_history"))
    assert words == COUNT
    assert world.differences() == []
    assert [len(body.results) for body in await world.reports()] == [COUNT]
    await _close(world)


def _last(world: World) -> str:
    [one] = world.ask(reads.files, None, 10)
    found = [row.batch_no for row, _ in world.ask(reads.packages, one.message_id)]
    return str(found[-1])

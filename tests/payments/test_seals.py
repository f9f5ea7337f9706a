"""What is sealed of payments: keys that rotate, tags that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.contract import ConfigError
from gateway.payments import batches
from gateway.payments.batch_acts import batch_of
from gateway.payments.seals import Seals
from gateway.store import payments_reads as reads
from gateway.store.keyring import KeyRing
from tests.payments.world import World, item, result, returned


async def test_after_a_rotation_everything_opens_under_the_new_key(world: World, tmp_path: Path) -> None:
    batch_id = await world.live_batch([item(n) for n in range(1, 4)])
    await world.tell(returned(batch_id, [result(n, raw_text=f"说明{n}") for n in (1, 2, 3)]))
    ring = KeyRing.load(tmp_path / "payload.keys")
    ring.rotate()
    place: str | None = ""
    while place is not None:
        place = await world.store.reseal(ring, place, 2)
    for row in world.items():
        [word] = world.beside.ask(reads.history, row.id)
        assert row.sealed[1:5].hex() == ring.current
        assert bytes(word.text or b"")[1:5].hex() == ring.current
    seals = Seals.load(KeyRing.load(tmp_path / "payload.keys"), tmp_path / "payment.tag")
    built = batch_of(world.office, batch_id)
    account = world.settings.accounts[0]
    again = batches.as_built(account, built, world.beside.ask(reads.items_of, batch_id), seals)
    assert again.items[2].name == "虚构3"


async def test_a_payee_is_found_by_its_tag_alone(world: World) -> None:
    await world.propose([item(1), item(2), item(3, account_no="6229990000000000001")])
    tag = world.seals.tag("6229990000000000001")
    assert [row.own_sequence for row in world.items(account_tag=tag)] == [1, 3]


def test_the_tag_key_is_made_once_and_kept(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "keys")
    first = Seals.load(ring, tmp_path / "tag").tag("1")
    assert Seals.load(ring, tmp_path / "tag").tag("1") == first
    assert [path.name for path in tmp_path.glob("tag*")] == ["tag"]
    (tmp_path / "tag").chmod(0o644)
    with pytest.raises(ConfigError):
        Seals.load(ring, tmp_path / "tag")

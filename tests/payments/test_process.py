"""The same guards where the store's writer is a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.contract import Accepted
from gateway.store import Moved, StoreSettings
from gateway.store import payments_booking as booking
from gateway.store.payments import Book
from tests.payments.world import World, item, result, returned
from tests.store.opening import started


async def test_what_has_moved_is_said_across_processes(tmp_path: Path) -> None:
    at = StoreSettings.model_validate({"url": f"sqlite:///{tmp_path}/g.db", "writer": "process"})
    store = await started(at)
    world = World(store, at, tmp_path)
    try:
        batch_id = await world.live_batch([item(n) for n in range(1, 31)])
        message = world.message(returned(batch_id, [result(n) for n in range(1, 31)]), "bank-a")
        assert isinstance(await world.send(message), Accepted)
        with pytest.raises(Moved) as caught:
            await store.work(booking.book, Book(message_id=message.id, position=7, after=14))
        assert "重新查看" in caught.value.zh
        assert set(world.states().values()) == {"settled"}
    finally:
        world.close()
        await store.stop()

"""`/readyz` of a gateway that starts and stops."""

from __future__ import annotations

from pathlib import Path

import msgspec
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gateway.engine.assembly import Gateway
from gateway.transports.http import HttpClient
from tests.engine.scripted import Platform, configuration, until


class SlowReceiver:
    """Opens its port when it is told to; while it is to close, somebody asks."""

    def __init__(self) -> None:
        self.begun, self.opened = Deferred[None](), Deferred[None]()
        self.closing, self.closed = Deferred[None](), Deferred[None]()

    async def start(self) -> None:
        self.begun.callback(None)
        await self.opened

    async def stop(self) -> None:
        self.closing.callback(None)
        await self.closed


async def test_it_is_ready_only_while_every_receiver_is_open(tmp_path: Path) -> None:
    """Whoever sends as soon as the gateway says that it is ready must not be refused a connection."""
    gateway = Gateway(configuration(tmp_path, Platform(), {}, "reverse"), reactor)
    slow = SlowReceiver()
    gateway.receivers["slow"] = slow
    client = HttpClient()

    async def ready() -> tuple[bool, bool]:
        answer = await client.request("GET", f"http://127.0.0.1:{gateway.admin.port}/readyz")
        told = msgspec.json.decode(answer.body)
        return told["ready"], told["parts"]["receivers"]["ok"]

    started = Deferred.fromCoroutine(gateway.start())
    await slow.begun
    assert await ready() == (False, False)
    slow.opened.callback(None)
    await started

    async def all_is() -> bool:
        return await ready() == (True, True)

    await until(all_is)  # with the first checkpoint
    stopped = Deferred.fromCoroutine(gateway.stop())
    await slow.closing
    assert await ready() == (False, False)
    slow.closed.callback(None)
    await stopped
    client.close()

"""SIGKILL while a file is split into a feed, and a broker that goes away meanwhile: every record comes, as it was."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from twisted.internet import reactor

from bench.records_file import expected, write
from gateway.bus import Bus, BusSettings, Delivered, make_bus
from gateway.bus.private_broker import PrivateBroker
from gateway.canonical.envelope import decode
from gateway.canonical.payment import ItemReturned
from gateway.engine.feed_seal import FeedKey
from gateway.store import open_reader
from gateway.store.api import Filter
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from gateway.store.settings import StoreSettings
from tests.twisted_runner import sleep

TIMEOUT = 240.0
QUEUE = "gateway.feed.core"
RECORDS = 20_000

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    own = PrivateBroker(tmp_path / "broker")
    own.start()
    yield own
    own.stop()


class Bank:
    """A gateway in a process of its own, whose bank gives the same file at every start."""

    def __init__(self, folder: Path, amqp: str) -> None:
        self.folder = folder
        folder.mkdir()
        key = folder / "core.key"
        key.write_bytes(base64.b64encode(os.urandom(32)))
        key.chmod(0o600)
        self.key = FeedKey.load(key)
        self.file = folder / "return.txt"
        write(self.file, RECORDS)
        self._command = [sys.executable, "-m", "bench.records_gateway", str(folder), amqp, str(self.file)]
        self._log = (folder / "log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def states(self) -> list[tuple[str, str]]:
        """Message and state of every delivery."""
        if not (self.folder / "gateway.db").exists():
            return []
        settings = StoreSettings.model_validate({"url": f"sqlite:///{self.folder}/gateway.db"})
        with open_reader(settings) as reader:
            return [(f.message.id, d.state) for f in reader.find(Filter()) for d in f.deliveries]


class Core:
    """The system that books item by item. It knows repetitions by their ids."""

    def __init__(self, key: FeedKey) -> None:
        self.total = 0
        self.numbers: set[int] = set()
        self._key = key

    async def start(self, bus: Bus) -> None:
        await bus.start()
        await bus.declare(QUEUE, [])
        await bus.consume(QUEUE, self._take, 500)

    def _take(self, delivered: Delivered) -> None:
        message = decode(self._key.open(delivered.message_id, delivered.body))
        number = int(message.id.rpartition("-")[2])
        assert message.id == delivered.message_id
        assert isinstance(message.data, ItemReturned)
        assert message.data.result == expected(number)
        self.total += 1
        self.numbers.add(number)
        delivered.ack()


async def test_every_record_comes_whatever_is_killed(tmp_path: Path, broker: PrivateBroker) -> None:
    chance = random.Random(7)
    bank = Bank(tmp_path / "bank", broker.url)
    core = Core(bank.key)
    bus = make_bus(BusSettings.model_validate({"kind": "rabbitmq", "url": SecretStr(broker.url)}), reactor)
    await core.start(bus)
    kills = 0
    try:
        while kills < 8 and len(core.numbers) < RECORDS:
            before = core.total
            bank.start()
            for _ in range(100):
                if core.total > before:
                    break
                await sleep(0.05)
            await sleep(chance.uniform(0.0, 0.25))
            bank.kill()
            kills += 1
            if kills == 3:
                broker.sync()
                broker.restart()
        assert kills >= 3, "it was over too soon to show anything"
        bank.start()
        for _ in range(1200):
            states = bank.states()
            if len(core.numbers) == RECORDS and {state for _, state in states} == {"accepted"}:
                break
            await sleep(0.1)
        bank.kill()
        (message,) = {message for message, _ in states}
        assert [state for _, state in states] == ["accepted"], states
        assert core.numbers == set(range(1, RECORDS + 1))
        chest = Chest(bank.folder / "chest", KeyRing.load(bank.folder / "keys" / "payload.keys"))
        assert chest.digest(message)
    finally:
        await bus.stop()

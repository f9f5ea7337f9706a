"""Everything around the gateway breaks while a hospital works: broker, store, disk, and the province."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.stage import Stage, post
from gateway.bus.private_broker import PrivateBroker
from tests.chaos.load import Hospital, reckon, rest, written
from tests.twisted_runner import sleep

TIMEOUT = 240.0
MONEY = ("2204", "2207", "2208")


@asynccontextmanager
async def at_work(stage: Stage, **changes: Any) -> AsyncIterator[Hospital]:
    """A hospital at work for the time of a block, and the reckoning after it."""
    stage.prepare(**changes)
    stage.start_platform()
    try:
        stage.start_gateway()
        hospital = Hospital(stage)
        hospital.start()
        await sleep(0.5)
        yield hospital
        await sleep(0.5)
        stage.clear_faults()
        await hospital.finish()
        await rest(stage, 90)
        await written(stage)
        assert reckon(stage, hospital).get("accepted", 0) > 10
    finally:
        stage.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    own = PrivateBroker(tmp_path_factory.mktemp("broker"))
    own.start()
    yield own
    own.stop()


@pytest.mark.rabbitmq
async def test_the_broker_is_stopped_and_started_again(tmp_path: Path, broker: PrivateBroker) -> None:
    stage = Stage(tmp_path / "stage", bus="rabbitmq", amqp=broker.url)
    async with at_work(stage) as hospital:
        broker.sync()
        broker.stop()
        before = len(hospital.answers)
        await sleep(2.0)
        assert len(hospital.uploads & hospital.answers.keys()) > 0
        assert len(hospital.answers) > before, "uploads are accepted while the broker is away"
        broker.start()


@pytest.mark.rabbitmq
async def test_the_broker_is_killed_and_comes_back_empty(tmp_path: Path, broker: PrivateBroker) -> None:
    stage = Stage(tmp_path / "stage", bus="rabbitmq", amqp=broker.url)
    async with at_work(stage):
        broker.kill()
        broker.wipe()
        broker.start()
        await sleep(1.0)


async def test_the_province_does_everything_wrong(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    async with at_work(stage, province={"settings": {"timeout": "1s"}}):
        for kind in (
            "drop-after-commit",
            "reset-before",
            "silence",
            "answer-twice",
            "truncated",
            "http-502",
            "http-502-after-commit",
            "false-refusal",
            "slow-drip",
            "output-string",
            "extra-fields",
            "other-total",
        ):
            post(
                f"{stage.control}/faults",
                {"kind": kind, "infno": "2207", "probability": 0.06, "seconds": 0.5},
            )
        post(f"{stage.control}/faults", {"kind": "drop-after-commit", "infno": "2601", "probability": 0.3})
        post(f"{stage.control}/faults", {"kind": "silence", "infno": "5203", "probability": 0.2})
        post(f"{stage.control}/faults", {"kind": "drop-after-commit", "infno": "2204", "probability": 0.1})
        await sleep(8.0)


async def test_the_province_fails_while_the_gateway_is_killed(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    async with at_work(stage, province={"settings": {"timeout": "1s"}}):
        for kind in ("drop-after-commit", "reset-before", "silence"):
            post(f"{stage.control}/faults", {"kind": kind, "infno": "2207", "probability": 0.15})
        for _ in range(4):
            await sleep(0.8)
            stage.kill_gateway()
            stage.start_gateway(wait=False)
        stage.await_ready()
        await sleep(1.0)


async def test_another_process_locks_the_database(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    async with at_work(stage, gateway={"store": {"busy_timeout": "500ms"}}) as hospital:
        thief = sqlite3.connect(stage.folder / "gateway.db", isolation_level=None)
        thief.execute("BEGIN IMMEDIATE")
        before = len(hospital.answers)
        await sleep(3.0)
        assert len(hospital.answers) <= before + hospital.lines, "nothing may be acknowledged meanwhile"
        thief.execute("ROLLBACK")
        thief.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tongqu-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root; without it a full disk cannot be made")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_the_disk_is_full(small_disk: Path) -> None:
    stage = Stage(small_disk / "stage")
    async with at_work(stage) as hospital:
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            _fill(ballast)
        await sleep(2.0)
        before = len(hospital.answers)
        await sleep(1.0)
        assert len(hospital.answers) <= before + hospital.lines, "nothing may be acknowledged meanwhile"
        ballast.unlink()
        await sleep(1.0)


def _fill(ballast: Path) -> None:
    """Writes until there is no more room."""
    with ballast.open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
            file.flush()

"""SIGKILL at random moments under load: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from demo.stage import Stage
from tests.chaos.load import Hospital, reckon, rest, written
from tests.twisted_runner import sleep

TIMEOUT = 3600.0


async def kill_again_and_again(stage: Stage, kills: int, seed: int) -> dict[str, int]:
    """Kills the gateway `kills` times while a hospital works; returns the states at the end."""
    chance = random.Random(seed)
    stage.start_platform()
    stage.start_gateway()
    hospital = Hospital(stage)
    hospital.start()
    try:
        for _ in range(kills):
            await sleep(chance.uniform(0.05, 0.6))
            stage.kill_gateway()
            stage.start_gateway(wait=False)
            await sleep(chance.choice([0.0, 0.3, 1.2]))
        stage.await_ready()
        await sleep(1.0)
        await hospital.finish()
        states = await rest(stage)
        await written(stage)
        seen = reckon(stage, hospital)
        assert sum(seen.values()) >= kills, f"too little was going on: {seen}"
        assert not states["in-doubt"], states
        return seen
    finally:
        stage.stop()


async def test_twelve_kills(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    stage.prepare()
    await kill_again_and_again(stage, 12, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
async def test_two_hundred_kills(tmp_path: Path, seed: int) -> None:
    """Fifty kills for each of four seeds."""
    stage = Stage(tmp_path / "stage")
    stage.prepare()
    await kill_again_and_again(stage, 50, seed=100 + seed)

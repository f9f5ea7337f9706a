"""Lists: calls of the right size, rows in any order, and an end that is reached whatever is killed when."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor

from adapters.police.simulator import Options, Simulator, invented
from gateway.contract import Accepted, PartnerDown, Reject, RetryLater, Unknown
from tests.adapters.police.rig import MATCH, NO_PHOTO, NOBODY, checks, rig
from tests.twisted_runner import sleep

MANY = 10_000
MIXED = [MATCH, (NO_PHOTO[0], "李错名"), NOBODY, NO_PHOTO]
OUTCOMES = ["match", "mismatch", "not_found", "match"]


def people(count: int) -> list[tuple[str, str]]:
    return [(p.number, p.name) for p in map(invented, range(count))]


@pytest.mark.parametrize("kind", ["nciic", "rbsp", "json"])
async def test_mixed(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        assert await it.outcomes(checks(MIXED)) == OUTCOMES
        assert await it.used() == 4
        assert it.told[-1][1:] == (4, 4)


@pytest.mark.parametrize("fault", ["shuffle", "no-numbers"])
async def test_rows_in_any_order(tmp_path: Path, fault: str) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault(fault)
        assert await it.outcomes(checks(MIXED)) == OUTCOMES


async def test_one_person_twice_under_two_names(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        asked = checks([(MATCH[0], "李错名"), MATCH, (MATCH[0], "王错名")])
        it.simulator.fault("no-numbers")
        assert await it.outcomes(asked) == ["mismatch", "match", "mismatch"]


async def test_a_row_left_out_is_asked_alone(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("missing-row")
        assert await it.outcomes(checks(MIXED)) == OUTCOMES
        it.simulator.fault("missing-row", count=2)
        assert await it.outcomes(checks(MIXED)) == [*OUTCOMES[:3], "unavailable"]


async def test_answers_about_strangers_are_nobodys(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("stranger", count=9)
        assert await it.outcomes(checks(MIXED)) == ["unavailable"] * 4


@pytest.mark.parametrize(
    ("fault", "outcome"), [("http-500", RetryLater), ("truncated", Unknown), ("licence", RetryLater)]
)
async def test_a_retry_asks_only_what_is_missing(tmp_path: Path, fault: str, outcome: Any) -> None:
    async with rig(tmp_path, parallel=1, offered={"rows_per_call": 2}) as it:
        it.platform.register.fill(10)
        message, prepared = await it.prepare(checks(people(10)))
        it.simulator.fault("shuffle", count=3)  # three calls are answered, the fourth fails
        it.simulator.fault(fault)
        stopped = await it.sender.send(message, prepared)
        assert isinstance(stopped, outcome)
        assert isinstance(stopped, RetryLater | Unknown)
        assert "6/10" in stopped.reason
        asked_before = set(it.platform.asked)
        it.platform.asked.clear()
        await it.close()
        it.begin()
        done = await it.sender.send(message, prepared)
        assert isinstance(done, Accepted)
        first_three = {number for number, _ in people(6)}
        assert asked_before >= first_three
        assert not first_three & set(it.platform.asked)


async def test_the_line_breaks(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await it.prepare(checks(MIXED))
        await it.simulator.stop()
        with pytest.raises(PartnerDown):
            await it.sender.send(message, prepared)
        assert await it.used() == 0


async def test_a_defect_stops_the_whole_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call of an attempt that is over runs beside the next one."""
    async with rig(tmp_path, parallel=3, offered={"rows_per_call": 1}) as it:
        it.platform.register.fill(30)
        message, prepared = await it.prepare(checks(people(30)))
        memory, keep = it.sender._channel.memory, it.sender._channel.memory.keep
        kept: list[int] = []

        async def full(*args: Any) -> None:
            kept.append(1)
            if len(kept) == 4:
                raise OSError("no space left on device")
            await keep(*args)

        monkeypatch.setattr(memory, "keep", full)
        with pytest.raises(OSError, match="no space"):
            await it.sender.send(message, prepared)
        asked = it.platform.asked.total()
        assert asked < 10
        await sleep(0.2)
        assert it.platform.asked.total() == asked


async def test_the_quota_ends_in_the_middle(tmp_path: Path) -> None:
    async with rig(tmp_path, quota={"daily": 7}, offered={"rows_per_call": 3}, parallel=2) as it:
        it.platform.register.fill(10)
        message, prepared = await it.prepare(checks(people(10)))
        stopped = await it.sender.send(message, prepared)
        assert isinstance(stopped, RetryLater)
        assert "7/10" in stopped.reason
        assert it.platform.asked.total() == 7
        it.harness.clock.offset = 86400.0
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert it.platform.asked.total() == 10


def asker(folder: Path, url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.adapters.police.asker", str(folder), url, str(MANY)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


async def test_ten_thousand_rows_and_a_kill(tmp_path: Path) -> None:
    simulator = await Simulator.start(reactor, Options(photos=False))
    simulator.platform.register.fill(MANY - 1_000)
    asked = simulator.platform.asked
    first = asker(tmp_path, simulator.url)
    while asked.total() < MANY // 3:
        assert first.poll() is None
        await sleep(0.005)
    first.kill()
    first.wait()
    before = asked.total()
    assert before < MANY
    second = asker(tmp_path, simulator.url)
    while second.poll() is None:
        await sleep(0.05)
    assert second.stdout is not None
    assert second.stdout.read() == b"9000 1000"
    # Only calls that were under way when it died were asked again: four of them, 50 rows each.
    assert len(asked) == MANY
    assert asked.total() - MANY <= 4 * 50
    await simulator.stop()


async def test_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with rig(tmp_path, photos_per_list=2) as it:
        for body, field in (
            (checks([]), "persons"),
            (checks([MATCH, ("990101199001010018", "张测试")]), "persons[1].document_no"),
            (checks([*[MATCH] * 60, (NO_PHOTO[0], "李\0例")]), "persons[60].name"),
            (checks(MIXED, photo_wanted=True), "photo_wanted"),
        ):
            with pytest.raises(Reject) as refused:
                await it.prepare(body)
            assert field in refused.value.field
        assert it.platform.requests == []

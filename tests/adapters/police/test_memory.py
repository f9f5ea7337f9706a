"""Quota and kept answers: across restarts and midnight, and never a number on the disk."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

from adapters.police.settings import PoliceSettings
from gateway.contract import RetryLater
from tests.adapters.police.rig import DIALECTS, MATCH, PURPOSE, check, checks, rig, service

NOON = dt.datetime(2026, 11, 22, 4, 0, tzinfo=dt.UTC)


async def test_the_quota_outlives_a_restart_and_ends_at_midnight_in_china(tmp_path: Path) -> None:
    async with rig(tmp_path, quota={"daily": 3}) as it:
        it.harness.clock.fixed = NOON
        for _ in range(2):
            await it.answer(check())
        await it.close()
        it.begin()
        it.harness.clock.fixed = NOON
        await it.answer(check())
        stopped = await it.send(check())
        assert isinstance(stopped, RetryLater)
        assert stopped.after == 12 * 3600
        it.harness.clock.fixed = NOON + dt.timedelta(hours=12, seconds=-1)
        assert isinstance(await it.send(check()), RetryLater)
        it.harness.clock.fixed = NOON + dt.timedelta(hours=12)
        assert (await it.answer(check())).outcome == "match"
        assert it.platform.asked.total() == 4


async def test_operators_are_warned_once(tmp_path: Path) -> None:
    async with rig(tmp_path, quota={"daily": 5}) as it:
        for _ in range(5):
            await it.answer(check())
        events = [entry[1] for entry in it.harness.log.entries]
        assert events.count("police.quota_low") == 1
        assert "police.quota_exhausted" not in events
        await it.send(check())
        assert it.harness.log.entries[-2][1] == "police.quota_exhausted"


async def test_nothing_is_kept_unless_the_purpose_allows_it(tmp_path: Path) -> None:
    for number, (cache, asked) in enumerate([({}, 2), ({"其他": "1h"}, 2), ({PURPOSE: "1h"}, 1)]):
        async with rig(tmp_path / str(number), cache=cache) as it:
            await it.answer(check())
            await it.answer(check())
            assert it.platform.asked.total() == asked


async def test_a_kept_answer_says_so_and_ages(tmp_path: Path) -> None:
    for kind in DIALECTS:
        async with rig(tmp_path / kind, kind, cache={PURPOSE: "1h"}) as it:
            fresh = await it.answer(check())
            assert "缓存" not in (fresh.raw_text or "")
            await it.close()
            it.begin()
            kept = await it.answer(check())
            assert "缓存" in (kept.raw_text or "")
            assert (kept.outcome, kept.records) == (fresh.outcome, fresh.records)
            assert "police.answered_from_cache" in [entry[1] for entry in it.harness.log.entries]
            # Another name, another purpose, a photo: other questions.
            assert (await it.answer(check((MATCH[0], "李错名")))).outcome == "mismatch"
            await it.answer(check(purpose="其他"), purpose="其他")
            assert it.platform.asked.total() == 3
            assert await it.outcomes(checks([MATCH])) == ["match"]
            assert it.platform.asked.total() == 3
            it.harness.clock.offset = 3601.0
            assert "缓存" not in ((await it.answer(check())).raw_text or "")


async def test_what_is_not_settled_is_not_kept(tmp_path: Path) -> None:
    async with rig(tmp_path, cache={PURPOSE: "1h"}) as it:
        it.simulator.fault("http-500")
        await it.send(check())
        assert (await it.answer(check())).outcome == "match"


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


async def test_the_disk_knows_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path, "json", cache={PURPOSE: "1h"}) as it:
        await it.answer(check())
        await it.outcomes(checks([MATCH]))
        await it.close()
    files = files_in(tmp_path)
    assert files
    content = b"".join(file.read_bytes() for file in files)
    for secret in (MATCH[0], MATCH[1], "虚构市示例路", PURPOSE, "match"):
        assert secret.encode() not in content
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_another_key_opens_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, cache={PURPOSE: "1h"}) as it:
        await it.answer(check())
        await it.close()
        it.settings = PoliceSettings.model_validate(
            {
                "service": service("nciic", it.simulator.url),
                "cache": {PURPOSE: "1h"},
                "key": "another key of at least 32 characters",
            }
        )
        it.begin()
        assert "缓存" not in ((await it.answer(check())).raw_text or "")
        assert it.platform.asked.total() == 2

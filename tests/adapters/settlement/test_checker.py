"""The connection test tells an operator at which step it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.settlement.simulator import Options
from gateway.contract import CheckStep
from tests.adapters.settlement.rig import Rig, rig


async def _steps(it: Rig) -> list[CheckStep]:
    steps = [step async for step in it.checker.check()]
    assert all(step.zh and step.en for step in steps)
    assert all(step.ok for step in steps[:-1])
    return steps


@pytest.mark.parametrize(
    ("changes", "names", "ok"),
    [
        ({}, ["dns", "tcp", "answer"], True),
        ({"check": {"probe": "none"}}, ["dns", "tcp"], True),
        ({"tif": {"paasid": "demo-app", "token": "wrong"}}, ["dns", "tcp", "answer"], False),
        ({"base_url": "http://no-such-host.invalid/x"}, ["dns"], False),
        ({"base_url": "http://127.0.0.1:1/x"}, ["dns", "tcp"], False),
    ],
    ids=["get", "none", "token", "dns", "port"],
)
async def test_steps(tmp_path: Path, changes: dict[str, Any], names: list[str], ok: bool) -> None:
    async with rig(tmp_path, **changes) as it:
        steps = await _steps(it)
        assert [step.name for step in steps] == names
        assert steps[-1].ok is ok


async def test_https_is_checked_by_its_handshake(tmp_path: Path) -> None:
    async with rig(tmp_path) as plain:
        url = plain.simulator.url.replace("http:", "https:")
        async with rig(tmp_path, base_url=url) as it:
            steps = await _steps(it)
            assert not steps[-1].ok


async def test_signing_in_and_out(tmp_path: Path) -> None:
    changes = {
        "sign_in": {"ip": "192.0.2.10"},
        "check": {"probe": "sign-in", "institution_code": "H99010100001", "institution_name": "示例医院"},
    }
    async with rig(tmp_path, Options(sign_in=True), **changes) as it:
        assert [step.name for step in await _steps(it)] == ["dns", "tcp", "sign-in"]
        assert it.simulator.platform.sign_nos == set()
        assert it.simulator.ledger.settlements == {}
        it.simulator.fault("refusal", "9001")
        assert not (await _steps(it))[-1].ok

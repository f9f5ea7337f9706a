"""The connection test, the contracts it reads, and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.police import adapter
from adapters.police.contracts import SHIPPED, call_of
from adapters.police.dialects.nciic import PARAMETERS
from adapters.police.settings import PoliceSettings
from gateway.contract import ConfigError, PartnerDown
from tests.adapters.police.rig import DIALECTS, check, rig, service


@pytest.mark.parametrize("kind", DIALECTS)
async def test_all_is_well(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, quota={"daily": 10}) as it:
        steps = [step async for step in it.checker.check()]
        assert [(step.name, step.ok) for step in steps] == [
            ("contract", True), ("licence", True), ("quota", True), ("endpoint", True),
        ]  # fmt: skip
        assert "10" in steps[2].zh
        assert it.platform.asked.total() == 0
        assert await it.used() == 0


async def test_what_can_be_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wsdl"
    broken.write_text("<wsdl/>")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"offered": {"wsdl": str(broken)}}, "contract"),
        ({"offered": {"operation": "nciicSomething"}}, "contract"),
        ({"offered": {"licence": " "}}, "licence"),
        ({"quota": {"daily": 1}}, "quota"),
    ]
    for number, (changes, failing) in enumerate(cases):
        async with rig(tmp_path / str(number), **changes) as it:
            if failing == "quota":
                await it.answer(check())
            steps = [step async for step in it.checker.check()]
            assert (steps[-1].name, steps[-1].ok) == (failing, False)
            assert all(step.ok for step in steps[:-1])
            if failing == "contract":
                assert list(adapter.problems(it.settings))
                with pytest.raises(PartnerDown):
                    await it.send(check())
    async with rig(tmp_path / "away") as it:
        await it.simulator.stop()
        assert [step async for step in it.checker.check()][-1].name == "endpoint"


def test_a_partners_own_wsdl_decides_the_namespace(tmp_path: Path) -> None:
    text = (SHIPPED / "nciic.wsdl").read_text()
    older = tmp_path / "older.wsdl"
    older.write_text(text.replace("https://api.nciic.org.cn/NciicServices", "http://older.example/Nciic"))
    call = call_of(older, "nciicCheck", PARAMETERS)
    assert call.root == "{http://older.example/Nciic}nciicCheck"
    with pytest.raises(ConfigError):
        call_of(older, "nciicCheck", ("inLicense",))


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "short"},
        {"tls": {"cert_file": "/x"}},
        {"cache": {"其他": "1h"}, "purposes": ["医保参保登记"]},
        {"quota": {"daily": 0}},
        {"service": {"kind": "other"}},
    ],
)
def test_settings_that_contradict_themselves(changes: dict[str, Any]) -> None:
    facts = {"service": service("nciic", "http://127.0.0.1:9"), **changes}
    with pytest.raises(ValueError, match="validation error"):
        PoliceSettings.model_validate(facts)

"""A console beside a real gateway: the example configuration, grown to thirty partners, as processes that can be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from twisted.internet import reactor

from adapters.hospital.simulator import HospitalSimulator
from demo.stage import HOSPITAL, Stage
from gateway.console.accounts import Accounts
from gateway.console.app import make_app
from gateway.console.pulse import Pulse, Snapshot
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.engine.config import load
from tests.console.conftest import PASSWORD, Browser
from tests.twisted_runner import sleep

HOSTILE = "<script>alert(1)</script>\"'&医院{{ 7 * 7 }}"
OFF = "hospital-20"
ODD = "hospital-21"


@dataclass
class Beside:
    """The gateway and its platform, and a console whose pulse beats only when a test says so."""

    stage: Stage
    room: Room
    browser: Browser

    async def settle(self, *numbers: int) -> None:
        """A hospital settles."""
        simulator = HospitalSimulator(
            self.stage.url,
            paasid=self.stage.account(HOSPITAL, "soap", "authentication"),
            token=self.stage.secret(HOSPITAL),
            reactor=reactor,
        )
        try:
            for number in numbers:
                answer = await simulator.settle(number)
                assert answer.status == 200, answer
        finally:
            simulator.close()


@contextmanager
def beside(folder: Path) -> Iterator[Beside]:
    """Everything, started and signed in as an operator."""
    stage = Stage(folder / "stage")
    stage.prepare()
    multiply(stage.config)
    stage.start_platform()
    stage.start_gateway()
    try:
        configuration = load(stage.config)
        accounts = Accounts(configuration)
        room = Room(configuration, accounts, Pulse(configuration))
        yield Beside(stage, room, signed_in(room))
    finally:
        stage.stop()


async def seen(pulse: Pulse, holds: Callable[[Snapshot], bool]) -> Snapshot:
    """The first look of which it holds."""
    for _ in range(100):
        look = pulse.look()
        if holds(look):
            return look
        await sleep(0.2)
    raise AssertionError(look)


def signed_in(room: Room, *roles: Role, name: str = "wang") -> Browser:
    """A browser of somebody with these roles; an operator where none are given."""
    first = room.accounts.add(name, "示例", frozenset(roles or {Role.OPERATOR}), "os:test")
    token = room.accounts.sign_in(name, first, "test")
    room.accounts.change_password(name, first, PASSWORD, token)
    return Browser(make_app(room), room.accounts, name, token)


def multiply(config: Path) -> None:
    """Thirty partners: further hospitals on the listener of the first one, further platforms at the address of the first."""
    hospital, province = (_read(config / f"partners/{name}.yaml") for name in ("hospital-a", "province"))
    for number in range(1, 17):
        name = f"hospital-{number:02}"
        _write(config, name, hospital, f"示例县第{number}人民医院", path=f"/{name}")
    _write(config, OFF, hospital, "停用的医院", enabled="no", path="/off")
    _write(config, ODD, hospital, HOSTILE, path="/odd")
    for number in range(1, 10):
        _write(config, f"platform-{number}", province, f"示例市第{number}医保信息平台")


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
    return content


def _write(
    config: Path, name: str, like: dict[str, Any], title: str, *, path: str = "", enabled: str = "yes"
) -> None:
    content = {**like, "name": name, "title": title, "enabled": enabled}
    if path:
        content["settings"] = {**like["settings"], "soap": {**like["settings"]["soap"], "path": path}}
    file = config / "partners" / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")

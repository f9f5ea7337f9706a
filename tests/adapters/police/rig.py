"""The adapter on one side, the simulated police on the other, and invented people to ask about."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.police import adapter
from adapters.police.sender import PoliceSender
from adapters.police.settings import PoliceSettings
from adapters.police.simulator import Options, Simulator
from gateway.canonical import Message
from gateway.canonical.verification import (
    PersonCheckAnswered,
    PersonCheckAsked,
    PersonChecksAnswered,
    PersonChecksAsked,
    PersonOfRoll,
    PersonToCheck,
    SurvivalAsked,
)
from gateway.contract import Accepted, Outcome, Prepared
from gateway.transports.http.listeners import Listeners
from tests.adapters.context import Harness

PURPOSE = "医保参保登记"
OPERATOR: dict[str, Any] = {
    "operator_code": "op01",
    "operator_name": "经办员甲",
    "operator_document_no": "990101198808080013",
    "operator_department": "990101000000",
}
MATCH = ("990101199001010019", "张测试")
NO_PHOTO = ("990101199001010027", "李样例")
NOBODY = ("990101193512310032", "王示范")
DEAD = ("990101194001010016", "孙往昔")
DIALECTS = ("nciic", "rbsp", "json")


def check(person: tuple[str, str] = MATCH, **changes: Any) -> PersonCheckAsked:
    facts = {**OPERATOR, "document_no": person[0], "name": person[1], "region": "990101", "purpose": PURPOSE}
    return PersonCheckAsked(**{**facts, **changes})


def checks(persons: list[tuple[str, str]], **changes: Any) -> PersonChecksAsked:
    rows = tuple(
        PersonToCheck(document_no=number, name=name, region="990101", purpose=PURPOSE)
        for number, name in persons
    )
    return PersonChecksAsked(**{**OPERATOR, "persons": rows, **changes})


def roll(persons: list[tuple[str, str]]) -> SurvivalAsked:
    rows = tuple(PersonOfRoll(document_no=number, name=name) for number, name in persons)
    return SurvivalAsked(**OPERATOR, purpose=PURPOSE, persons=rows)


class Rig:
    """Sender, checker and receiver of one partner, connected to a simulator."""

    def __init__(self, folder: Path, simulator: Simulator, settings: PoliceSettings) -> None:
        self.simulator = simulator
        self.platform = simulator.platform
        self.settings = settings
        self.folder = folder
        self.told: list[tuple[str, int, int]] = []
        self.begin()

    def begin(self) -> None:
        """The adapter anew, as after a restart: nothing in memory, the same folder."""
        self.harness = Harness(self.folder, partner="police")
        context = dataclasses.replace(
            self.harness.context, progress=lambda *told: self.told.append(told), listeners=Listeners()
        )
        sender, checker = adapter.sender(self.settings, context), adapter.checker(self.settings, context)
        assert isinstance(sender, PoliceSender)
        assert checker is not None
        self.sender, self.checker = sender, checker
        self.receiver = adapter.receiver(self.settings, context)

    def message(self, body: Any, **attributes: Any) -> Message:
        return self.harness.message(body, **{"purpose": PURPOSE, **attributes})

    async def prepare(self, body: Any, **attributes: Any) -> tuple[Message, Prepared]:
        message = self.message(body, **attributes)
        return message, await self.sender.prepare(message)

    async def send(self, body: Any, **attributes: Any) -> Outcome:
        message, prepared = await self.prepare(body, **attributes)
        return await self.sender.send(message, prepared)

    async def answer(self, body: PersonCheckAsked, **attributes: Any) -> PersonCheckAnswered:
        outcome = await self.send(body, **attributes)
        assert isinstance(outcome, Accepted), outcome
        assert isinstance(outcome.reply, PersonCheckAnswered)
        return outcome.reply

    async def outcomes(self, body: PersonChecksAsked) -> list[str]:
        outcome = await self.send(body)
        assert isinstance(outcome, Accepted), outcome
        assert isinstance(outcome.reply, PersonChecksAnswered)
        assert [row.row_no for row in outcome.reply.persons] == list(range(1, len(body.persons) + 1))
        return [row.outcome for row in outcome.reply.persons]

    async def used(self) -> int:
        return await self.sender._channel.quota.used()

    async def close(self) -> None:
        self.sender._channel.link.http.close()
        await self.sender._channel.memory.close()


def soon(seconds: float = 30.0) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


def service(kind: str, url: str, **changes: Any) -> dict[str, Any]:
    facts: dict[str, dict[str, Any]] = {
        "nciic": {"licence": "DEMO-LICENCE-0001", "unit": "虚构医保局01"},
        "rbsp": {"sender_id": "C99-00000001", "service_id": "S10-00000298", "data_object": "A001"},
        "json": {
            "sender_id": "C99-00000001",
            "service_id": "S10-00000298",
            "authorize": "DEMO-POLICE-0001",
        },
    }
    return {"kind": kind, "url": f"{url}/{kind}", **facts[kind], **changes}


@asynccontextmanager
async def rig(
    folder: Path, kind: str = "nciic", options: Options | None = None, offered: Any = None, **changes: Any
) -> AsyncIterator[Rig]:
    """A running rig; `changes` are settings, `offered` those of the service."""
    from twisted.internet import reactor

    simulator = await Simulator.start(reactor, options)
    facts = {"service": service(kind, simulator.url, **(offered or {})), "timeout": 0.6, **changes}
    made = Rig(folder, simulator, PoliceSettings.model_validate(facts))
    try:
        yield made
    finally:
        await made.close()
        await simulator.stop()
        assert simulator.platform.wrong == [], "the simulator found requests wrong"

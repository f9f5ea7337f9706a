"""Rolls: submitted once, answered later, in parts, pushed or fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from adapters.police import adapter
from adapters.police.inbox import PollReceiver, PushReceiver
from adapters.police.settings import PoliceSettings
from adapters.police.simulator import Options, invented
from gateway.canonical.verification import SurvivalAnswered
from gateway.contract import Accepted, Reject, RetryLater, Unavailable
from gateway.contract.conformance import problems
from gateway.transports.http import HttpClient
from tests.adapters.police.rig import DEAD, MATCH, NOBODY, Rig, rig, roll, service

PUSH: dict[str, Any] = {
    "kind": "push",
    "listen": "127.0.0.1:0",
    "clients": ["127.0.0.0/8"],
    "authorization": "Bearer push",
}


def offered(delivery: dict[str, Any], **changes: Any) -> dict[str, Any]:
    facts = {"service_id": "S10-00000300", "receive_service_id": "S10-00000299", "delivery": delivery}
    return {"survival": {**facts, **changes}}


async def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.02)))
    raise AssertionError("it did not happen")


def parts(it: Rig) -> list[SurvivalAnswered]:
    return [i.body for i in it.harness.inbox.accepted if isinstance(i.body, SurvivalAnswered)]


def test_conformance_and_operations() -> None:
    with_rolls = {"service": service("json", "http://127.0.0.1:9", **offered(PUSH))}
    assert problems(adapter, with_rolls) == []
    assert len(adapter.operations_of(PoliceSettings.model_validate(with_rolls))) == 4
    without = {"service": service("json", "http://127.0.0.1:9")}
    assert len(adapter.operations_of(PoliceSettings.model_validate(without))) == 2


async def test_pushed(tmp_path: Path) -> None:
    async with rig(tmp_path, "json", Options(push_authorization="Bearer push"), offered(PUSH)) as it:
        receiver = it.receiver
        assert isinstance(receiver, PushReceiver)
        await receiver.start()
        it.platform.options.push_to = receiver.url
        outcome = await it.send(roll([MATCH, DEAD, NOBODY]))
        assert isinstance(outcome, Accepted)
        assert outcome.reply is None
        await until(lambda: parts(it))
        [part] = parts(it)
        states = {person.document_no: person.state for person in part.persons}
        # Who is in none of the parts was not found; and nothing more follows from a death than this word.
        assert states == {MATCH[0]: "alive", DEAD[0]: "suspected_deceased"}
        await receiver.stop()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Authorization": "Bearer push"}, 400),
        (b"\xff\xff", {"Authorization": "Bearer push"}, 400),
        (b'{"payLoad":{"Code":"219","Message":"x"}}', {"Authorization": "Bearer push"}, 400),
        (b'{"payLoad":' + b"[" * 100_000, {"Authorization": "Bearer push"}, 400),
        (b"{}", {"Authorization": "Bearer other"}, 403),
        (b"{}", {}, 403),
    ],
)
async def test_what_is_no_part_is_put_on_record(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with rig(tmp_path, "json", offered=offered(PUSH)) as it:
        receiver = it.receiver
        assert isinstance(receiver, PushReceiver)
        await receiver.start()
        http = HttpClient()
        answer = await http.request("POST", receiver.url, headers=headers, body=body)
        assert answer.status == status
        assert len(it.harness.inbox.refused) == (status == 400)
        it.harness.inbox.error = Unavailable("存储不可用", "the store is away")
        answer = await http.request("POST", receiver.url, headers={"Authorization": "Bearer push"}, body=body)
        assert answer.status == 503
        http.close()
        await receiver.stop()


async def test_fetched_part_by_part(tmp_path: Path) -> None:
    async with rig(tmp_path, "json", Options(part=4)) as it:
        it.platform.register.fill(10)
        poll = {"kind": "poll", "url": f"{it.simulator.url}/matching/next", "every": 0.05}
        it.settings = PoliceSettings.model_validate(
            {"service": service("json", it.simulator.url, **offered(poll, rows_per_call=6))}
        )
        it.begin()
        receiver = it.receiver
        assert isinstance(receiver, PollReceiver)
        await receiver.start()
        await it.send(roll([(p.number, p.name) for p in map(invented, range(10))]))
        await until(lambda: sum(len(part.persons) for part in parts(it)) == 10)
        assert [len(part.persons) for part in parts(it)] == [4, 2, 4]
        await receiver.stop()


async def test_a_fetched_part_is_never_lost(tmp_path: Path) -> None:
    """They give each part once: what cannot be committed is tried again, what cannot be read is put on record."""
    async with rig(tmp_path, "json", Options(part=4)) as it:
        it.platform.register.fill(10)
        poll = {"kind": "poll", "url": f"{it.simulator.url}/matching/next", "every": 0.05}
        it.settings = PoliceSettings.model_validate(
            {"service": service("json", it.simulator.url, **offered(poll))}
        )
        it.begin()
        receiver, inbox = it.receiver, it.harness.inbox
        assert isinstance(receiver, PollReceiver)
        it.platform.parts.append(b"no part of an answer")
        inbox.error = Unavailable("存储不可用", "the store is away")
        await receiver.start()
        await until(lambda: len([e for e in it.harness.log.entries if e[1] == "police.poll_failed"]) >= 3)
        inbox.error = None
        await until(lambda: inbox.refused)
        assert [(refusal.code, refusal.raw) for refusal in inbox.refused] == [
            ("malformed", b"no part of an answer")
        ]
        inbox.error = Unavailable("存储不可用", "the store is away")
        await it.send(roll([(p.number, p.name) for p in map(invented, range(10))]))
        await until(lambda: len(it.platform.parts) == 2)  # of three, one is fetched and held
        inbox.error = None
        await until(lambda: sum(len(part.persons) for part in parts(it)) == 10)
        await receiver.stop()


async def test_a_batch_that_was_taken_is_not_submitted_again(tmp_path: Path) -> None:
    async with rig(tmp_path, "json", offered=offered(PUSH, rows_per_call=1)) as it:
        message, prepared = await it.prepare(roll([MATCH, DEAD, NOBODY]))
        it.simulator.fault("slow", seconds=0.0)
        it.simulator.fault("error-code")
        assert isinstance(await it.sender.send(message, prepared), RetryLater)
        await it.close()
        it.begin()
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert it.platform.asked[MATCH[0]] == 1


@pytest.mark.parametrize("kind", ["nciic", "rbsp", "json"])
async def test_services_without_rolls_refuse_them(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        with pytest.raises(Reject) as refused:
            await it.prepare(roll([MATCH]))
        assert refused.value.code == "unknown-operation"

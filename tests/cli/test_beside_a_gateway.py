"""A person's decision reaches the gateway that runs, without a word to its process."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.threads import deferToThread

from gateway.contract import Pending, Rejected, RetryLater, Unknown
from gateway.desk.cases import Choice, carry_out, find_case
from gateway.store import open_reader
from tests.engine.scripted import Platform, Scene, running


async def _decide(scene: Scene, message_id: str, choice: Choice) -> None:
    configuration = scene.gateway.configuration

    def work() -> None:
        with open_reader(configuration.gateway.store) as reader:
            case = find_case(configuration, reader, message_id, None, choice)
        carry_out(configuration, case, choice, "已处理", "os:tester")

    await deferToThread(work)


async def test_a_replayed_delivery_is_delivered_under_its_old_reference(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: RetryLater(reason="busy")] * 4)
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "dead")
        await _decide(scene, receipt.message_id, Choice.REPLAY)
        await scene.reaches(receipt.message_id, "accepted")
        assert platform.sends == ["M1"] * 5
        assert list(platform.effects) == ["M1"]
        assert "delivery.replayed" in await scene.events(receipt.message_id)


async def test_a_doubt_is_asked_about_again(tmp_path: Path) -> None:
    platform = Platform(
        script=[lambda *_: Unknown(reason="no answer")],
        on_query=[lambda *_: Unknown(reason="no answer")],
        on_reverse=[lambda *_: Rejected(code="-1", reason="x")],
    )
    async with running(tmp_path, platform) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 1.0)
        assert isinstance(answer, Pending)
        await _decide(scene, answer.message_id, Choice.ASK_AGAIN)
        await scene.reaches(answer.message_id, "reversed")


async def test_what_waits_behind_a_closed_delivery_follows(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: RetryLater(reason="busy")] * 4)
    async with running(tmp_path, platform) as scene:
        first = await scene.context.inbox.accept(scene.inbound(1, ordering_key="visit"))
        await scene.reaches(first.message_id, "dead")
        second = await scene.context.inbox.accept(scene.inbound(2, ordering_key="visit"))
        await _decide(scene, first.message_id, Choice.NO_EFFECT)
        await scene.reaches(second.message_id, "accepted")
        third = await scene.context.inbox.accept(scene.inbound(3, ordering_key="visit"))
        await scene.reaches(third.message_id, "accepted")
        assert await scene.states(first.message_id) == ["rejected"]


async def test_a_repeated_request_gets_the_state_that_a_person_settled(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: Unknown(reason="no answer")])
    async with running(tmp_path, platform, on_unknown="manual") as scene:
        first = await scene.context.inbox.request(scene.inbound(1), 0.2)
        assert isinstance(first, Pending)
        await _decide(scene, first.message_id, Choice.TOOK_EFFECT)
        again = await scene.context.inbox.request(scene.inbound(1), 0.2)
        assert isinstance(again, Pending)
        assert (again.message_id, again.state) == (first.message_id, "accepted")
        assert platform.sends == ["M1"]

"""A question that must be answered before a message goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ClaimSettled
from gateway.contract import PartnerDown, Pending, Rejected, Replied
from gateway.store.api import Filter
from tests.engine.scripted import Platform, Police, Scene, claim, running
from tests.twisted_runner import sleep


def down(*_: object) -> None:
    raise PartnerDown("连不上", "connection refused")


async def refusal(scene: Scene, number: int = 1, timeout: float = 5.0) -> RequestRefused:
    """The reply to a request that is refused."""
    answer = await scene.context.inbox.request(scene.inbound(number), timeout)
    assert isinstance(answer, Replied)
    assert isinstance(answer.reply.data, RequestRefused)
    return answer.reply.data


async def test_a_good_answer_lets_it_go_on(tmp_path: Path) -> None:
    police = Police()
    async with running(tmp_path, police=police) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, ClaimSettled)
        assert [a.document_no for a in police.asked] == ["990101199001010019"]
        assert police.purposes == ["住院登记核验"]
        assert police.asked[0].purpose == "住院登记核验"
        assert scene.platform.sends == ["M1"]
        assert await scene.events(answer.message_id) == [
            "message.accepted",
            "delivery.cleared",
            "delivery.sending",
            "delivery.accepted",
        ]
        [question] = await scene.gateway.store.find(Filter(type="identity.check.asked.v1"))
        assert question.message.causation_id == answer.message_id
        assert question.message.partner == "gateway"


async def test_a_bad_answer_refuses_it_and_nothing_is_sent(tmp_path: Path) -> None:
    async with running(tmp_path, police=Police(outcome="mismatch")) as scene:
        told = await refusal(scene)
        assert told.code == "not-cleared"
        assert told.reason.startswith("姓名与身份证号不一致")
        assert told.raw_code is None
        assert (scene.platform.prepared, scene.platform.sends) == (0, [])
        again = await refusal(scene)
        assert again == told


@pytest.mark.parametrize(
    "outcome", [pytest.param("not_found", id="another answer"), pytest.param("", id="a refusal")]
)
async def test_any_other_answer_counts_as_the_route_says(tmp_path: Path, outcome: str) -> None:
    script = [] if outcome else [lambda *_: Rejected(code="-80", reason="授权文件格式错误")]
    async with running(tmp_path, police=Police(outcome=outcome, script=list(script))) as scene:
        assert (await refusal(scene)).code == "not-cleared"
        assert scene.platform.sends == []
    police = Police(outcome=outcome, otherwise="proceed", script=list(script))
    async with running(tmp_path, police=police) as scene:
        answer = await scene.context.inbox.request(scene.inbound(2), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, ClaimSettled)


async def test_what_is_held_for_a_person_is_listed_and_not_sent(tmp_path: Path) -> None:
    async with running(tmp_path, police=Police(outcome="not_found", otherwise="hold")) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "held")
        for _ in range(600):
            [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
            if delivery.next_at is None:
                break
            await sleep(0.05)
        assert delivery.next_at is None
        assert delivery.reason == "police: not_found；须由人决定 / a person must decide"
        assert scene.platform.sends == []


async def test_a_register_that_is_down_is_asked_again_until_the_patience_ends(tmp_path: Path) -> None:
    police = Police(script=[down, down])
    async with running(tmp_path, police=police) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        assert len(police.asked) == 3
    police = Police(script=[down] * 1000, patience=0.3)
    async with running(tmp_path, police=police) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(2))
        await scene.reaches(receipt.message_id, "rejected")
        assert scene.platform.sends == []


async def test_nothing_is_sent_when_the_sender_no_longer_waits(tmp_path: Path) -> None:
    police = Police(patience=60.0, hold=Deferred())
    async with running(tmp_path, police=police) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 0.2)
        assert isinstance(answer, Pending)
        assert answer.state == "held"
        assert police.hold is not None
        police.hold.callback(None)
        await scene.reaches(answer.message_id, "rejected")
        assert scene.platform.sends == []


async def test_what_was_held_when_the_gateway_died_is_asked_and_goes_on(tmp_path: Path) -> None:
    """Killed between the commit of the message and its question: the keeper asks."""
    platform, police = Platform(), Police()
    async with running(tmp_path, platform, police=police) as scene:
        scene.context.inbox._ask = lambda _: None  # type: ignore[attr-defined]
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        assert await scene.states(receipt.message_id) == ["held"]
        assert police.asked == []
    async with running(tmp_path, platform, police=police) as scene:
        await scene.reaches(receipt.message_id, "accepted")
        assert len(police.asked) == 1


async def test_an_answer_that_nobody_acted_on_still_decides_after_a_restart(tmp_path: Path) -> None:
    """Killed between the answer's commit and what follows from it: the keeper looks, and nobody is asked twice."""
    platform, police = Platform(), Police()
    async with running(tmp_path, platform, police=police) as scene:
        scene.gateway.recorder.ended = lambda _: None
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        for _ in range(600):
            found = await scene.gateway.store.find(Filter(type="identity.check.asked.v1", state="accepted"))
            if found:
                break
            await sleep(0.05)
        assert await scene.states(receipt.message_id) == ["held"]
    async with running(tmp_path, platform, police=police) as scene:
        await scene.reaches(receipt.message_id, "accepted")
        assert len(police.asked) == 1


async def test_a_message_that_lacks_what_the_question_needs_is_not_asked_about(tmp_path: Path) -> None:
    police = Police()
    async with running(tmp_path, police=police) as scene:
        body = claim("V1", certificate_no="CARD-0001")  # no identity number
        answer = await scene.context.inbox.request(scene.inbound(1, body), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, RequestRefused)
        assert police.asked == []


async def test_order_is_kept_behind_what_is_held(tmp_path: Path) -> None:
    police = Police(hold=Deferred())
    async with running(tmp_path, police=police) as scene:
        first = await scene.context.inbox.accept(scene.inbound(1, ordering_key="V"))
        second = await scene.context.inbox.accept(scene.inbound(2, ordering_key="V"))
        await sleep(0.3)
        assert scene.platform.sends == []
        assert police.hold is not None
        hold, police.hold = police.hold, None
        hold.callback(None)
        await scene.reaches(first.message_id, "accepted")
        await scene.reaches(second.message_id, "accepted")
        assert list(scene.platform.effects.values()) == ["V1", "V2"]

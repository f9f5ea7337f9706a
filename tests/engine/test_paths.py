"""The main paths of the engine, on the real store, bus and audit log."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from gateway.audit.entry import decode, salted_digest
from gateway.audit.verify import verify_log
from gateway.canonical.envelope import encode
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ClaimSettled
from gateway.contract import (
    Absent,
    Conflict,
    Handled,
    PartnerDown,
    Pending,
    Refusal,
    Reject,
    Rejected,
    Replied,
    RetryLater,
    Unavailable,
    Unknown,
)
from gateway.engine.lifecycle import Backoff
from gateway.store.keyring import about
from tests.engine.scripted import Platform, claim, running, until
from tests.twisted_runner import sleep


def down(*_: object) -> None:
    raise PartnerDown("连不上", "connection refused")


def lost_after_commit(platform: Platform) -> object:
    """The platform settles, but its answer never arrives."""

    def step(message: object, prepared: object) -> Unknown:
        platform.settle(message, prepared)  # type: ignore[arg-type]
        return Unknown(reason="no answer in time")

    return step


async def test_a_request_is_answered_and_a_repetition_gets_the_same_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        first = await scene.context.inbox.request(scene.inbound(1), 5.0)
        again = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(first, Replied)
        assert isinstance(again, Replied)
        assert isinstance(first.reply.data, ClaimSettled)
        assert encode(again.reply) == encode(first.reply)
        assert (first.repeated, again.repeated) == (False, True)
        assert scene.platform.sends == ["M1"]
        assert await scene.events(first.message_id) == [
            "message.accepted",
            "delivery.sending",
            "delivery.accepted",
        ]


async def test_one_id_for_two_messages_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        await scene.context.inbox.request(scene.inbound(1), 5.0)
        with pytest.raises(Conflict) as caught:
            await scene.context.inbox.request(scene.inbound(1, claim("other")), 5.0)
        assert caught.value.code == "duplicate-msgid"
        assert scene.platform.sends == ["M1"]


async def test_a_one_way_message_is_delivered_after_its_receipt(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        assert (await scene.context.inbox.accept(scene.inbound(1))).repeated
        assert list(scene.platform.effects) == ["M1"]


async def test_a_refusal_reaches_the_sender_and_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = Platform(script=[lambda *_: Rejected(code="-1", reason="人员张某某已死亡", raw=b"{}")])
    async with running(tmp_path, platform) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, RequestRefused)
        assert answer.reply.data.reason == "人员张某某已死亡"
        assert await scene.states(answer.message_id) == ["rejected"]
        rows = await scene.gateway.store.deliveries_of(answer.message_id)
        assert "张" not in (rows[0].reason or "")
    assert "张某某" not in capsys.readouterr().out


async def test_a_partner_that_is_down_is_tried_again_with_the_same_reference(tmp_path: Path) -> None:
    platform = Platform(script=[down, lambda *_: RetryLater(reason="busy")])
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        assert platform.sends == ["M1", "M1", "M1"]


async def test_attempts_run_out_visibly(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: RetryLater(reason="busy")] * 9)
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "dead")
        rows = await scene.gateway.store.deliveries_of(receipt.message_id)
        assert rows[0].reason == "busy；已试 4 次 / 4 attempts"


async def test_a_lost_answer_is_found_by_query_and_reaches_the_waiting_hospital(tmp_path: Path) -> None:
    platform = Platform()
    platform.script.append(lost_after_commit(platform))  # type: ignore[arg-type]
    async with running(tmp_path, platform) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, ClaimSettled)
        assert platform.sends == ["M1"]
        assert await scene.events(answer.message_id) == [
            "message.accepted",
            "delivery.sending",
            "delivery.in-doubt",
            "delivery.accepted",
        ]


async def test_what_never_arrived_is_reversed_and_the_waiting_hospital_told_so(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: Unknown(reason="reset")])
    async with running(tmp_path, platform) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, RequestRefused)
        assert answer.reply.data.code == "reversed"
        assert await scene.states(answer.message_id) == ["reversed"]
        assert platform.sends == ["M1"]
        assert not platform.effects


async def test_a_one_way_message_is_sent_anew_after_its_reversal_under_a_new_reference(
    tmp_path: Path,
) -> None:
    platform = Platform(script=[lambda *_: Unknown(reason="reset")])
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        assert platform.sends == ["M1", "M2"]
        assert list(platform.effects) == ["M2"]


async def test_what_nothing_settles_waits_for_a_person(tmp_path: Path) -> None:
    silence = [lambda *_: Unknown(reason="silence")] * 9
    platform = Platform(script=silence[:1], on_query=list(silence), on_reverse=list(silence))
    async with running(tmp_path, platform) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 0.3)
        assert isinstance(answer, Pending)

        async def left() -> bool:
            [row] = await scene.gateway.store.deliveries_of(answer.message_id)
            return "a person must decide" in (row.reason or "")

        await until(left)
        [row] = await scene.gateway.store.deliveries_of(answer.message_id)
        assert (row.state, row.next_at) == ("in-doubt", None)
        assert platform.sends == ["M1"]


async def test_where_only_a_query_exists_absence_permits_the_same_message_again(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: Unknown(reason="reset")], on_query=[lambda *_: Absent()])
    async with running(tmp_path, platform, on_unknown="query") as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert platform.sends == ["M1", "M1"]


async def test_nothing_happens_behind_the_back_of_a_hospital_that_gave_up(tmp_path: Path) -> None:
    platform = Platform(script=[down] * 3)
    async with running(tmp_path, platform) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 0.05)
        assert isinstance(answer, Pending | Replied)
        await scene.reaches(answer.message_id, "rejected")
        again = await scene.context.inbox.request(scene.inbound(1), 1.0)
        assert isinstance(again, Replied)
        assert isinstance(again.reply.data, RequestRefused)
        assert again.reply.data.code == "not-delivered"
        assert not platform.effects


async def test_a_defect_of_an_adapter_counts_as_unknown(tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with running(tmp_path, Platform(script=[broken])) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert "delivery.in-doubt" in await scene.events(answer.message_id)


async def test_a_message_that_cannot_be_said_to_the_partner_is_rejected(tmp_path: Path) -> None:
    class Picky(Platform):
        async def prepare(self, message: object) -> object:  # type: ignore[override]
            raise Reject("字段过长", "too long", code="too-long", field="psn_no")

    async with running(tmp_path, Picky()) as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 5.0)
        assert isinstance(answer, Replied)
        assert isinstance(answer.reply.data, RequestRefused)
        assert answer.reply.data.field == "psn_no"


async def test_refused_input_is_audited_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        refusal = await scene.context.inbox.refuse(
            Refusal(code="invalid", field="medfee_sumamt", rule="money", raw=b"<bad/>")
        )
        assert await scene.events(refusal) == ["message.refused"]
        assert await scene.gateway.store.message(refusal) is None


async def test_what_an_adapter_answers_itself_is_audited_and_owes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        handled = await scene.context.inbox.handled(
            Handled(kind="9001", raw=b"{}", partner_message_id="H0001")
        )
        assert await scene.events(handled) == ["message.handled"]
        assert await scene.gateway.store.message(handled) is None


async def test_messages_with_one_ordering_key_arrive_in_order(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: RetryLater(reason="busy")])
    async with running(tmp_path, platform) as scene:
        receipts = [
            await scene.context.inbox.accept(scene.inbound(n, ordering_key="person-1")) for n in range(1, 6)
        ]
        for receipt in receipts:
            await scene.reaches(receipt.message_id, "accepted")
        assert list(platform.effects.values()) == [f"V{n}" for n in range(1, 6)]


async def test_a_message_without_a_route_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        scene.gateway.router._routes = ()
        with pytest.raises(Reject) as caught:
            await scene.context.inbox.accept(scene.inbound(1))
        assert caught.value.code == "no-route"


async def test_serial_numbers_are_never_used_twice(tmp_path: Path) -> None:
    numbers: list[int] = []
    for _ in range(3):
        async with running(tmp_path) as scene:
            numbers += [await scene.context.serials.next("msgid") for _ in range(600)]
    assert len(set(numbers)) == 1800


async def test_a_nonce_counts_once_also_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        assert await scene.context.replay.first_use("n1", 300)
        assert not await scene.context.replay.first_use("n1", 300)
    async with running(tmp_path) as scene:
        assert not await scene.context.replay.first_use("n1", 300)


async def test_a_stop_in_mid_attempt_waits_for_its_outcome(tmp_path: Path) -> None:
    platform = Platform(hold=Deferred())
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "sending")
        from twisted.internet import reactor

        assert platform.hold is not None
        reactor.callLater(0.3, platform.hold.callback, None)  # type: ignore[attr-defined]
    async with running(tmp_path, platform) as scene:
        assert await scene.states(receipt.message_id) == ["accepted"]
        assert platform.sends == ["M1"]


async def test_the_audit_log_verifies_and_holds_every_step(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        for n in range(20):
            await scene.context.inbox.request(scene.inbound(n), 5.0)
    report = verify_log(tmp_path / "audit", (tmp_path / "audit" / "vkey").read_text().strip())
    assert report.ok, report.problems
    assert report.entries == 20 * 3 + 2


async def test_an_outage_uses_no_attempts_up(tmp_path: Path) -> None:
    platform = Platform(script=[down] * 9)  # more than the attempts there are
    async with running(tmp_path, platform) as scene:
        scene.gateway.couriers["province"].gate._backoff = Backoff(first=0.02, longest=0.05)
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        assert platform.sends == ["M1"] * 10
        rows = await scene.gateway.store.deliveries_of(receipt.message_id)
        assert rows[0].attempts == 1


async def test_an_outage_uses_no_resolution_up(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: Unknown(reason="reset")], on_query=[down] * 5)
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        assert platform.sends == ["M1", "M2"]  # reversed in the end, then sent anew
        rows = await scene.gateway.store.deliveries_of(receipt.message_id)
        assert rows[0].resolutions <= 1


async def test_what_may_have_worked_is_never_called_without_effect(tmp_path: Path) -> None:
    """An operation that is simply sent again goes on until its outcome is known, also when nobody waits."""
    silence = [lambda *_: Unknown(reason="silence")] * 2
    async with running(tmp_path, Platform(script=list(silence)), on_unknown="resend") as scene:
        answer = await scene.context.inbox.request(scene.inbound(1), 0.02)
        assert isinstance(answer, Pending)
        await scene.reaches(answer.message_id, "accepted")


async def test_a_message_not_sent_on_yet_cannot_be_called_unknown(tmp_path: Path) -> None:
    platform = Platform(hold=Deferred())
    async with running(tmp_path, platform) as scene:
        assert await scene.context.inbox.reference("H0001") is None
        scene.gateway.couriers["province"].gate.down()
        await scene.context.inbox.accept(scene.inbound(1))
        with pytest.raises(Unavailable):
            await scene.context.inbox.reference("H0001")
        scene.gateway.couriers["province"].gate.reached()
        assert platform.hold is not None
        platform.hold.callback(None)


async def test_a_message_that_may_be_sent_again_is_not_reversed_yet(tmp_path: Path) -> None:
    """A one-way message whose reversal is found done is sent anew: nobody may be told before that it is undone."""
    silence = [lambda *_: Unknown(reason="silence")] * 9
    platform = Platform(script=silence[:1], on_query=list(silence), on_reverse=list(silence))
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "in-doubt")
        with pytest.raises(Unavailable):
            await scene.context.inbox.reference("H0001")
        answer = await scene.context.inbox.request(scene.inbound(2), 5.0)
        assert isinstance(answer, Replied)
        assert await scene.context.inbox.reference("H0002") == "M2"


async def test_order_holds_across_a_restart(tmp_path: Path) -> None:
    platform = Platform(script=[lambda *_: RetryLater(reason="busy", after=1.0)])
    async with running(tmp_path, platform) as scene:
        for n in range(1, 4):
            await scene.context.inbox.accept(scene.inbound(n, ordering_key="person-1"))
        await sleep(0.2)
        assert not platform.effects
    async with running(tmp_path, platform) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(4, ordering_key="person-1"))
        await scene.reaches(receipt.message_id, "accepted", 25)
        assert list(platform.effects.values()) == ["V1", "V2", "V3", "V4"]


async def test_the_digest_of_refused_input_can_be_shown_to_be_right(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        refusal = await scene.context.inbox.refuse(Refusal(code="malformed", raw=b"<what they sent>"))
        source = scene.gateway.store.audit_source()
        from twisted.internet.threads import deferToThread

        [(_, _, data)] = await deferToThread(source.find, refusal)
        entry = decode(data)
        assert entry.detail is not None
        sealed = b64decode(str(entry.detail["sealed_salt"]))
        salt, _ = scene.gateway.keyring.open_with_salt(sealed, about(refusal, "salt"))
        assert entry.digest == salted_digest(salt, b"<what they sent>")


async def test_a_long_attempt_tells_how_far_it_has_come(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        scene.platform.hold = Deferred()
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "sending")
        for done in (1, 2, 3):  # the second and third come too soon after the first
            scene.gateway.couriers["province"].progress("M1", done, 9)
        for _ in range(1500):
            [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
            if delivery.reason:
                break
            await sleep(0.02)
        assert delivery.reason == "1 of 9"
        scene.platform.hold.callback(None)
        await scene.reaches(receipt.message_id, "accepted")

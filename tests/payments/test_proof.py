"""What a partner says later is proof of what became of a delivery: the engine settles what it was in doubt about."""

from __future__ import annotations

from pathlib import Path

from gateway.contract import PartnerDown, Unknown
from gateway.engine.desks import AtWork
from tests.engine.scripted import Platform, Scene, running
from tests.twisted_runner import sleep


def _at_work(scene: Scene) -> AtWork:
    gateway = scene.gateway
    return AtWork(lambda: gateway.acceptor, lambda: gateway.recorder, gateway.log)


async def test_a_delivery_in_doubt_has_arrived(tmp_path: Path) -> None:
    lost = [lambda *_: Unknown(reason="no answer")]
    async with running(tmp_path, Platform(script=list(lost)), on_unknown="manual") as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "in-doubt")
        [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
        for _ in range(2):
            await _at_work(scene).took_effect(delivery.id)
        [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
        assert (delivery.state, delivery.reason) == (
            "accepted",
            "对方已报来结果 / the partner has reported on it",
        )
        assert (await scene.events(receipt.message_id))[-1] == "delivery.accepted"
        assert len(scene.platform.sends) == 1


async def test_one_that_waits_to_be_sent_again_is_not(tmp_path: Path) -> None:
    def down(*_: object) -> None:
        raise PartnerDown("连不上", "connection refused")

    async with running(tmp_path, Platform(script=[down] * 1000)) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        for _ in range(1500):
            [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
            if delivery.state == "waiting":
                break
            await sleep(0.02)
        for _ in range(1500):
            await _at_work(scene).took_effect(delivery.id)
            [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
            if delivery.state == "accepted":
                break
            await sleep(0.02)
        assert delivery.state == "accepted"
        sent = len(scene.platform.sends)
        await sleep(0.6)
        assert len(scene.platform.sends) == sent


async def test_what_is_known_stays(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "accepted")
        [before] = await scene.gateway.store.deliveries_of(receipt.message_id)
        await _at_work(scene).took_effect(before.id)
        assert [before] == await scene.gateway.store.deliveries_of(receipt.message_id)


async def test_what_the_partners_books_do_not_have_had_no_effect(tmp_path: Path) -> None:
    lost = [lambda *_: Unknown(reason="no answer")]
    async with running(tmp_path, Platform(script=list(lost)), on_unknown="manual") as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(receipt.message_id, "in-doubt")
        [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
        for _ in range(2):
            await _at_work(scene).had_no_effect(delivery.id)
        [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
        assert delivery.state == "rejected"
        assert (delivery.reason or "").startswith("对方日终核对")
        assert (await scene.events(receipt.message_id))[-1] == "delivery.rejected"
        assert len(scene.platform.sends) == 1
        await _at_work(scene).took_effect(delivery.id)
        assert [delivery] == await scene.gateway.store.deliveries_of(receipt.message_id)


async def test_one_that_is_still_to_be_sent_is_left_alone(tmp_path: Path) -> None:
    def down(*_: object) -> None:
        raise PartnerDown("连不上", "connection refused")

    async with running(tmp_path, Platform(script=[down] * 1000)) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        for _ in range(20):
            [delivery] = await scene.gateway.store.deliveries_of(receipt.message_id)
            await _at_work(scene).had_no_effect(delivery.id)
            assert delivery.state in ("pending", "sending", "waiting")
            await sleep(0.02)

"""Attachments and feeds in a running gateway, on the embedded bus."""

from __future__ import annotations

import base64
import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred

from gateway.audit.entry import decode as decode_entry
from gateway.bus import Delivered, Nacked
from gateway.canonical import Attachment, Message
from gateway.canonical.envelope import decode
from gateway.canonical.payment import BatchReturned, ItemReturned, PaymentResult
from gateway.contract import ConfigError, Conflict, Inbound, Unavailable
from gateway.engine import keeping
from gateway.engine.feed_seal import FeedKey
from tests.engine.scripted import Scene, running, until
from tests.twisted_runner import sleep

QUEUE = "gateway.feed.core"


def results(count: int, start: int = 0) -> Iterator[PaymentResult]:
    for number in range(start, start + count):
        yield PaymentResult(sequence=number, account_no=f"{number:020d}", amount=number, status="settled")


def returned(count: int = 0) -> BatchReturned:
    return BatchReturned(batch_id="B1", stage="final", results=tuple(results(count)))


def feed(**changes: Any) -> dict[str, Any]:
    return {"name": "core", "types": ["payment.item.*"], "clear": True, **changes}


def arrived(folder: Path, content: bytes = b"the file") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "arrived.txt"
    path.write_bytes(content)
    return path


def inbound(scene: Scene, number: int, body: Any, **changes: Any) -> Inbound:
    return scene.inbound(number, body, raw=b"", **changes)


class Consumer:
    """A system of the house."""

    def __init__(self, key: FeedKey | None = None) -> None:
        self.got: list[Message] = []
        self.raw: list[Delivered] = []
        self._key = key

    async def start(self, scene: Scene) -> Consumer:
        await scene.gateway.bus.consume(QUEUE, self._take, 100)
        return self

    def _take(self, delivered: Delivered) -> None:
        self.raw.append(delivered)
        plain = delivered.body if self._key is None else self._key.open(delivered.message_id, delivered.body)
        self.got.append(decode(plain))
        delivered.ack()

    async def wait(self, count: int) -> None:
        for _ in range(1200):
            if len(self.got) >= count:
                return
            await sleep(0.025)
        raise AssertionError(f"{len(self.got)} of {count} came")


async def long(scene: Scene, depth: int) -> bool:
    """Whether so many wait in the feed's queue."""
    return await scene.gateway.bus.depth(QUEUE) >= depth


async def gone(scene: Scene, kept: Attachment) -> bool:
    """Whether an attachment cannot be read any more."""
    try:
        list(scene.context.attachments.read(kept))
    except ConfigError:
        return True
    return False


async def test_a_file_is_one_message_and_its_records_are_many(tmp_path: Path) -> None:
    async with running(tmp_path, feeds=[feed()]) as scene:
        consumer = await Consumer().start(scene)
        file = arrived(tmp_path / "in", b"x" * 3_000_000)
        kept = await scene.context.inbox.keep(file, name="r.txt", records=results(5_000))
        receipt = await scene.context.inbox.accept(inbound(scene, 1, returned(), attachment=kept))
        assert receipt.message_id == kept.claim
        await consumer.wait(5_000)
        await scene.reaches(kept.claim, "accepted")
        assert [m.id for m in consumer.got] == [f"{kept.claim}-{n}" for n in range(1, 5_001)]
        for message, result in zip(consumer.got, results(5_000), strict=True):
            assert message.data == ItemReturned(batch_id="B1", stage="final", result=result)
            assert message.causation_id == kept.claim
        assert dict(consumer.raw[0].headers) == {"type": "payment.item.returned.v1"}
        (delivery,) = await scene.gateway.store.deliveries_of(kept.claim)
        assert (delivery.partner, delivery.style) == ("feed-core", "one-way")
        assert await scene.gateway.store.reached(f"feed-core/{kept.claim}") == 5_000


async def test_the_audit_log_knows_the_file_by_its_digest(tmp_path: Path) -> None:
    async with running(tmp_path, feeds=[feed()]) as scene:
        kept = await scene.context.inbox.keep(arrived(tmp_path / "in"), records=results(3))
        await scene.context.inbox.accept(inbound(scene, 1, returned(), attachment=kept))
        await scene.reaches(kept.claim, "accepted")
        row = await scene.gateway.store.message(kept.claim)
        assert row is not None
        message = scene.gateway.vault.open_message(row.body, row.id)
        assert message.attachment == kept
        assert b"".join(scene.context.attachments.read(kept)) == b"the file"
        source = scene.gateway.store.audit_source()
        entries = [decode_entry(entry) for _, _, entry in source.find(kept.claim)]
        (entry,) = [e for e in entries if e.event == "message.accepted"]
        assert entry.digest == scene.gateway.keeping.chest.digest(kept.claim)
        assert entry.detail is not None
        assert (entry.detail["attachment_bytes"], entry.detail["attachment_records"]) == (8, 3)


async def test_records_in_the_body_and_whole_messages(tmp_path: Path) -> None:
    async with running(tmp_path, feeds=[feed(types=["payment.*"])]) as scene:
        consumer = await Consumer().start(scene)
        receipt = await scene.context.inbox.accept(scene.inbound(1, returned(3)))
        await consumer.wait(4)
        whole, *items = consumer.got
        assert (whole.id, whole.type) == (receipt.message_id, "payment.batch.returned.v1")
        assert [m.data.result.sequence for m in items] == [0, 1, 2]  # type: ignore[union-attr]


async def test_sealed_for_its_consumer(tmp_path: Path) -> None:
    path = tmp_path / "core.key"
    path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    path.chmod(0o600)
    async with running(tmp_path, feeds=[feed(clear=False, key_file=path)]) as scene:
        consumer = await Consumer(FeedKey.load(path)).start(scene)
        await scene.context.inbox.accept(scene.inbound(1, returned(3)))
        await consumer.wait(3)
        first, second, _ = consumer.raw
        assert b"sequence" not in first.body
        with pytest.raises(ValueError, match="does not open"):
            FeedKey.load(path).open(second.message_id, first.body)


async def test_nothing_is_published_into_a_queue_that_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.feed._LOOK_AFTER", 100)
    monkeypatch.setattr("gateway.engine.feed_windows.MESSAGES", 100)
    async with running(tmp_path, feeds=[feed(max_waiting=250)]) as scene:
        receipt = await scene.context.inbox.accept(scene.inbound(1, returned(1_000)))
        await until(lambda: long(scene, 250))
        await sleep(0.5)  # what is on its way would come now
        assert await scene.gateway.bus.depth(QUEUE) <= 400
        assert await scene.states(receipt.message_id) == ["sending"]
        consumer = await Consumer().start(scene)
        await consumer.wait(1_000)
        await scene.reaches(receipt.message_id, "accepted")
        assert [m.data.result.sequence for m in consumer.got] == list(range(1_000))  # type: ignore[union-attr]


async def test_a_stop_in_the_middle_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.feed._LOOK_AFTER", 100)
    monkeypatch.setattr("gateway.engine.feed_windows.MESSAGES", 100)
    async with running(tmp_path, feeds=[feed(max_waiting=300)]) as scene:
        kept = await scene.context.inbox.keep(arrived(tmp_path / "in"), records=results(1_000))
        await scene.context.inbox.accept(inbound(scene, 1, returned(), attachment=kept))
        await until(lambda: long(scene, 300))
    async with running(tmp_path, feeds=[feed()]) as scene:
        reached = await scene.gateway.store.reached(f"feed-core/{kept.claim}")
        assert reached >= 300
        consumer = await Consumer().start(scene)
        await scene.reaches(kept.claim, "accepted")

        async def the_last_came() -> bool:
            return bool(consumer.got) and consumer.got[-1].data.result.sequence == 999  # type: ignore[union-attr]

        await until(the_last_came)
        numbers = [m.data.result.sequence or 0 for m in consumer.got]  # type: ignore[union-attr]
        assert numbers == sorted(set(numbers))
        assert numbers[0] <= reached


async def test_a_window_that_the_broker_refuses_goes_out_again_with_all_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.feed_windows.MESSAGES", 100)
    async with running(tmp_path, feeds=[feed()]) as scene:
        consumer = await Consumer().start(scene)
        bus: Any = scene.gateway.bus
        real, windows = bus.publish_many, itertools.count(1)

        def refusing_one(queue: str, messages: Any, headers: Any) -> Deferred[None]:
            if next(windows) != 3:
                answer: Deferred[None] = real(queue, messages, headers)
                return answer
            late: Deferred[None] = Deferred()  # by then the next window is out, and confirmed
            scene.gateway.reactor.callLater(0.2, late.errback, Nacked("the broker could not keep it"))
            return late

        monkeypatch.setattr(bus, "publish_many", refusing_one)
        receipt = await scene.context.inbox.accept(scene.inbound(1, returned(1_000)))
        await scene.reaches(receipt.message_id, "accepted")
        await consumer.wait(1_000)
        assert {m.data.result.sequence for m in consumer.got} == set(range(1_000))  # type: ignore[union-attr]


async def test_damaged_records_wait_and_end_as_dead(tmp_path: Path) -> None:
    async with running(
        tmp_path, feeds=[feed()], engine={"retry": {"first": "10ms", "max": "10ms", "attempts": 3}}
    ) as scene:
        kept = await scene.context.inbox.keep(arrived(tmp_path / "in"), records=results(10))
        (records,) = (tmp_path / "chest").rglob("*.records")
        records.write_bytes(records.read_bytes()[:-9])
        await scene.context.inbox.accept(inbound(scene, 1, returned(), attachment=kept))
        await scene.reaches(kept.claim, "dead")
        (delivery,) = await scene.gateway.store.deliveries_of(kept.claim)
        assert "damaged" in (delivery.reason or "")


async def test_the_same_file_again_and_another_file_under_its_name(tmp_path: Path) -> None:
    async with running(tmp_path, feeds=[feed()]) as scene:
        inbox = scene.context.inbox
        first = await inbox.keep(arrived(tmp_path / "in"), records=results(3))
        await inbox.accept(inbound(scene, 1, returned(), attachment=first))
        again = await inbox.keep(arrived(tmp_path / "in"), records=results(3))
        receipt = await inbox.accept(inbound(scene, 1, returned(), attachment=again))
        assert (receipt.message_id, receipt.repeated) == (first.claim, True)
        await until(lambda: gone(scene, again))
        assert list(scene.context.attachments.read(first)) == [b"the file"]
        other = await inbox.keep(arrived(tmp_path / "in", b"another"), records=results(3))
        with pytest.raises(Conflict):
            await inbox.accept(inbound(scene, 1, returned(), attachment=other))


async def test_what_is_not_needed_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, feeds=[feed()]) as scene:
        inbox, store = scene.context.inbox, scene.gateway.store
        orphan, named, erased = [
            await inbox.keep(arrived(tmp_path / "in"), records=results(2)) for _ in range(3)
        ]
        for number, kept in enumerate((named, erased)):
            await inbox.accept(inbound(scene, number, returned(), attachment=kept))
            await scene.reaches(kept.claim, "accepted")
        assert await store.erase(erased.claim)
        forgotten = keeping.Forgotten(scene.gateway.keeping, store, scene.gateway.log)
        left = {orphan.claim, named.claim}
        for grace in (keeping.GRACE, 0.0):
            monkeypatch.setattr(keeping, "GRACE", grace)
            for _ in range(4):
                await forgotten.look()
            there = {path.name.partition(".")[0] for path in (tmp_path / "chest").rglob("*.*")}
            assert there == left
            left = {named.claim}


async def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with running(tmp_path, feeds=[feed()]) as scene:
        file = arrived(tmp_path / "in")
        monkeypatch.setattr("gateway.store.chest_file.os.fsync", full)
        with pytest.raises(Unavailable, match="disk is full"):
            await scene.context.inbox.keep(file)
        monkeypatch.undo()
        assert (await scene.context.inbox.keep(file)).size == 8


async def test_keeping_can_be_cancelled(tmp_path: Path) -> None:
    async with running(tmp_path, feeds=[feed()]) as scene:
        keeping_ = Deferred.fromCoroutine(
            scene.context.inbox.keep(arrived(tmp_path / "in"), records=results(10**7))
        )
        await sleep(0.3)
        keeping_.cancel()
        with pytest.raises(CancelledError):
            await keeping_

        async def nothing_stays() -> bool:
            return not list((tmp_path / "chest").rglob("*.*"))

        await until(nothing_stays)


def test_ten_lines_open_it() -> None:
    """What docs/operations.md tells consumers."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    secret = os.urandom(32)
    body = FeedKey(secret).close("m-1", b'{"id":"m-1"}')
    assert msgspec.json.decode(AESGCM(secret).decrypt(body[:12], body[12:], b"m-1")) == {"id": "m-1"}

"""Who is right about what was sent: a file against the audit log."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.threads import deferToThread

from gateway.cli import erasing
from gateway.contract import Refusal, Replied
from gateway.desk.matching import matches
from gateway.store import open_reader
from tests.engine.scripted import Platform, Scene, running


async def _same(scene: Scene, message_id: str, file: Path) -> dict[str, bool | None]:
    configuration = scene.gateway.configuration

    def look() -> dict[str, bool | None]:
        with open_reader(configuration.gateway.store) as reader:
            return {m.entry.event: m.same for m in matches(configuration, reader, message_id, file)}

    return await deferToThread(look)


async def test_what_was_accepted_answered_and_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    async with running(tmp_path / "gateway", Platform()) as scene:
        inbox = scene.context.inbox
        answered = await inbox.request(scene.inbound(1, raw=b"<as sent/>"), 10.0)
        assert isinstance(answered, Replied)
        theirs.write_bytes(b"<as sent/>")
        found = await _same(scene, answered.message_id, theirs)
        assert found["message.accepted"] is True
        assert found.get("delivery.accepted") is not True
        theirs.write_bytes(b"<as sent />")
        assert not any((await _same(scene, answered.message_id, theirs)).values())

        refused = await inbox.refuse(Refusal(code="field", raw=b"<wrong/>"))
        theirs.write_bytes(b"<wrong/>")
        assert await _same(scene, refused, theirs) == {"message.refused": True}
        theirs.write_bytes(b"<right/>")
        assert await _same(scene, refused, theirs) == {"message.refused": False}

        row = await scene.gateway.store.message(answered.message_id)
        assert row is not None
        await deferToThread(erasing._carry_out, scene.gateway.configuration, row, [], [row.id], "x")
        theirs.write_bytes(b"<as sent/>")
        assert (await _same(scene, answered.message_id, theirs))["message.accepted"] is None, "nobody can say"


async def test_an_attachment_is_known_by_its_own_bytes(tmp_path: Path) -> None:
    content = tmp_path / "file"
    content.write_bytes(b"a row\n" * 1000)
    async with running(tmp_path / "gateway", Platform()) as scene:
        inbox = scene.context.inbox
        attachment = await inbox.keep(content, name="rows.txt")
        receipt = await inbox.accept(scene.inbound(1, raw=b"", attachment=attachment))
        assert (await _same(scene, receipt.message_id, content))["message.accepted"] is True
        content.write_bytes(b"a row\n" * 999)
        assert (await _same(scene, receipt.message_id, content))["message.accepted"] is False


async def test_a_partners_answer(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    platform = Platform()
    async with running(tmp_path / "gateway", platform) as scene:
        answered = await scene.context.inbox.request(scene.inbound(1), 10.0)
        assert isinstance(answered, Replied)
        store = scene.gateway.store
        [delivery] = await store.deliveries_of(answered.message_id)
        row = await store.message(delivery.reply_id or "")
        assert row is not None
        raw = scene.gateway.vault.open(row.raw, row.id, "raw")
        theirs.write_bytes(raw)
        found = await _same(scene, answered.message_id, theirs)
        assert found.get("delivery.accepted", True) is True

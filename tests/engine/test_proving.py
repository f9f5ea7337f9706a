"""What the engine gives a partner to keep: the log's proof of what it sent, and nobody else's."""

from __future__ import annotations

import hmac
import os
from dataclasses import replace
from pathlib import Path

from gateway.audit import load_verifiers, verify_receipt
from gateway.audit.entry import decode
from gateway.contract import Evidence
from gateway.engine.inbox import PartnerInbox
from tests.engine.scripted import Scene, running
from tests.twisted_runner import sleep


async def evidence(scene: Scene, message_id: str) -> Evidence:
    for _ in range(600):
        found = await scene.context.inbox.evidence(message_id)
        if found is not None:
            return found
        await sleep(0.05)
    raise AssertionError("not in time")


async def test_the_proof_of_a_message_is_its_senders(tmp_path: Path) -> None:
    async with running(tmp_path) as scene:
        inbound = scene.inbound(1)
        receipt = await scene.context.inbox.accept(inbound)
        found = await evidence(scene, receipt.message_id)
        folder = scene.gateway.configuration.audit_folder
        index, _ = verify_receipt(found.proof, found.entry, load_verifiers(folder / "vkey"))
        assert index == found.index
        assert found.vkey == (folder / "vkey").read_text().strip()
        entry = decode(found.entry)
        assert (entry.event, entry.message) == ("message.accepted", receipt.message_id)
        assert found.salt is not None
        assert entry.digest == f"hmac-sha256:{hmac.digest(found.salt, inbound.raw, 'sha256').hex()}"
        other = PartnerInbox("another", scene.gateway.acceptor, scene.gateway.log, lambda _: None)
        assert await other.evidence(receipt.message_id) is None
        assert await scene.context.inbox.evidence("0199-nobody") is None


async def test_the_digest_of_an_attachment_has_its_key_too(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(content)
    async with running(tmp_path) as scene:
        kept = await scene.context.inbox.keep(tmp_path / "file", name="a.zip")
        receipt = await scene.context.inbox.accept(replace(scene.inbound(1), raw=b"", attachment=kept))
        found = await evidence(scene, receipt.message_id)
        assert found.salt is not None
        assert decode(found.entry).digest == f"hmac-sha256:{hmac.digest(found.salt, content, 'sha256').hex()}"

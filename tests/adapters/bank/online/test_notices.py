"""Notices of the bank: believed for their signature, committed before they are answered, and followed by a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.bank.simulator.online_cdc import Cdc
from gateway.contract import Unavailable
from gateway.transports.http import HttpClient, HttpResponse
from tests.adapters.bank.online.rig import NAMES, REFERENCE, Rig, batch, rig, until

NOTICES: dict[str, Any] = {"listen": "127.0.0.1:0", "path": "/notices", "clients": ["127.0.0.0/8"]}


async def post(it: Rig, content: bytes, method: str = "POST") -> HttpResponse:
    notices = it.receiver.notices
    assert notices is not None
    client = HttpClient()
    try:
        return await client.request(method, notices.url, body=content)
    finally:
        client.close()


def bank(it: Rig) -> Cdc:
    assert isinstance(it.bank.bank, Cdc)
    return it.bank.bank


@pytest.mark.parametrize("kind", ["YQN03010", "YQN03030"])
async def test_a_notice_is_taken_and_the_batch_asked_about(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, notices=NOTICES, progress=0, poll={"every": 3600}) as it:
        await it.receiver.start()
        await it.send(batch())
        answer = await post(it, bank(it).notice(kind, REFERENCE))
        assert (answer.status, answer.body) == (200, b"OK")
        await until(lambda: len(it.returned) == 2)  # by itself, an hour early
        assert [body.stage for body in it.returned] == ["intermediate.notified", "final"]
        assert len(it.returned[0].results) == 2
        again = await post(it, bank(it).notice(kind, REFERENCE))
        assert again.status == 200
        assert len(it.returned) == 2
        await it.receiver.stop()


async def test_a_forged_notice(tmp_path: Path) -> None:
    async with rig(tmp_path, notices=NOTICES, poll={"every": 3600}) as it:
        await it.receiver.start()
        await it.send(batch())
        genuine = bank(it).notice("YQN03010", REFERENCE)
        changed = genuine.replace(b"100.01", b"900.01")
        assert changed != genuine
        for forged in (bank(it).notice("YQN03010", REFERENCE, genuine=False), changed):
            assert (await post(it, forged)).status == 400
        for nothing in (b"", b"[]", b"{}", b'{"sigdat":"AAAA"}', b"\xff"):
            assert (await post(it, nothing)).status == 400
        assert [refusal.code for refusal in it.inbox.refused][:2] == ["signature", "signature"]
        assert it.inbox.accepted == []
        for name in NAMES:
            assert name not in it.logged()
        await it.receiver.stop()


async def test_not_answered_before_the_commit(tmp_path: Path) -> None:
    async with rig(tmp_path, notices=NOTICES, poll={"every": 3600}) as it:
        await it.receiver.start()
        await it.send(batch())
        it.inbox.error = Unavailable("存储不可用", "the store is away")
        assert (await post(it, bank(it).notice("YQN03010", REFERENCE))).status == 503
        it.inbox.error = None
        assert (await post(it, bank(it).notice("YQN03010", REFERENCE))).status == 200
        assert (await post(it, b"", "GET")).status == 405
        await it.receiver.stop()


async def test_other_notices_are_on_record(tmp_path: Path) -> None:
    async with rig(tmp_path, notices=NOTICES, poll={"every": 3600}) as it:
        await it.receiver.start()
        await it.send(batch())
        assert (await post(it, bank(it).notice("YQN01010", REFERENCE))).status == 200
        assert [h.kind for h in it.inbox.handled_ones] == ["notice YQN01010"]
        await it.receiver.stop()


async def test_from_elsewhere(tmp_path: Path) -> None:
    async with rig(tmp_path, notices={**NOTICES, "clients": ["203.0.113.0/24"]}) as it:
        await it.receiver.start()
        await it.send(batch())
        assert (await post(it, bank(it).notice("YQN03010", REFERENCE))).status == 403
        await it.receiver.stop()

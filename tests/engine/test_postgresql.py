"""The engine's main paths on PostgreSQL, and what only a shared database brings: another process's leavings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.audit.verify import verify_log
from gateway.canonical.settlement import ClaimSettled
from gateway.contract import Replied, Unknown
from gateway.store.api import Advance
from tests.engine.scripted import Platform, running
from tests.servers.postgresql import Postgresql

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(postgresql_server: Postgresql, request: pytest.FixtureRequest) -> dict[str, Any]:
    schema = request.node.name
    with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return {"url": postgresql_server.url(schema)}


async def test_requests_repetitions_and_doubts(tmp_path: Path, database: dict[str, Any]) -> None:
    platform = Platform()

    def lost(message: Any, prepared: Any) -> Unknown:
        platform.settle(message, prepared)
        return Unknown(reason="no answer in time")

    platform.script.append(lost)
    async with running(tmp_path, platform, store=database) as scene:
        first = await scene.context.inbox.request(scene.inbound(1), 10.0)
        again = await scene.context.inbox.request(scene.inbound(1), 10.0)
        assert isinstance(first, Replied)
        assert isinstance(first.reply.data, ClaimSettled)
        assert isinstance(again, Replied)
        assert again.repeated
        receipts = [
            await scene.context.inbox.accept(scene.inbound(n, ordering_key="person-1")) for n in range(2, 8)
        ]
        for receipt in receipts:
            await scene.reaches(receipt.message_id, "accepted")
    assert list(platform.effects.values()) == [f"V{n}" for n in range(1, 8)], "once each, and in order"
    report = verify_log(tmp_path / "audit", (tmp_path / "audit" / "vkey").read_text())
    assert report.ok, report.problems
    assert report.entries == 4 + 6 * 3 + 2


async def test_what_another_process_left_in_the_middle_is_found(
    tmp_path: Path, database: dict[str, Any]
) -> None:
    platform = Platform()
    async with running(tmp_path, platform, store=database) as scene:
        scene.gateway.couriers["province"].gate.down()  # so that it stays where we put it
        receipt = await scene.context.inbox.accept(scene.inbound(1))
        [row] = await scene.gateway.store.deliveries_of(receipt.message_id)
        begun = Advance(
            delivery_id=row.id,
            before="pending",
            after="sending",
            at=row.created,
            attempts=1,
            owner="the dead",
        )
        assert await scene.gateway.store.commit(begun)
        await scene.reaches(receipt.message_id, "in-doubt")  # nothing says what was sent: for a person
    assert platform.sends == []

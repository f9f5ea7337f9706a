"""A message is erased: what it held is gone, that it passed stays on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.threads import deferToThread

from gateway.audit import decode
from gateway.cli import erasing
from gateway.contract import ConfigError, Pending, Replied
from gateway.engine.clearance import question_key
from gateway.engine.routes import GATEWAY
from gateway.store import open_reader
from gateway.store.api import Accept, MessageRow
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from tests.cli.conftest import PERSON, Stocked, owe, running_store
from tests.cli.test_commands import _json, _run
from tests.engine.scripted import Platform, running
from tests.twisted_runner import run

REASON = ("--reason", "本人申请删除")


def _erase(stocked: Stocked, message_id: str, *options: object, code: int = 0) -> Any:
    arguments = ("message", "erase", message_id, *REASON, *options, "-c", stocked.folder)
    return _json(*arguments) if code == 0 else _run(*arguments, code=code).output


def _row(stocked: Stocked, message_id: str) -> MessageRow:
    with open_reader(stocked.configuration.gateway.store) as reader:
        row = reader.message(message_id)
    assert row is not None
    return row


def test_what_it_held_is_gone_and_its_life_stays(stocked: Stocked, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    chest = Chest(stocked.configuration.data_dir / "chest", KeyRing.load(stocked.configuration.keyring_file))
    kept = chest.keep(stocked.message_id, file)
    assert "--confirm" in _erase(stocked, stocked.message_id, code=2)
    assert _row(stocked, stocked.message_id).body != b"", "nothing without a confirmation"

    # By the id of its reply, which means the same message.
    assert _erase(stocked, stocked.reply_id, "--confirm") == {"message": stocked.message_id, "erased": True}
    for message_id in (stocked.message_id, stocked.reply_id):
        assert (_row(stocked, message_id).body, _row(stocked, message_id).raw) == (b"", b"")
    with pytest.raises(ConfigError):
        next(chest.read(kept))
    with open_reader(stocked.configuration.gateway.store) as reader:
        last = decode(reader.audit_of(stocked.message_id)[-1][2])
    assert (last.event, last.detail) == ("message.erased", {"reason": REASON[1]})
    assert last.actor
    shown = _run("message", "show", stocked.message_id, "--unmask", *REASON, "-c", stocked.folder).output
    assert "已被删除" in shown
    assert "message.erased" in shown
    assert PERSON not in shown
    assert "已经删除" in _erase(stocked, stocked.message_id, "--confirm", code=1)


def test_what_was_asked_about_it_first_goes_too(stocked: Stocked) -> None:
    question = replace(
        _row(stocked, stocked.message_id),
        id="question-1",
        partner=GATEWAY,
        partner_message_id=question_key(stocked.message_id),
    )
    with running_store(stocked.configuration) as store:
        run(store.commit(Accept(question, (), ())))
    _erase(stocked, stocked.message_id, "--confirm")
    assert (_row(stocked, "question-1").body, _row(stocked, "question-1").raw) == (b"", b"")


@pytest.mark.parametrize("state", ["pending", "sending", "waiting", "in-doubt", "dead"])
def test_what_is_still_needed_stays(stocked: Stocked, state: str) -> None:
    message_id = owe(stocked, state)
    assert "settle" in _erase(stocked, message_id, "--confirm", code=1)
    assert _row(stocked, message_id).body != b""


async def test_a_hospital_that_asks_again_is_told_the_state(tmp_path: Path) -> None:
    async with running(tmp_path, Platform()) as scene:
        answered = await scene.context.inbox.request(scene.inbound(1), 10.0)
        assert isinstance(answered, Replied)
        store = scene.gateway.store
        row = await store.message(answered.message_id)
        assert row is not None
        claims = [d.reply_id or "" for d in await store.deliveries_of(row.id)]
        await deferToThread(erasing._carry_out, scene.gateway.configuration, row, [], claims, "x")
        again = await scene.context.inbox.request(scene.inbound(1), 10.0)
        assert again == Pending(message_id=row.id, state="accepted")

"""Keys of stored payloads: rotated beside a running gateway, and retired when nothing needs them any more."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from twisted.internet.threads import deferToThread

from gateway.audit import decode
from gateway.cli import keys
from gateway.desk.record import record
from gateway.store import keyring, open_clerk, open_reader
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from tests.cli.conftest import PERSON, Stocked, owe
from tests.cli.test_commands import _json, _run
from tests.engine.scripted import Platform, running
from tests.twisted_runner import sleep

REASON = ("--reason", "年度轮换")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_TAKEN_OVER", 0.0)


def _key(stocked: Stocked, command: str, *arguments: object, code: int = 0) -> Any:
    run = _json if code == 0 else _run
    return run("key", command, *arguments, "-c", stocked.folder, **({} if code == 0 else {"code": code}))


def _ring(stocked: Stocked) -> KeyRing:
    return KeyRing.load(stocked.configuration.keyring_file)


def _attachment(stocked: Stocked, tmp_path: Path) -> Chest:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    chest = Chest(stocked.configuration.data_dir / "chest", _ring(stocked))
    chest.keep("01a200b3-5a53-700d-b5be-e5d99cbb6ab4", file)
    return chest


def _events(stocked: Stocked) -> list[str]:
    with open_reader(stocked.configuration.gateway.store) as reader:
        rows = reader.ask(lambda session: session.rows("SELECT entry FROM audit ORDER BY n"))
    return [decode(bytes(entry)).event for (entry,) in rows]


def test_from_a_rotation_to_the_old_keys_end(stocked: Stocked, tmp_path: Path) -> None:
    old = _ring(stocked).current
    _attachment(stocked, tmp_path)
    rotated = _key(stocked, "rotate", *REASON)
    assert rotated["before"] == old != rotated["current"] == _ring(stocked).current
    listed = {one["key"]: one for one in _key(stocked, "list", "--count")}
    assert (listed[old]["current"], listed[old]["rows"] > 1, listed[old]["attachments"]) == (False, True, 1)
    assert (listed[rotated["current"]]["rows"], listed[rotated["current"]]["attachments"]) == (0, 0)

    refused = _key(stocked, "retire", old, *REASON, code=1).output
    assert "key reseal" in refused
    sealed = listed[old]["rows"]
    done = _key(stocked, "reseal")
    assert done["rows"] >= sealed
    assert done["attachments"] == 1
    assert _key(stocked, "reseal")["attachments"] == 0
    away = _key(stocked, "retire", old, *REASON)
    assert KeyRing.load(Path(away["file"])).current == old

    assert [one["key"] for one in _key(stocked, "list")] == [rotated["current"]]
    shown = _run("message", "show", stocked.message_id, "--unmask", "--reason", "核对", "-c", stocked.folder)
    assert PERSON in shown.output
    assert [e for e in _events(stocked) if e.startswith("key.")] == [
        "key.rotating", "key.resealed", "key.resealed", "key.retiring",
    ]  # fmt: skip


def test_no_key_is_ever_shown(stocked: Stocked) -> None:
    secret = json.loads(stocked.configuration.keyring_file.read_bytes())["keys"].popitem()[1]
    for command in (("list",), ("list", "--count", "--json"), ("rotate", *REASON)):
        assert secret not in _run("key", *command, "-c", stocked.folder).output


def test_the_current_key_and_an_unknown_one_stay_where_they_are(stocked: Stocked) -> None:
    assert "rotate" in _key(stocked, "retire", _ring(stocked).current, *REASON, code=1).output
    assert "abcd0123" in _key(stocked, "retire", "abcd0123", *REASON, code=1).output
    _run("key", "rotate", "-c", stocked.folder, code=2)  # no reason
    assert [e for e in _events(stocked) if e.startswith("key.")] == []


def test_a_key_stays_while_messages_of_its_time_are_on_the_bus(stocked: Stocked) -> None:
    old = _ring(stocked).current
    owe(stocked, "waiting")
    _key(stocked, "rotate", *REASON)
    _key(stocked, "reseal")
    assert "message work" in _key(stocked, "retire", old, *REASON, code=1).output


def test_one_at_a_time(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(*_: object) -> int:
        assert "另一个" in _key(stocked, "reseal", code=3).output
        return 0

    monkeypatch.setattr(keys, "_reseal_attachments", again)
    _key(stocked, "reseal")


async def test_a_key_stays_while_a_gateway_seals_with_it(tmp_path: Path) -> None:
    """Such as one that cannot read the file any more."""
    async with running(tmp_path, Platform()) as scene:
        gateway = scene.gateway
        configuration = gateway.configuration
        old = gateway.keyring.current
        ring = KeyRing.load(configuration.keyring_file)
        ring.rotate()
        gateway.keyring._seen = keyring._stamp(configuration.keyring_file)  # as if nothing had changed
        await gateway._renew()
        with pytest.raises(typer.Exit):
            await deferToThread(keys._require_taken_over, configuration, ring, old, None)
        gateway.keyring._seen = None
        first = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(first.message_id, "accepted")


def test_not_before_everybody_has_taken_over(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_TAKEN_OVER", 60.0)
    old = _ring(stocked).current
    _key(stocked, "rotate", *REASON)
    _key(stocked, "reseal")
    assert "60" in _key(stocked, "retire", old, *REASON, code=1).output


def test_an_attachment_that_is_being_written_keeps_the_key(stocked: Stocked, tmp_path: Path) -> None:
    chest = _attachment(stocked, tmp_path)
    old = _ring(stocked).current
    _key(stocked, "rotate", *REASON)
    _key(stocked, "reseal")
    draft = next(iter(chest.shelves())) / "another.content.part"
    draft.write_bytes(b"")
    assert "附件" in _key(stocked, "retire", old, *REASON, code=1).output
    draft.unlink()
    _key(stocked, "retire", old, *REASON)


def test_what_is_damaged_is_named_and_stays(stocked: Stocked, tmp_path: Path) -> None:
    chest = _attachment(stocked, tmp_path)
    [part] = [file for shelf in chest.shelves() for file in shelf.iterdir()]
    part.write_bytes(part.read_bytes()[:-10])
    (part.parent / ".nfs0001").write_bytes(b"")
    _key(stocked, "rotate", *REASON)
    with open_clerk(stocked.configuration.gateway.store) as clerk:
        clerk.work(_spoil, stocked.message_id)
    told = _key(stocked, "reseal", code=1).output
    assert f"messages {stocked.message_id} raw" in told
    assert f"chest {part.name.partition('.')[0]}" in told
    listed = _key(stocked, "list", "--count")
    assert sorted(one["rows"] for one in listed)[0] == 1, "all else is under the new key"


def _spoil(session: Any, message_id: str) -> None:
    [(raw,)] = session.rows("SELECT raw FROM messages WHERE id = ?", (message_id,))
    session.run("UPDATE messages SET raw = ? WHERE id = ?", (bytes(raw)[:-1] + b"?", message_id))


async def test_a_running_gateway_takes_the_new_key_over(tmp_path: Path) -> None:
    async with running(tmp_path, Platform()) as scene:
        gateway = scene.gateway
        configuration = gateway.configuration
        first = await scene.context.inbox.accept(scene.inbound(1))
        await scene.reaches(first.message_id, "accepted")
        old = gateway.keyring.current

        def rotate() -> None:
            record(configuration, "key.rotating", {}, "os:tester")
            KeyRing.load(configuration.keyring_file).rotate()

        await deferToThread(rotate)
        await gateway._look_at_keys()
        assert gateway.keyring.current != old
        second = await scene.context.inbox.accept(scene.inbound(2))
        await scene.reaches(second.message_id, "accepted")
        ring = KeyRing.load(configuration.keyring_file)
        await deferToThread(keys._reseal_rows, configuration, ring, [])
        for receipt in (first, second):
            row = await gateway.store.message(receipt.message_id)
            assert row is not None
            assert row.body[1:5].hex() == row.raw[1:5].hex() == ring.current
        with pytest.raises(typer.Exit):  # it held the old key's lease a moment ago
            await deferToThread(keys._require_retirable, configuration, ring, old)
        for _ in range(100):
            with suppress(typer.Exit):
                await deferToThread(keys._require_retirable, configuration, ring, old)
                break
            await sleep(0.2)
        ring.retire(old)
        await gateway._look_at_keys()
        again = await scene.context.inbox.accept(scene.inbound(1))
        assert again.repeated

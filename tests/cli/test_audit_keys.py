"""The audit log's signing key is changed, and nobody who holds the old one is left behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import decode
from gateway.audit.keys import change_key, draft_key, load_signer, load_signers
from gateway.audit.service import integrator
from gateway.audit.verify import verify_log, verify_receipt
from gateway.store import open_reader
from tests.cli.conftest import Stocked, refuse, running_store
from tests.cli.test_commands import _json, _run

REASON = ("--reason", "年度更换")


def _act(stocked: Stocked, command: str, *arguments: object, code: int = 0) -> Any:
    everything = ("audit", command, *arguments, "-c", stocked.folder)
    return _json(*everything) if code == 0 else _run(*everything, code=code).output


def _started_again(stocked: Stocked) -> None:
    """What a start of the gateway does with its log."""
    configuration = stocked.configuration
    with running_store(configuration) as store:
        made = integrator(
            store.audit_source(),
            configuration.audit_folder,
            configuration.gateway.audit.origin,
            configuration.audit_key_file,
        )
        made.drain()
        made.close()


def _verified(stocked: Stocked, vkey: str, since: bytes | None = None) -> bool:
    return verify_log(stocked.configuration.audit_folder, vkey, since).ok


def _checkpoint(stocked: Stocked) -> bytes:
    return (stocked.configuration.audit_folder / "checkpoint").read_bytes()


def _receipt(stocked: Stocked, message_id: str, out: Path) -> tuple[bytes, bytes]:
    _act(stocked, "prove", message_id, "--out", out)
    return (out / "receipt.tlog-proof").read_bytes(), (out / "entry.bin").read_bytes()


def test_from_a_change_to_the_old_keys_end(stocked: Stocked, tmp_path: Path) -> None:
    old = _act(stocked, "key")["vkey"]
    first, of_before = _checkpoint(stocked), _receipt(stocked, stocked.message_id, tmp_path / "1")
    changed = _act(stocked, "change-key", *REASON)
    new = changed["vkey"]
    assert changed["earlier"] == old != new
    assert _act(stocked, "key") == {"origin": old.partition("+")[0], "vkey": new, "earlier": [old]}
    old_id = old.split("+")[1]
    assert "启动" in _act(stocked, "retire-key", old_id, *REASON, code=1), (
        "nothing is signed by the new one yet"
    )

    _started_again(stocked)
    both = _checkpoint(stocked)
    for vkey in (old, new, f"{new}\n{old}\n"):
        assert _verified(stocked, vkey)
        verify_receipt(*_receipt(stocked, stocked.message_id, tmp_path / "2"), vkey)
    assert _verified(stocked, f"{old}\n{new}", first), "it continues what was signed before"
    assert "当前" in _act(stocked, "retire-key", new.split("+")[1], *REASON, code=1)
    assert "abcdabcd" in _act(stocked, "retire-key", "abcdabcd", *REASON, code=1)

    _act(stocked, "retire-key", old_id, *REASON)
    refuse(stocked)
    _started_again(stocked)
    assert _act(stocked, "key")["earlier"] == []
    assert _verified(stocked, new, both)
    assert not _verified(stocked, old)
    verify_receipt(*_receipt(stocked, stocked.message_id, tmp_path / "3"), new)
    verify_receipt(*of_before, old)
    with open_reader(stocked.configuration.gateway.store) as reader:
        rows = reader.ask(lambda session: session.rows("SELECT entry FROM audit ORDER BY n"))
    entries = [decode(bytes(entry)) for (entry,) in rows]
    assert [e.event for e in entries if e.event.startswith("audit.")] == [
        "audit.key-changing", "audit.key-retiring",
    ]  # fmt: skip
    said = next(e.detail for e in entries if e.event == "audit.key-changing")
    assert said == {"old": old, "new": new, "reason": REASON[1]}


def test_changed_twice(stocked: Stocked) -> None:
    keys = [_act(stocked, "key")["vkey"]]
    for _ in range(2):
        keys.insert(0, _act(stocked, "change-key", *REASON)["vkey"])
        _started_again(stocked)
    assert sorted(_act(stocked, "key")["earlier"]) == sorted(keys[1:])
    assert all(_verified(stocked, vkey) for vkey in keys)


def test_the_key_in_force_comes_first_whatever_was_interrupted(stocked: Stocked) -> None:
    origin, file = stocked.configuration.gateway.audit.origin, stocked.configuration.audit_key_file
    for _ in range(6):
        draft_key(origin, file)
        change_key(origin, file)
        present = load_signer(origin, file)
        shutil.copy2(file, file.with_name(f"audit-{present.key_id.hex()}.pem"))  # killed before the rename
        assert load_signers(origin, file)[0].vkey == present.vkey


@pytest.mark.parametrize("step", ["drafted", "linked"])
def test_an_interrupted_change_leaves_the_old_key_in_force(stocked: Stocked, step: str) -> None:
    origin, file = stocked.configuration.gateway.audit.origin, stocked.configuration.audit_key_file
    old = load_signer(origin, file)
    draft_key(origin, file)
    if step == "linked":
        shutil.copy2(file, file.with_name(f"audit-{old.key_id.hex()}.pem"))
    assert [one.vkey for one in load_signers(origin, file)] == [old.vkey]
    _started_again(stocked)
    assert _verified(stocked, old.vkey)
    new = draft_key(origin, file)
    change_key(origin, file)
    assert [one.vkey for one in load_signers(origin, file)] == [new.vkey, old.vkey]

"""A partner's SFTP server: files handed over, looked up, fetched once, and refused with a report."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pydantic import ValidationError

from adapters.generic import adapter
from adapters.generic.settings import GenericSettings
from gateway.contract import Absent, Accepted, PartnerDown, Rejected, Unavailable, Unknown
from gateway.transports.files.sftp import SftpReceiver
from tests.adapters.context import Harness
from tests.adapters.generic.test_samples import EXAMPLE
from tests.adapters.generic.test_ways import FILE, REGISTRATION, notice
from tests.servers.sftp_peer import PASSWORD, USER, Cable, Peer


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    (tmp_path / "server" / "in").mkdir(parents=True)
    made = Peer(tmp_path / "server")
    yield made
    made.close()


@pytest.fixture
def folder(peer: Peer) -> Path:
    return peer.root / "in"


def way(peer: Peer, **facts: Any) -> dict[str, Any]:
    return {
        "kind": "sftp", "server": f"127.0.0.1:{peer.port}", "user": USER, "password": PASSWORD,
        "host_keys": [peer.host_key], "path": "/in", "timeout": "5s", **facts,
    }  # fmt: skip


Watch = Callable[..., SftpReceiver]


@pytest.fixture
def watch(peer: Peer, tmp_path: Path) -> Iterator[Watch]:
    made: list[SftpReceiver] = []

    def watch(harness: Harness, **facts: Any) -> SftpReceiver:
        inbound = way(peer, **{"complete": "rename", **facts})
        settings = GenericSettings.model_validate({"operations": [notice()], "inbound": inbound})
        assert list(adapter.problems(settings)) == []
        it = adapter.receiver(settings, harness.context)
        assert isinstance(it, SftpReceiver)
        made.append(it)
        return it

    yield watch
    for it in made:
        it._client.close()


def taken(harness: Harness) -> list[str]:
    return [inbound.partner_message_id for inbound in harness.inbox.accepted]


async def test_a_file_is_fetched_and_then_deleted_or_archived(
    tmp_path: Path, folder: Path, watch: Watch
) -> None:
    harness = Harness(tmp_path)
    (folder / "a.json").write_bytes(FILE)
    (folder / "b.json.part").write_bytes(FILE)
    await watch(harness).look()
    assert os.listdir(folder) == ["b.json.part"]
    (folder / "a.json").write_bytes(FILE)
    await watch(harness, done="/done").look()
    assert os.listdir(folder.parent / "done") == ["a.json"]
    assert taken(harness) == ["MZ20250001"] * 2, "the same file twice is the same message"
    assert os.listdir(tmp_path / "sftp") == []


async def test_a_name_that_cannot_be_told_is_refused_and_holds_up_no_other(
    tmp_path: Path, folder: Path, watch: Watch
) -> None:
    harness = Harness(tmp_path)
    (folder / "two\nlines.json").write_bytes(FILE)
    (folder / "b.json").write_bytes(FILE)
    for rejected in ("/refused", None):
        it = watch(harness, rejected=rejected)
        await it.look()
        await it.look()
        assert taken(harness) == ["MZ20250001"]
        assert [refusal.code for refusal in harness.inbox.refused] == ["name"]
        assert os.listdir(folder) == []
        harness.inbox.accepted.clear()
        harness.inbox.refused.clear()
        (folder / "two\nlines.json").write_bytes(FILE)
        (folder / "b.json").write_bytes(FILE)


async def test_copies_of_a_process_that_was_killed_are_removed(tmp_path: Path, watch: Watch) -> None:
    harness = Harness(tmp_path)
    (tmp_path / "sftp").mkdir()
    for name in ("a.json", ".0123.part"):
        (tmp_path / "sftp" / name).write_bytes(FILE)
    it = watch(harness)
    await it.start()
    await it.stop()
    assert os.listdir(tmp_path / "sftp") == [".0123.part"]


async def test_what_still_changes_is_left_alone(tmp_path: Path, folder: Path, watch: Watch) -> None:
    harness = Harness(tmp_path)
    it = watch(harness, complete="stable", stable_for="10s")
    half = len(FILE) // 2
    (folder / "a.json").write_bytes(FILE[:half])
    await it.look()
    at = harness.clock.monotonic()
    harness.clock.monotonic = lambda: at + 11  # type: ignore[method-assign]
    (folder / "a.json").write_bytes(FILE)
    await it.look()
    assert taken(harness) == [], "it changed in the meantime"
    harness.clock.monotonic = lambda: at + 22  # type: ignore[method-assign]
    await it.look()
    assert taken(harness) == ["MZ20250001"]


@pytest.mark.parametrize("companion", [".ok", ".md5", ".sm3"])
async def test_a_companion_says_that_the_file_is_whole(
    tmp_path: Path, folder: Path, watch: Watch, companion: str
) -> None:
    harness = Harness(tmp_path)
    it = watch(harness, complete=companion, stable_for="10s")
    digest = "" if companion == ".ok" else hashlib.new(companion[1:], FILE).hexdigest()
    (folder / f"a.json{companion}").write_text(digest)
    os.utime(folder / f"a.json{companion}", (1, 1))
    await it.look()
    (folder / "a.json").write_bytes(FILE[:10])  # the companion came before its document
    await it.look()
    assert taken(harness) == []
    assert harness.inbox.refused == []
    (folder / "a.json").write_bytes(FILE)
    os.utime(folder / f"a.json{companion}")
    await it.look()
    assert taken(harness) == ["MZ20250001"]
    assert os.listdir(folder) == []


@pytest.mark.parametrize("rejected", [None, "/refused"])
async def test_a_refused_file_gets_a_report(
    tmp_path: Path, folder: Path, watch: Watch, rejected: str | None
) -> None:
    harness = Harness(tmp_path)
    it = watch(harness, rejected=rejected, complete=".md5", body_limit=len(FILE))
    (folder / "a.json").write_bytes(b"{}")
    (folder / "a.json.md5").write_text(hashlib.md5(b"{}").hexdigest())
    (folder / "b.json").write_bytes(FILE[:-1])
    (folder / "b.json.md5").write_text(hashlib.md5(FILE).hexdigest())
    (folder / "c.json").write_bytes(FILE + b" ")
    (folder / "c.json.md5").write_text("")
    await it.look()
    assert [r.rule for r in harness.inbox.refused][1:] == ["digest", f"max {len(FILE)}"]
    assert taken(harness) == []
    assert os.listdir(folder) == []
    kept = folder.parent / "refused" if rejected else tmp_path / "rejected"
    assert sorted(os.listdir(kept)) == sorted(
        name + ending
        for name in ("a.json", "b.json", "c.json")
        for ending in ("", ".report.txt", ".report.json")
    )
    assert "refused-2" in (kept / "b.json.report.txt").read_text(encoding="utf-8")


async def test_files_stay_until_they_can_be_committed(tmp_path: Path, folder: Path, watch: Watch) -> None:
    harness = Harness(tmp_path)
    it = watch(harness)
    (folder / "a.json").write_bytes(FILE)
    harness.inbox.error = Unavailable("库不可用", "no store")
    await it.look()
    assert os.listdir(folder) == ["a.json"]
    harness.inbox.error = None
    await it.look()
    assert os.listdir(folder) == []


async def test_a_file_replaced_after_it_was_read_is_taken_next(
    tmp_path: Path, folder: Path, watch: Watch
) -> None:
    harness = Harness(tmp_path)
    it = watch(harness)
    (folder / "a.json").write_bytes(FILE)
    fetched = it.fetched

    async def replaced(name: str) -> Path:
        path = await fetched(name)
        (folder / "a.json").write_bytes(FILE + b"\n")
        return path

    it.fetched = replaced  # type: ignore[method-assign]
    await it.look()
    assert (folder / "a.json").read_bytes() == FILE + b"\n"
    it.fetched = fetched  # type: ignore[method-assign]
    await it.look()
    assert os.listdir(folder) == []
    assert len(taken(harness)) == 2


async def test_one_file_that_cannot_be_moved_does_not_hold_up_the_others(
    tmp_path: Path, peer: Peer, folder: Path, watch: Watch
) -> None:
    harness = Harness(tmp_path)
    peer.faults.denied = True
    for name in ("a.json", "b.json"):
        (folder / name).write_bytes(FILE)
    await watch(harness).look()
    assert len(taken(harness)) == 2
    said = [facts["error"] for _, event, facts in harness.log.entries if event == "folder.file"]
    assert len(said) == 2
    assert "no permission" in str(said[0])


async def test_looking_goes_on_by_itself_and_ends(tmp_path: Path, peer: Peer, watch: Watch) -> None:
    harness = Harness(tmp_path)
    it = watch(harness, interval="10ms", password="wrong")
    await it.start()
    await it.stop()
    [(_, event, facts)] = harness.log.entries
    assert event == "folder.unreadable"
    assert "login" in str(facts["error"])
    assert peer.faults.sessions == 1


def out(harness: Harness, peer: Peer, **facts: Any) -> Any:
    operation = {
        "name": "File", "title": {"zh": "文件", "en": "File"}, "direction": "outbound",
        "type": "organisation.registration.changed.v1",
        "request": EXAMPLE / "mappings" / "enrolment.organisation.yaml", "on_unknown": "query",
    }  # fmt: skip
    outbound = way(peer, companion=".sm3", calls={"File": {"name": "{reference}.json"}}, **facts)
    settings = GenericSettings.model_validate({"operations": [operation], "outbound": outbound})
    assert list(adapter.problems(settings)) == []
    return adapter.sender(settings, harness.context)


async def test_what_became_of_a_file_is_known_by_looking(tmp_path: Path, peer: Peer, folder: Path) -> None:
    harness = Harness(tmp_path)
    sender = out(harness, peer)
    sent = harness.message(REGISTRATION.decode(FILE))
    prepared = await sender.prepare(sent)
    assert isinstance(await sender.query(sent, prepared), Unknown), "no trace proves nothing"
    assert isinstance(await sender.send(sent, prepared), Accepted)
    assert isinstance(await sender.send(sent, prepared), Accepted)
    name = f"{sent.id}.json"
    assert sorted(os.listdir(folder)) == [name, f"{name}.sm3"]
    assert isinstance(await sender.query(sent, prepared), Accepted)
    (folder / f"{name}.sm3").unlink()  # killed between file and companion: nobody has read it yet
    assert isinstance(await sender.query(sent, prepared), Absent)
    (folder / name).write_bytes(b"another")
    assert isinstance(await sender.send(sent, prepared), Rejected)
    sender._link.deposit.close()


async def test_nothing_handed_over_is_tried_again(tmp_path: Path, peer: Peer, folder: Path) -> None:
    harness = Harness(tmp_path)
    cable = Cable(peer.port, [0] * 9)
    sender = out(harness, peer, server=f"127.0.0.1:{cable.port}")
    sent = harness.message(REGISTRATION.decode(FILE))
    prepared = await sender.prepare(sent)
    for work in (sender.send, sender.query):
        with pytest.raises(PartnerDown):
            await work(sent, prepared)

    def taken_at_once(name: str) -> bool:
        if name.endswith(".sm3"):
            for file in folder.iterdir():
                file.unlink()
        return name.endswith(".sm3")

    peer.faults.after_rename = taken_at_once
    sender = out(Harness(tmp_path), peer)
    outcome = await sender.send(sent, prepared)
    assert isinstance(outcome, Unknown)
    assert sent.id not in outcome.reason
    cable.close()
    sender._link.deposit.close()


async def test_the_connection_test_says_how_far_it_came(tmp_path: Path, peer: Peer) -> None:
    async def steps(**facts: Any) -> list[tuple[str, bool]]:
        inbound = way(peer, done="/in", **facts)
        settings = GenericSettings.model_validate({"operations": [notice()], "inbound": inbound})
        checker = adapter.checker(settings, Harness(tmp_path).context)
        assert checker is not None
        return [(step.name, step.ok) async for step in checker.check()][1:]

    good = [("resolve", True), ("connect", True), ("host-key", True), ("login", True), ("read", True)]
    assert await steps() == [*good, ("write", True)]
    assert os.listdir(peer.root / "in") == []
    other = paramiko.ECDSAKey.generate()
    assert await steps(host_keys=[other.fingerprint]) == [*good[:2], ("host-key", False)]
    assert await steps(password="wrong") == [*good[:3], ("login", False)]
    assert await steps(path="/lost") == [*good[:4], ("read", False)]
    assert await steps(server="127.0.0.1:1") == [good[0], ("connect", False)]


@pytest.mark.parametrize(
    "facts",
    [{"host_keys": []}, {"host_keys": ["MD5:aa"]}, {"password": None}, {"key_file": "k"}, {"passphrase": "p"}, {"path": "/in/"}],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(peer: Peer, facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GenericSettings.model_validate({"operations": [notice()], "inbound": way(peer, **facts)})


def test_only_a_way_that_can_look_needs_no_query(tmp_path: Path, peer: Peer) -> None:
    operation = {
        "name": "File", "title": {"zh": "文件", "en": "File"}, "direction": "outbound",
        "type": "organisation.registration.changed.v1",
        "request": EXAMPLE / "mappings" / "enrolment.organisation.yaml", "on_unknown": "query",
    }  # fmt: skip
    settings = GenericSettings.model_validate(
        {"operations": [operation], "outbound": {"kind": "folder", "path": tmp_path}}
    )
    assert [problem.path for problem in adapter.problems(settings)] == ["operations[0].query"]

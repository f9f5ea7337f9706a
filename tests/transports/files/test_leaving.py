"""Files we put somewhere: whole with their companions, never over another, and what can be known of them later."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import PartnerDown
from gateway.transports.files import (
    AccountOutbound,
    Content,
    Deposit,
    FolderOutbound,
    NameTaken,
    SftpOutbound,
    Uncertain,
    whole,
)
from gateway.transports.files.memory import Memory
from tests.adapters.context import Harness
from tests.servers import sftp_peer
from tests.servers.sftp_peer import PASSWORD, USER, Peer

CONTENT = os.urandom(3 << 20)
COMPANIONS = [".sm3", ".ok", "{stem}.flag"]
NAMES = ["a.txt", "a.txt.sm3", "a.txt.ok", "a.flag"]


class Way:
    """A deposit, and the folder it puts into."""

    def __init__(self, kind: str, root: Path, peer: Peer) -> None:
        self.harness = Harness(root / "state")
        self.folder = root / "server" / "out"
        self.folder.mkdir(parents=True)
        self.deposit = self._made(kind, root, peer)

    def _made(self, kind: str, root: Path, peer: Peer) -> Deposit:
        context = self.harness.context
        common: dict[str, Any] = {"kind": kind, "companion": COMPANIONS}
        if kind == "folder":
            return FolderOutbound.model_validate({**common, "path": self.folder}).deposit(context)
        if kind == "sftp-account":
            return AccountOutbound.model_validate({**common, "path": root / "server"}).deposit(context)
        server = {
            "server": f"127.0.0.1:{peer.port}", "user": USER, "password": PASSWORD, "host_keys": [peer.host_key],
            "path": "/out", "timeout": "5s",
        }  # fmt: skip
        return SftpOutbound.model_validate({**common, **server}).deposit(context)

    @property
    def names(self) -> list[str]:
        return sorted(os.listdir(self.folder))


@pytest.fixture(params=["folder", "sftp", "sftp-account"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    (tmp_path / "server").mkdir()
    peer = Peer(tmp_path / "server")
    made = Way(request.param, tmp_path, peer)
    yield made
    made.deposit.close()
    peer.close()


def in_pieces() -> Iterator[bytes]:
    for start in range(0, len(CONTENT), 700_001):
        yield CONTENT[start : start + 700_001]


@pytest.mark.parametrize("kind", ["bytes", "path", "pieces"])
async def test_a_file_is_put_with_its_companions(way: Way, tmp_path: Path, kind: str) -> None:
    (tmp_path / "content").write_bytes(CONTENT)
    contents: dict[str, Content] = {"bytes": CONTENT, "path": tmp_path / "content", "pieces": in_pieces}
    content = contents[kind]
    assert await way.deposit.look("a.txt", content) in ("unknown", "absent")
    for _ in range(2):
        await way.deposit.put("a.txt", content)
        assert way.names == sorted(NAMES)
    assert (way.folder / "a.txt").read_bytes() == CONTENT
    said = (way.folder / "a.txt.sm3").read_text().split()
    assert said == [hashlib.new("sm3", CONTENT).hexdigest(), "a.txt"]
    assert (way.folder / "a.txt.ok").read_bytes() == (way.folder / "a.flag").read_bytes() == b""
    assert await way.deposit.look("a.txt", content) == "there"
    (way.folder / "a.flag").unlink()  # died before the last companion: nobody takes it yet
    assert await way.deposit.look("a.txt", content) == "absent"
    await way.deposit.put("a.txt", content)
    assert way.names == sorted(NAMES)


class Died(BaseException):
    """The process."""


async def test_it_is_said_before_a_name_appears(way: Way) -> None:
    seen: list[list[str]] = []

    def before() -> None:
        seen.append([name for name in way.names if not name.startswith(".")])
        if len(seen) == 1:
            raise PartnerDown("没有记下", "it was not noted")

    with pytest.raises(PartnerDown):
        await way.deposit.put("a.txt", CONTENT, before=before)
    assert "a.txt" not in way.names
    await way.deposit.put("a.txt", CONTENT, before=before)
    assert seen == [[], []]
    await way.deposit.put("a.txt", CONTENT, before=before)
    assert seen[2:] == [sorted(NAMES)], "it may be another's who died"


async def test_a_part_tells_that_nobody_has_it(way: Way) -> None:
    def dies() -> None:
        raise Died

    with pytest.raises(Died):
        await way.deposit.put("a.txt", CONTENT, before=dies)
    assert await way.deposit.look("a.txt", CONTENT) == "absent"
    await way.deposit.put("a.txt", CONTENT)
    assert way.names == sorted(NAMES)


async def test_never_over_another(way: Way) -> None:
    (way.folder / "a.txt").write_bytes(b"another")
    with pytest.raises(NameTaken):
        await way.deposit.put("a.txt", CONTENT)
    with pytest.raises(NameTaken):
        await way.deposit.look("a.txt", CONTENT)
    assert (way.folder / "a.txt").read_bytes() == b"another"


async def test_companions_of_one_file(way: Way) -> None:
    await way.deposit.put("a.txt", CONTENT, ())
    await way.deposit.put("b.txt", CONTENT, (".md5",))
    assert way.names == ["a.txt", "b.txt", "b.txt.md5"]


async def test_whether_it_can_be_done_is_known_before(way: Way) -> None:
    steps = [step async for step in way.deposit.check()]
    assert all(step.ok for step in steps)
    assert way.names == []


async def test_no_folder_is_an_outage(tmp_path: Path) -> None:
    deposit = FolderOutbound.model_validate({"kind": "folder", "path": tmp_path / "away"}).deposit(
        Harness(tmp_path).context
    )
    with pytest.raises(PartnerDown):
        await deposit.put("a.txt", b"")
    with pytest.raises(PartnerDown):
        await deposit.look("a.txt", b"")


async def test_what_may_not_be_durable_is_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deposit = FolderOutbound.model_validate(
        {"kind": "folder", "path": tmp_path, "companion": "none"}
    ).deposit(Harness(tmp_path / "state").context)

    def fails(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.transports.files.whole.sync", fails)
    with pytest.raises(Uncertain):
        await deposit.put("a.txt", CONTENT)


@pytest.mark.parametrize("companion", ["none", ".ok"])
async def test_what_was_taken_before_it_was_durable_is_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, companion: str
) -> None:
    """Nobody may put it there again: the partner has it."""
    deposit = FolderOutbound.model_validate(
        {"kind": "folder", "path": tmp_path / "out", "companion": companion}
    ).deposit(Harness(tmp_path / "state").context)
    (tmp_path / "out").mkdir()
    last = "a.txt" if companion == "none" else "a.txt.ok"

    def taken(folder: Path) -> None:
        if (folder / last).exists():
            for name in os.listdir(folder):
                (folder / name).unlink()
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.transports.files.whole.sync", taken)
    with pytest.raises(Uncertain):
        await deposit.put("a.txt", CONTENT)
    assert await deposit.look("a.txt", CONTENT) == "unknown"


async def test_a_rename_that_was_done_although_it_failed_is_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remote file systems lose answers, and a partner takes files at once."""
    deposit = FolderOutbound.model_validate(
        {"kind": "folder", "path": tmp_path, "companion": "none"}
    ).deposit(Harness(tmp_path / "state").context)

    def lost(old: Path, new: Path) -> None:
        Path(old).replace(new)
        new.unlink()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.transports.files.whole.os.rename", lost)
    with pytest.raises(Uncertain):
        await deposit.put("a.txt", CONTENT)


async def test_a_rename_that_failed_is_known_not_to_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit = FolderOutbound.model_validate(
        {"kind": "folder", "path": tmp_path, "companion": "none"}
    ).deposit(Harness(tmp_path / "state").context)

    def full(*_: object) -> None:
        raise OSError(122, "Disk quota exceeded")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.transports.files.whole.os.rename", full)
        with pytest.raises(PartnerDown):
            await deposit.put("a.txt", CONTENT)
    assert await deposit.look("a.txt", CONTENT) == "absent"
    await deposit.put("a.txt", CONTENT)
    assert await deposit.look("a.txt", CONTENT) == "there"


async def test_a_document_taken_without_its_companion_is_never_put_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit = FolderOutbound.model_validate({"kind": "folder", "path": tmp_path, "companion": ".ok"}).deposit(
        Harness(tmp_path / "state").context
    )
    real = whole.place

    def place(file: Path, content: Content, *before: Any) -> None:
        if file.suffix == ".ok":
            (tmp_path / "a.txt").unlink()
            raise OSError(28, "No space left on device")
        real(file, content, *before)

    monkeypatch.setattr(whole, "place", place)
    with pytest.raises(Uncertain):
        await deposit.put("a.txt", CONTENT)


@pytest.mark.parametrize("companion", ["none", ".ok"])
@pytest.mark.parametrize("fails", ["said", "lost"])
async def test_a_server_that_does_it_and_says_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, companion: str, fails: str
) -> None:
    """And somebody takes the file at once."""
    out = tmp_path / "server" / "out"
    out.mkdir(parents=True)
    peer = Peer(tmp_path / "server")
    settings = {
        "kind": "sftp", "companion": companion, "server": f"127.0.0.1:{peer.port}", "user": USER,
        "password": PASSWORD, "host_keys": [peer.host_key], "path": "/out", "timeout": "5s",
    }  # fmt: skip
    deposit = SftpOutbound.model_validate(settings).deposit(Harness(tmp_path / "state").context)
    taken: list[str] = []
    real = sftp_peer._Files.rename

    def rename(self: Any, old: str, new: str) -> Any:
        done = real(self, old, new)
        if new.endswith("a.txt"):
            (out / "a.txt").unlink()
            taken.append(new)
            return sftp_peer.SFTP_FAILURE
        return done

    def lost(new: str) -> bool:
        if not new.endswith("a.txt"):
            return False
        (out / "a.txt").unlink()
        taken.append(new)
        return True

    if fails == "said":
        monkeypatch.setattr(sftp_peer._Files, "rename", rename)
    else:
        peer.faults.after_rename = lost
    try:
        with pytest.raises(Uncertain):
            await deposit.put("a.txt", CONTENT)
        assert len(taken) == 1
    finally:
        deposit.close()
        peer.close()


async def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    deposit = FolderOutbound.model_validate({"kind": "folder", "path": tmp_path / "out"}).deposit(
        Harness(tmp_path / "state").context
    )
    (tmp_path / "out").mkdir()

    def full() -> Iterator[bytes]:
        yield CONTENT
        raise OSError(28, "No space left on device")

    with pytest.raises(PartnerDown):
        await deposit.put("a.txt", full)
    assert os.listdir(tmp_path / "out") == []


async def test_what_was_fetched_from_an_account_is_known(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "state")
    deposit = AccountOutbound.model_validate({"kind": "sftp-account", "path": tmp_path}).deposit(
        harness.context
    )
    await deposit.put("a.txt", CONTENT)
    for name in ("a.txt", "a.txt.ok"):
        (tmp_path / "out" / name).unlink()
    assert await deposit.look("a.txt", CONTENT) == "absent", "nobody has fetched it"
    Memory(harness.context.state_dir).fetch("a.txt", "2026-01-05T08:00:00+00:00")
    assert await deposit.look("a.txt", CONTENT) == "taken"

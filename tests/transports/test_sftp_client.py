"""The SFTP client against real servers: cut cables, full disks, changed keys, lost answers."""

from __future__ import annotations

import getpass
import hashlib
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
import structlog
from twisted.internet import reactor

from gateway.transports.sftp.client import SftpClient
from gateway.transports.sftp.client_errors import (
    Changed,
    Conflict,
    HostKeyRefused,
    NoAnswer,
    NotSent,
)
from gateway.transports.sftp.client_put import Document
from gateway.transports.sftp.client_session import Server
from gateway.transports.sftp.client_wire import IN_FLIGHT_BYTES
from tests.servers.sftp_peer import PASSWORD, SSHD, USER, Cable, Peer, openssh

BLOB = os.urandom(3 << 20)

Connect = Callable[..., SftpClient]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "server" / "in").mkdir(parents=True)
    return tmp_path / "server"


@pytest.fixture
def peer(root: Path) -> Iterator[Peer]:
    made = Peer(root)
    yield made
    made.close()


@pytest.fixture
def connect(peer: Peer) -> Iterator[Connect]:
    made: list[SftpClient] = []

    def connect(port: int | None = None, **facts: Any) -> SftpClient:
        given = {"user": USER, "password": PASSWORD, "host_keys": (peer.host_key,), "timeout": 5.0, **facts}
        made.append(SftpClient(Server(host="127.0.0.1", port=port or peer.port, **given), reactor))
        return made[-1]

    yield connect
    for client in made:
        client.close()


def names(root: Path) -> list[str]:
    return sorted(os.listdir(root / "in"))


async def test_a_file_is_put_with_its_companion_and_putting_it_again_changes_nothing(
    root: Path, connect: Connect
) -> None:
    client = connect()
    for verify in ("size", "content"):
        await client.put(("/in/a.xml", BLOB), ("/in/a.xml.ok", b""), verify=verify)
    assert names(root) == ["a.xml", "a.xml.ok"]
    assert (root / "in" / "a.xml").read_bytes() == BLOB
    assert await client.look(("/in/a.xml", BLOB), ("/in/a.xml.ok", b"")) == "there"


async def test_another_file_of_that_name_is_left_alone(root: Path, connect: Connect) -> None:
    (root / "in" / "a.xml").write_bytes(b"theirs")
    with pytest.raises(Conflict):
        await connect().put(("/in/a.xml", b"ours!!"))
    assert (root / "in" / "a.xml").read_bytes() == b"theirs"


@pytest.mark.parametrize("tenth", range(1, 11))
async def test_an_upload_cut_anywhere_ends_whole(
    root: Path, peer: Peer, connect: Connect, tenth: int
) -> None:
    cable = Cable(peer.port, [len(BLOB) * tenth // 10 + 6000 * (tenth == 10)])
    await connect(cable.port).put(("/in/a.xml", BLOB), ("/in/a.xml.ok", b""))
    assert names(root) == ["a.xml", "a.xml.ok"]
    assert (root / "in" / "a.xml").read_bytes() == BLOB
    cable.close()


async def test_an_upload_cut_again_and_again_is_never_visible_and_goes_on(
    root: Path, peer: Peer, connect: Connect
) -> None:
    blob = os.urandom(12 << 20)
    cable = Cable(peer.port, [4 << 20] * 20)
    client = connect(cable.port)
    for _ in range(10):
        try:
            await client.put(("/in/a.xml", blob))
        except NotSent:
            assert "a.xml" not in names(root)
        else:
            break
    assert peer.faults.sessions > 2
    assert (root / "in" / "a.xml").read_bytes() == blob
    assert names(root) == ["a.xml"]
    cable.close()


@pytest.mark.parametrize("tenth", range(11))
async def test_a_download_cut_anywhere_ends_whole(
    root: Path, peer: Peer, connect: Connect, tmp_path: Path, tenth: int
) -> None:
    (root / "in" / "b.xml").write_bytes(BLOB)
    cable = Cable(peer.port, [len(BLOB) * tenth // 10], up=False)
    client = connect(cable.port)
    try:
        [entry] = await client.listing("/in")
    except NotSent:  # cut before the log-in was over: the next round sees to it
        [entry] = await client.listing("/in")
    await client.download("/in", entry, tmp_path / "b.xml")
    assert (tmp_path / "b.xml").read_bytes() == BLOB
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
    # What had arrived is not asked for again, but for what was in flight.
    assert cable.carried < len(BLOB) + IN_FLIGHT_BYTES + (256 << 10)
    cable.close()


async def test_a_lost_answer_to_the_rename_is_looked_up(root: Path, peer: Peer, connect: Connect) -> None:
    lost: list[str] = []

    def once(name: str) -> bool:
        lost.append(name)
        return len(lost) == 1

    peer.faults.after_rename = once
    await connect().put(("/in/a.xml", b"1"), ("/in/a.xml.ok", b""))
    assert names(root) == ["a.xml", "a.xml.ok"]
    assert lost == ["/in/a.xml", "/in/a.xml.ok"]


async def test_a_lost_answer_and_a_file_taken_away_is_unknown(
    root: Path, peer: Peer, connect: Connect
) -> None:
    def taken(name: str) -> bool:
        (root / name.lstrip("/")).unlink()
        return True

    peer.faults.after_rename = taken
    with pytest.raises(NoAnswer) as caught:
        await connect().put(("/in/a.xml", b"1"))
    assert caught.value.kind == "gone"
    assert await connect().look(("/in/a.xml", b"1")) == "gone"


async def test_a_companion_of_another_content_stops_it_before_anything_stands_there(
    root: Path, connect: Connect
) -> None:
    (root / "in" / "a.xml.ok").write_bytes(b"theirs")
    with pytest.raises(Conflict):
        await connect().put(("/in/a.xml", b"1"), ("/in/a.xml.ok", b""))
    assert names(root) == ["a.xml.ok"], "a file beside which that stands might be taken"


async def test_a_file_beside_which_another_companion_stands_may_have_been_taken(
    root: Path, connect: Connect
) -> None:
    (root / "in" / "a.xml").write_bytes(b"1")
    (root / "in" / "a.xml.ok").write_bytes(b"theirs")
    with pytest.raises(NoAnswer):
        await connect().put(("/in/a.xml", b"1"), ("/in/a.xml.ok", b""))


@pytest.mark.parametrize("left", [("a.xml.ok",), ("a.xml.md5",), ("a.xml.md5", "a.xml.ok")])
async def test_companions_that_are_left_behind_do_not_prove_that_their_file_never_came(
    root: Path, connect: Connect, left: tuple[str, ...]
) -> None:
    for name in left:
        (root / "in" / name).touch()
    files = [("/in/a.xml", b"1"), ("/in/a.xml.md5", b""), ("/in/a.xml.ok", b"")]
    assert await connect().look(*files) == "gone"


async def test_a_process_killed_before_the_rename_leaves_a_part_that_the_next_one_goes_on_with(
    root: Path, connect: Connect
) -> None:
    client = connect()
    part = root / Document("/in/a.xml", BLOB).part.lstrip("/")
    # As after kill -9: blocks in flight came in part, with a hole.
    part.write_bytes(BLOB[: 1 << 20] + bytes(32768) + BLOB[(1 << 20) + 32768 : 2 << 20])
    assert await client.look(("/in/a.xml", BLOB)) == "absent"
    await client.put(("/in/a.xml", BLOB))
    assert (root / "in" / "a.xml").read_bytes() == BLOB
    assert names(root) == ["a.xml"]


async def test_a_part_that_is_not_what_it_says_is_thrown_away(root: Path, connect: Connect) -> None:
    blob = os.urandom(4 << 20)
    part = root / Document("/in/a.xml", blob).part.lstrip("/")
    part.write_bytes(bytes(len(blob)))
    client = connect()
    with pytest.raises(NotSent) as caught:
        await client.put(("/in/a.xml", blob))
    assert caught.value.kind == "verify"
    assert names(root) == []
    await client.put(("/in/a.xml", blob))
    assert names(root) == ["a.xml"]


async def test_a_full_disk_shows_nothing_and_ends_when_there_is_room(
    root: Path, peer: Peer, connect: Connect
) -> None:
    client = connect()
    for room in (0, 1 << 20, len(BLOB) - 1):
        peer.faults.quota = room
        with pytest.raises(NotSent) as caught:
            await client.put(("/in/a.xml", BLOB), ("/in/a.xml.ok", b""))
        assert caught.value.kind == "failed"
        assert not {"a.xml", "a.xml.ok"} & set(names(root))
    peer.faults.quota = None
    await client.put(("/in/a.xml", BLOB), ("/in/a.xml.ok", b""))
    assert (root / "in" / "a.xml").read_bytes() == BLOB


async def test_a_refused_rename_is_known_not_to_have_happened(
    root: Path, peer: Peer, connect: Connect
) -> None:
    peer.faults.denied = True
    with pytest.raises(NotSent):
        await connect().put(("/in/a.xml", b"1"))
    assert "a.xml" not in names(root)


async def test_a_changed_host_key_is_refused_and_named(
    root: Path, peer: Peer, connect: Connect, tmp_path: Path
) -> None:
    impostor = Peer(root, host_key=paramiko.ECDSAKey.generate())
    with pytest.raises(HostKeyRefused) as caught:
        await connect(impostor.port).listing("/in")
    old, new = (key.fingerprint for key in (peer.key, impostor.key))
    assert old in str(caught.value)
    assert new in str(caught.value)
    assert "host_keys" in str(caught.value)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{peer.port} {peer.host_key}\n")
    assert await connect(host_keys=(), known_hosts=known).listing("/in") == []
    assert await connect(host_keys=(old,)).listing("/in") == []
    with pytest.raises(HostKeyRefused, match="on file"):
        await connect(impostor.port, host_keys=(), known_hosts=known).listing("/in")
    impostor.close()


async def test_log_ins_are_by_password_or_key_and_fail_in_words(
    root: Path, connect: Connect, tmp_path: Path
) -> None:
    key = paramiko.ECDSAKey.generate()
    file = tmp_path / "key"
    key.write_private_key_file(str(file))
    keyed = Peer(root, user_keys=(key,))
    client = connect(keyed.port, host_keys=(keyed.host_key,), password=None, key_file=file)
    assert await client.listing("/in") == []
    keyed.close()
    for facts, kind in (
        ({"password": "wrong"}, "login"),
        ({"password": None, "key_file": tmp_path / "none"}, "credentials"),
        ({"port": 1}, "connect"),
    ):
        with pytest.raises(NotSent) as caught:
            await connect(**facts).listing("/in")
        assert caught.value.kind == kind


async def test_a_server_that_says_nothing_is_given_up(connect: Connect) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(NotSent) as caught:
            await connect(silent.getsockname()[1], timeout=0.5).listing("/in")
        assert caught.value.kind == "negotiation"
        assert time.monotonic() - began < 15


async def test_a_file_replaced_while_it_is_read_is_not_taken(
    root: Path, connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    (root / "in" / "b.xml").write_bytes(b"first")
    [entry] = await client.listing("/in")
    (root / "in" / "b.xml").write_bytes(b"second!")
    with pytest.raises(Changed):
        await client.download("/in", entry, tmp_path / "b.xml")
    assert not (tmp_path / "b.xml").exists()
    assert await client.put_away("/in", entry, None) is None
    assert (root / "in" / "b.xml").exists(), "the new one stays"


async def test_500_files_go_over_one_session(
    root: Path, peer: Peer, connect: Connect, tmp_path: Path
) -> None:
    client = connect()
    for number in range(500):
        await client.put((f"/in/{number:03}.xml", b"%d" % number))
    entries = await client.listing("/in")
    for entry in entries:
        await client.download("/in", entry, tmp_path / entry.name)
        await client.put_away("/in", entry, None)
    assert [int((tmp_path / e.name).read_bytes()) for e in entries] == list(range(500))
    assert names(root) == []
    assert peer.faults.sessions == 1


async def test_64_mib_take_constant_memory(root: Path, connect: Connect, tmp_path: Path) -> None:
    client = connect()
    big = tmp_path / "big"
    with big.open("wb") as out:
        for _ in range(64):
            out.write(os.urandom(1 << 20))
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    await client.put(("/in/small", b"1"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await client.put(("/in/big", big), verify="content")
    [entry] = [e for e in await client.listing("/in") if e.name == "big"]
    await client.download("/in", entry, tmp_path / "back")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert hashlib.sha256((tmp_path / "back").read_bytes()).hexdigest() == digest
    assert grown < 32 << 10, f"{grown} KiB more (the server is in this process, too)"


@pytest.mark.skipif(
    SSHD is None, reason="OpenSSH's server is not installed; the paramiko peer is always tested"
)
async def test_openssh_takes_and_gives_files(connect: Connect, tmp_path: Path) -> None:
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "key"))
    folder = tmp_path / "in"
    folder.mkdir()
    with openssh(tmp_path, key) as (port, host_key):
        client = connect(
            port,
            user=getpass.getuser(),
            password=None,
            key_file=tmp_path / "key",
            host_keys=(host_key,),
        )
        await client.put((f"{folder}/a", BLOB), (f"{folder}/a.ok", b""), verify="content")
        assert (folder / "a").read_bytes() == BLOB
        with pytest.raises(Conflict):
            await client.put((f"{folder}/a", b"other"))
        await client.ensure(f"{folder}/done")
        entry = (await client.listing(str(folder)))[0]
        await client.download(str(folder), entry, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == BLOB
        assert await client.put_away(str(folder), entry, f"{folder}/done") == "a"
        await client.put((f"{folder}/a", BLOB))
        again = next(e for e in await client.listing(str(folder)) if e.name == "a")
        assert await client.put_away(str(folder), again, f"{folder}/done") == "a~2"


def odd(folder: Path) -> None:
    """150 files, and one under a name that is no UTF-8."""
    folder.mkdir()
    for number in range(150):
        (folder / f"代发{number}.xml").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + "名单.xml".encode("gbk"))).write_bytes(b"")


@pytest.mark.skipif(SSHD is None, reason="OpenSSH's server is not installed")
async def test_a_name_that_cannot_be_used_hides_nothing_else(connect: Connect, tmp_path: Path) -> None:
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "key"))
    odd(tmp_path / "in")
    with openssh(tmp_path, key) as (port, host_key), structlog.testing.capture_logs() as lines:
        client = connect(
            port, user=getpass.getuser(), password=None, key_file=tmp_path / "key", host_keys=(host_key,)
        )
        assert len(await client.listing(str(tmp_path / "in"))) == 150
    assert [(line["event"], line["files"]) for line in lines] == [("sftp.names", 1)]

"""What goes wrong between our SFTP server and its clients, our own among them: cables, disks, lies.

Faults of partners' servers are in `test_sftp_client.py`.
"""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import paramiko
import pytest
from paramiko.sftp import CMD_CLOSE
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from gateway.transports.sftp import server_wire as wire
from gateway.transports.sftp.client import SftpClient
from gateway.transports.sftp.client_errors import NotSent
from gateway.transports.sftp.client_session import Server
from gateway.transports.sftp.server_answers import Answers
from tests.servers.sftp_peer import Cable, Peer
from tests.transports.sftp_place import Site, site
from tests.twisted_runner import sleep

BLOB = os.urandom(3 << 20)


@asynccontextmanager
async def client(it: Site, port: int | None = None, timeout: float = 5.0) -> AsyncIterator[SftpClient]:
    """Our own, for our own server."""
    fingerprint = paramiko.Ed25519Key.from_private_key_file(str(it.root.parent / "host")).fingerprint
    server = Server(
        host="127.0.0.1", port=port or it.port, user="agency", key_file=it.key_file,
        host_keys=(fingerprint,), timeout=timeout,
    )  # fmt: skip
    made = SftpClient(server, reactor)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("tenth", range(1, 11))
async def test_an_upload_cut_anywhere_arrives_whole_once(tmp_path: Path, tenth: int) -> None:
    async with site(tmp_path) as it:
        cable = Cable(it.port, [len(BLOB) * tenth // 10 + 8000 * (tenth == 10)])
        async with client(it, cable.port) as ours:
            await ours.put(("/in/a.xml", BLOB))
        assert (it.root / "in" / "a.xml").read_bytes() == BLOB
        assert os.listdir(it.root / "in") == ["a.xml"]
        assert os.listdir(it.root / ".partial") == []
        cable.close()


@pytest.mark.parametrize("tenth", range(11))
async def test_a_download_cut_anywhere_ends_whole(tmp_path: Path, tenth: int) -> None:
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / "b.xml").write_bytes(BLOB)
        cable = Cable(it.port, [len(BLOB) * tenth // 10], up=False)
        async with client(it, cable.port) as ours:
            try:
                [entry] = await ours.listing("/out")
            except NotSent:  # cut before the log-in was over: the next round sees to it
                [entry] = await ours.listing("/out")
            await ours.download("/out", entry, tmp_path / "b.xml")
        assert (tmp_path / "b.xml").read_bytes() == BLOB
        assert "download" in it.kinds()
        if 3 <= tenth <= 9:
            assert "download-cut" in it.kinds()
        cable.close()


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_openssh_goes_on_with_a_download_that_was_cut(tmp_path: Path, tenth: int) -> None:
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / "b").write_bytes(BLOB)
        cable = Cable(it.port, [len(BLOB) * tenth // 10], up=False)
        whole, it.port = it.port, cable.port
        assert (await it.openssh(f"get out/b {tmp_path}/down\n")).returncode != 0
        it.port = whole
        done = await it.openssh(f"reget out/b {tmp_path}/down\n")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "down").read_bytes() == BLOB
        cable.close()


async def test_what_is_behind_a_hole_does_not_count(tmp_path: Path) -> None:
    async with site(tmp_path, complete="close") as it:

        def work(c: paramiko.SFTPClient) -> None:
            file = c.open("in/a", "wb")
            file.write(b"head")
            file.seek(100_000)
            file.write(b"tail")
            with pytest.raises(OSError, match="missing"):
                c._request(CMD_CLOSE, file.handle)
            assert c.stat("in/a").st_size == 4
            with c.open("in/b", "wb") as swapped:
                for at in (2, 0):
                    swapped.seek(at)
                    swapped.write(b"%d%d" % (at, at + 1))
                    swapped.flush()

        await it.python(work)
        assert os.listdir(it.root / "in") == ["b"]
        assert (it.root / "in" / "b").read_bytes() == b"0123"


async def test_a_file_that_has_arrived_is_not_gone_on_with(tmp_path: Path) -> None:
    """A client that asked for its size and goes on there would leave a hole in a file that is taken meanwhile."""
    async with site(tmp_path, complete="close") as it:

        def work(c: paramiko.SFTPClient) -> None:
            with c.open("in/a", "wb") as file:
                file.write(b"half")
            with pytest.raises(OSError, match="arrived"):
                c.open("in/a", "r+b")
            with c.open("in/a", "wb") as file:
                file.write(b"whole")

        await it.python(work)
        assert (it.root / "in" / "a").read_bytes() == b"whole"


async def test_a_write_that_failed_is_no_arrival_even_where_the_client_closes(tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(BLOB)
    async with site(tmp_path, complete="close", quota_bytes=1 << 20) as it:
        done = await it.openssh(f"put {tmp_path}/up in/a\n")
        assert done.returncode != 0
        assert os.listdir(it.root / "in") == []
        assert "upload" not in it.kinds()


async def test_a_file_with_parts_missing_is_not_renamed_into_place(tmp_path: Path) -> None:
    """Neither one of which a write failed, nor one with a hole; open or closed, by this session or another."""
    async with site(tmp_path, quota_bytes=1 << 20) as it:

        def broken(c: paramiko.SFTPClient, name: str, *, close: bool) -> None:
            file = c.open(f"in/{name}", "wb")
            file.write(b"head")
            file.flush()
            for at in (8 << 20, 100_000):  # too far for the quota; behind a hole
                file.seek(at)
                with suppress(OSError):
                    file.write(b"tail")
                    file.flush()
            if close:
                with pytest.raises(OSError, match="missing"):
                    c._request(CMD_CLOSE, file.handle)

        def work(c: paramiko.SFTPClient) -> None:
            for close in (False, True):
                broken(c, "a.part", close=close)
                for rename in (c.rename, c.posix_rename, c.rename):
                    with pytest.raises(OSError, match="missing"):
                        rename("in/a.part", "in/a")
                assert c.stat("in/a.part").st_size == 4
            with c.open("in/a.part", "r+b") as again:
                again.seek(4)
                again.write(b" and tail")
            c.rename("in/a.part", "in/a")

        await it.python(work)
        assert os.listdir(it.root / "in") == ["a"]
        assert (it.root / "in" / "a").read_bytes() == b"head and tail"


async def test_what_is_told_to_have_arrived_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file before it is seen in `in`, and `in` before the client is told; each once, whoever asks for it."""
    (tmp_path / "up").write_bytes(b"x")
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}").rpartition("root/")[2])
        sync(descriptor)

    async with site(tmp_path, complete="close") as it:
        await it.python(lambda c: c.listdir("."))
        monkeypatch.setattr(os, "fsync", noted)
        done = await it.openssh(f"put {tmp_path}/up in/a\nput -f {tmp_path}/up in/b\n")
        assert done.returncode == 0, done.stderr
        assert synced == [".partial/a", "in", ".partial/b", "in"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid():
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=False)
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


async def test_a_full_disk_of_the_server_shows_nothing_and_ends_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    (tmp_path / "up").write_bytes(BLOB)
    filling = small_disk / "filling"
    filling.write_bytes(bytes(2 << 20))
    async with site(tmp_path, root=small_disk / "root", complete="close") as it:
        done = await it.openssh(f"put {tmp_path}/up in/a\n")
        assert done.returncode != 0
        assert os.listdir(small_disk / "root" / "in") == []
        assert "enospc" in {event.rule for event in it.events}
        filling.unlink()
        done = await it.openssh(f"reput {tmp_path}/up in/a\n")
        assert done.returncode == 0, done.stderr
        assert (small_disk / "root" / "in" / "a").read_bytes() == BLOB


async def test_a_full_disk_of_ours_is_named_and_what_came_stays(tmp_path: Path, small_disk: Path) -> None:
    filling = small_disk / "filling"
    filling.write_bytes(bytes(2 << 20))
    async with site(tmp_path) as it, client(it) as ours:
        await ours.listing("/out")
        (it.root / "out" / "b").write_bytes(BLOB)
        [entry] = await ours.listing("/out")
        with pytest.raises(NotSent) as caught:
            await ours.download("/out", entry, small_disk / "b")
        assert caught.value.kind == "local"
        filling.unlink()
        await ours.download("/out", entry, small_disk / "b")
        assert (small_disk / "b").read_bytes() == BLOB


async def test_a_file_replaced_while_a_client_reads_it_stays_what_it_was(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def work(c: paramiko.SFTPClient) -> bytes:
            (it.root / "out" / "b").write_bytes(BLOB)
            with c.open("out/b", "rb") as file:
                found: bytes = file.read(100_000)
                (it.root / "new").write_bytes(b"new")
                (it.root / "new").rename(it.root / "out" / "b")
                return found + bytes(file.read())

        await it.python(lambda c: c.listdir("."))
        assert await it.python(work) == BLOB


@pytest.mark.parametrize("up", [True, False])
async def test_a_server_that_falls_silent_in_the_middle_is_given_up(tmp_path: Path, up: bool) -> None:
    (tmp_path / "server" / "in").mkdir(parents=True)
    (tmp_path / "server" / "in" / "b").write_bytes(BLOB)
    peer = Peer(tmp_path / "server")
    cable = Cable(peer.port, [1 << 20] * 4, up=up, silent=True)
    server = Server(
        host="127.0.0.1", port=cable.port, user="tongqu", password="DEMO-SFTP-0001",
        host_keys=(peer.host_key,), timeout=1.0,
    )  # fmt: skip
    ours = SftpClient(server, reactor)
    began = time.monotonic()

    async def carry() -> None:
        if up:
            await ours.put(("/in/a", BLOB * 2))
        else:
            [entry] = await ours.listing("/in")
            await ours.download("/in", entry, tmp_path / "b")
            await ours.download("/in", entry, tmp_path / "c")

    with pytest.raises(NotSent) as caught:
        await carry()
    assert caught.value.kind == "lost"
    assert time.monotonic() - began < 20
    assert os.listdir(tmp_path / "server" / "in") != ["a", "b"]
    for each in (ours, cable, peer):
        each.close()


async def test_answers_are_bounded_whatever_a_client_says(tmp_path: Path) -> None:
    """Reads whose last bytes say that they ask for nothing; thousands of tiny requests; a flood without reading."""
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        assert it.mounted is not None
        (it.root / "out" / "b").write_bytes(BLOB)
        answers = Answers(it.mounted.account, "127.0.0.1")
        opened = struct.pack(">BII", wire.OPEN, 1, 6) + b"/out/b" + struct.pack(">II", 1, 0)
        handle = bytes(answers.work([opened]).answers[13:])
        read = (
            struct.pack(">BII", wire.READ, 2, len(handle))
            + handle
            + struct.pack(">QI", 0, 1 << 20)
            + bytes(8)
        )
        done = answers.work([read] * 64)
        assert done.requests < 10
        assert len(done.answers) < 2 << 20
        answers.end()

        def flood() -> None:
            with it.transport() as transport:
                channel = transport.open_session(window_size=1000)
                channel.invoke_subsystem("sftp")
                channel.settimeout(1.0)
                realpath = struct.pack(">IBII", 9, wire.REALPATH, 1, 0)
                with pytest.raises(TimeoutError):
                    channel.sendall(realpath * 1_000_000)

        await deferToThread(flood)
        await it.python(lambda c: c.listdir("."))


async def test_many_refusals_are_counted(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def work(c: paramiko.SFTPClient) -> None:
            for _ in range(50):
                with pytest.raises(OSError, match="fixed"):
                    c.mkdir("in/x")

        await it.python(work)
        while it.kinds().count("refused") < 21:
            await sleep(0.01)
        assert [(e.rule, e.size) for e in it.events if e.kind == "refused"][-2:] == [
            ("folders", 0), ("repeated", 30),
        ]  # fmt: skip


async def test_a_silent_half_open_client_does_not_hold_a_file(tmp_path: Path) -> None:
    """Its session is still there when it comes back by another one and takes its upload up."""
    async with site(tmp_path, complete="close") as it:

        def work() -> None:
            old = it.transport()
            dead = paramiko.SFTPClient.from_transport(old)
            assert dead is not None
            file = dead.open("in/a", "wb")
            file.write(BLOB[:100_000])
            file.flush()
            with it.transport() as transport:
                back = paramiko.SFTPClient.from_transport(transport)
                assert back is not None
                with back.open("in/a", "r+b") as again:
                    again.seek(100_000)
                    again.write(BLOB[100_000:])
            old.close()

        await deferToThread(work)
        while "upload-cut" not in it.kinds():
            await sleep(0.01)
        assert (it.root / "in" / "a").read_bytes() == BLOB

"""What clients of partners really do with our server: OpenSSH, lftp, and WinSCP's way of uploading on the wire."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_OPEN, CMD_SETSTAT, CMD_WRITE, int64
from twisted.internet.threads import deferToThread

from bench.processes import running
from tests.transports.sftp_place import openssh_command, site

TIMEOUT = 900.0  # 2 GiB both ways
CONTENT = os.urandom(1_500_000)
LFTP = shutil.which("lftp")
_WRITE, _CREAT, _TRUNC = 0x02, 0x08, 0x10


async def test_openssh_resumes_both_ways(tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(CONTENT)
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / ".partial" / "a.part").write_bytes(CONTENT[:700_001])
        (it.root / "out" / "b").write_bytes(CONTENT)
        (tmp_path / "down").write_bytes(CONTENT[:300_001])
        done = await it.openssh(
            f"reput {tmp_path}/up in/a.part\nrename in/a.part in/a\nls -la in\nreget out/b {tmp_path}/down\n"
            f"df in\n"
        )
        assert "a" in done.stdout, done.stderr
        assert (it.root / "in" / "a").read_bytes() == CONTENT == (tmp_path / "down").read_bytes()


async def test_openssh_with_names_in_gb18030(tmp_path: Path) -> None:
    name = "代发名单㐀.txt"
    (tmp_path / "up").write_bytes(CONTENT)
    async with site(tmp_path, encoding="gb18030", complete="close") as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / name).write_bytes(b"back")
        wire = name.encode("gb18030")
        batch = b"put %s/up in/%s\nls in\nget out/%s %s/down\n" % (
            os.fsencode(tmp_path), wire, wire, os.fsencode(tmp_path),
        )  # fmt: skip
        command = openssh_command(it.port, it.key_file)
        done = await deferToThread(
            subprocess.run, command, input=batch, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert (it.root / "in" / name).read_bytes() == CONTENT
        assert (tmp_path / "down").read_bytes() == b"back"


@pytest.mark.skipif(LFTP is None, reason="lftp is not installed: scripts/install-openssh")
async def test_lftp_mirrors_and_resumes(tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    for number in range(5):
        (local / f"{number}.xml").write_bytes(CONTENT[: 1000 * number])
    (tmp_path / "big").write_bytes(CONTENT)
    async with site(tmp_path, complete="close") as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / ".partial" / "big").write_bytes(CONTENT[:700_001])
        (it.root / "out" / "answer.xml").write_bytes(CONTENT)
        ssh = f"ssh -a -x -i {it.key_file} -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        script = (
            f"set sftp:connect-program '{ssh}'; set net:max-retries 1; set cmd:fail-exit yes;"
            f"open -u agency, sftp://127.0.0.1:{it.port};"
            f"mirror -R --no-perms {local} in; put -c {tmp_path}/big -o in/big; mirror out {tmp_path}/back; bye"
        )
        command = [str(LFTP), "-c", script]
        environment = {**os.environ, "HOME": str(tmp_path)}
        done = await deferToThread(
            subprocess.run, command, capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert (it.root / "in" / "big").read_bytes() == CONTENT
        assert (tmp_path / "back" / "answer.xml").read_bytes() == CONTENT
        for number in range(5):
            assert (it.root / "in" / f"{number}.xml").stat().st_size == 1000 * number


class Steps:
    """Requests one by one, as a client sends them."""

    def __init__(self, client: paramiko.SFTPClient) -> None:
        self._ask: Any = client._request

    def open(self, name: str, flags: int) -> bytes:
        kind, answer = self._ask(CMD_OPEN, name, flags, paramiko.SFTPAttributes())
        assert kind == CMD_HANDLE
        handle: bytes = answer.get_string()
        return handle

    def write(self, handle: bytes, offset: int, data: bytes) -> None:
        for begin in range(0, len(data), 32768):
            self._ask(CMD_WRITE, handle, int64(offset + begin), data[begin : begin + 32768])

    def close(self, handle: bytes) -> None:
        self._ask(CMD_CLOSE, handle)

    def setstat(self, name: str) -> None:
        facts = paramiko.SFTPAttributes()
        facts.st_mode, facts.st_atime, facts.st_mtime = 0o644, 1_700_000_000, 1_700_000_000
        facts._flags = facts.FLAG_PERMISSIONS | facts.FLAG_AMTIME
        self._ask(CMD_SETSTAT, name, facts)


@pytest.mark.parametrize("posix", [True, False])
async def test_winscp_uploads_to_filepart_and_resumes(tmp_path: Path, posix: bool) -> None:
    """stat ─ open .filepart ─ writes ─ cut │ stat .filepart ─ open, no TRUNC ─ write at its size ─ close ─ rename ─ setstat"""
    async with site(tmp_path, complete="close") as it:

        def begin() -> None:
            with it.transport() as transport:
                client = paramiko.SFTPClient.from_transport(transport)
                assert client is not None
                steps = Steps(client)
                for name in ("in/a.xml", "in/a.xml.filepart"):
                    with pytest.raises(FileNotFoundError):
                        client.stat(name)
                handle = steps.open("in/a.xml.filepart", _WRITE | _CREAT | _TRUNC)
                steps.write(handle, 0, CONTENT[:800_000])

        def go_on(client: paramiko.SFTPClient) -> None:
            steps = Steps(client)
            there = client.stat("in/a.xml.filepart").st_size
            assert there == 800_000
            handle = steps.open("in/a.xml.filepart", _WRITE)
            steps.write(handle, there, CONTENT[there:])
            steps.close(handle)
            assert os.listdir(it.root / "in") == []
            (client.posix_rename if posix else client.rename)("in/a.xml.filepart", "in/a.xml")
            steps.setstat("in/a.xml")

        await deferToThread(begin)
        await it.python(go_on)
        assert (it.root / "in" / "a.xml").read_bytes() == CONTENT
        assert stat.S_IMODE((it.root / "in" / "a.xml").stat().st_mode) == 0o640, "ours to say"


async def test_appending_goes_to_the_end(tmp_path: Path) -> None:
    async with site(tmp_path, complete="close") as it:

        def work(client: paramiko.SFTPClient) -> None:
            handle = Steps(client).open("in/a.part", _WRITE | _CREAT)
            Steps(client).write(handle, 0, b"first ")
            Steps(client).close(handle)
            handle = Steps(client).open("in/a.part", _WRITE | 0x04)
            Steps(client).write(handle, 0, b"second")
            Steps(client).close(handle)
            client.rename("in/a.part", "in/a")
            with pytest.raises(FileNotFoundError):
                Steps(client).open("in/none", _WRITE)

        await it.python(work)
        assert (it.root / "in" / "a").read_bytes() == b"first second"


async def test_64_mib_both_ways_take_constant_memory(tmp_path: Path) -> None:
    await deferToThread(_both_ways, tmp_path, 64)


@pytest.mark.long
async def test_2_gib_both_ways_take_constant_memory(tmp_path: Path) -> None:
    await deferToThread(_both_ways, tmp_path, 2048)


def _both_ways(folder: Path, mib: int) -> None:
    """The server is a process of its own, so that its memory is nobody else's."""
    with (folder / "up").open("wb") as up:
        up.truncate(mib << 20)
        for each in range(0, mib, 16):  # sparse, and yet no part like another
            up.seek(each << 20)
            up.write(os.urandom(4096))
    key, root = folder / "key", folder / "root"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with running("-m", "bench.sftp_sides", "server", str(root), str(key)) as (process, port):
        _carried(folder, int(port), "put up in/warm.part")
        before = _memory(process.pid, "VmRSS")
        _carried(folder, int(port), "put up in/big")
        (root / "in" / "big").rename(root / "out" / "big")
        _carried(folder, int(port), "get out/big down")
        grown = _memory(process.pid, "VmHWM") - before
    assert _digest(folder / "down") == _digest(folder / "up")
    assert grown < 24 << 20, f"{grown >> 20} MiB more"


def _carried(folder: Path, port: int, command: str) -> None:
    done = subprocess.run(
        openssh_command(port, folder / "key"),
        input=command + "\n", cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _memory(pid: int, which: str) -> int:
    """Bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{which}:")[1].split()[0]) << 10


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

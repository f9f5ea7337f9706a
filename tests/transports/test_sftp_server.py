"""The SFTP server against OpenSSH's `sftp` and paramiko, over loopback."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import struct
from pathlib import Path
from typing import Any

import paramiko
import pytest
from twisted.internet.threads import deferToThread

from gateway.contract import ConfigError
from gateway.transports.sftp.server_accounts import hash_password, password_fits
from gateway.transports.sftp.server_guard import Guard
from gateway.transports.sftp.server_hostkey import host_key
from gateway.transports.sftp.server_listeners import SftpLimits
from gateway.transports.sftp.server_names import Denied, place
from tests.transports.sftp_place import site
from tests.twisted_runner import sleep

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def openssh() -> None:
    if shutil.which("sftp") is None:
        pytest.fail("OpenSSH's client is missing: install openssh-client")


@pytest.mark.usefixtures("openssh")
async def test_openssh_puts_renames_lists_gets_and_removes(tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(CONTENT)
    async with site(tmp_path) as it:
        (it.root / "out").mkdir(parents=True, exist_ok=True)
        (it.root / "out" / "答复.xml").write_bytes(CONTENT)
        done = await it.openssh(
            f"put -p {tmp_path}/up in/a.xml.part\nls -l in\nrename in/a.xml.part in/a.xml\n"
            f"get out/答复.xml {tmp_path}/down\nrm out/答复.xml\n"
        )
        assert done.returncode == 0, done.stderr
        assert (it.root / "in" / "a.xml").read_bytes() == CONTENT == (tmp_path / "down").read_bytes()
        assert os.listdir(it.root / "out") == []
        assert it.kinds() == ["login", "upload", "list", "rename", "download", "remove"]
        assert it.arrivals > 0


@pytest.mark.usefixtures("openssh")
@pytest.mark.parametrize(
    "command",
    ["mkdir in/x", "ln -s /etc/passwd in/x", "ln /etc/passwd in/x", "get in/../../../etc/passwd", "put /etc/hostname out/x",
     "get /etc/passwd", "rename in/a out/a", "cd in/sub", "rmdir in", "put /etc/hostname x"],
)  # fmt: skip
async def test_nothing_else_is_reached(tmp_path: Path, command: str) -> None:
    async with site(tmp_path, complete="close") as it:
        done = await it.openssh(command + "\n")
        assert done.returncode != 0
        assert [f for f in it.root.rglob("*") if not f.is_dir()] == []


async def test_links_and_pipes_on_disk_are_not_there(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / "link").symlink_to("/etc/passwd")
        os.mkfifo(it.root / "out" / "pipe")
        (it.root / ".partial" / "victim").symlink_to(tmp_path / "victim")

        def attack(client: paramiko.SFTPClient) -> None:
            assert client.listdir("out") == []
            for name in ("out/link", "out/pipe"):
                with pytest.raises(OSError):  # noqa: PT011
                    client.open(name).read(1)
            with pytest.raises(OSError):  # noqa: PT011
                client.open("in/victim", "w").write(b"x")

        await it.python(attack)
        assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize(
    "path",
    [b"in/a\x00b", b"in/a\nb", b"in/\xc4\xfa\xba\xc3", b"in/" + b"a" * 201, b"/" * 2000, "in/e\u0301".encode(),
     "in/\u202ea".encode()],
)  # fmt: skip
def test_odd_names_are_refused(path: bytes) -> None:
    with pytest.raises(Denied):
        place(path, "utf-8")


def test_paths_end_in_the_root_or_nowhere() -> None:
    assert str(place(b"/../../in/./../in/a", "utf-8")) == "/in/a"
    assert str(place("in/您好".encode("gb18030"), "gb18030")) == "/in/您好"
    for path in (b"/etc/passwd", b"in/a/b", b".partial/a", b"in/../.taking/a", b"IN/a"):
        with pytest.raises(FileNotFoundError):
            place(path, "utf-8")


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_a_cut_upload_never_arrives_and_is_resumed(tmp_path: Path, tenth: int) -> None:
    part = len(CONTENT) * tenth // 10
    async with site(tmp_path, complete="close") as it:

        def cut() -> None:
            transport = it.transport()
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            file = client.open("in/a.txt", "wb")
            file.write(CONTENT[:part])
            file.stat()
            transport.sock.close()
            transport.close()

        await deferToThread(cut)
        while "upload-cut" not in it.kinds():
            await sleep(0.01)
        assert os.listdir(it.root / "in") == []

        def resume(client: paramiko.SFTPClient) -> None:
            there = client.stat("in/a.txt").st_size
            assert there == part
            with client.open("in/a.txt", "r+b") as file:
                file.seek(there)
                file.write(CONTENT[there:])

        await it.python(resume)
        assert (it.root / "in" / "a.txt").read_bytes() == CONTENT


async def test_a_later_upload_takes_the_name_over(tmp_path: Path) -> None:
    async with site(tmp_path, complete="close") as it:

        def twice(client: paramiko.SFTPClient) -> None:
            first = client.open("in/a.txt", "wb")
            first.write(b"first")
            with client.open("in/a.txt", "wb") as second:
                second.write(b"second")
            with pytest.raises(OSError):  # noqa: PT011, PT012  reported with either
                first.write(b"x")
                first.close()

        await it.python(twice)
        assert (it.root / "in" / "a.txt").read_bytes() == b"second"


async def test_a_file_counts_when_it_is_renamed(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def put(client: paramiko.SFTPClient) -> None:
            for content in (b"1", b"22"):
                with client.open("in/a.tmp", "wb") as file:
                    file.write(content)
                assert os.listdir(it.root / "in") in ([], ["a.txt"])
                client.posix_rename("in/a.tmp", "in/a.txt")
            with client.open("in/b", "wb") as file:
                file.write(b"b")
            with pytest.raises(OSError):  # noqa: PT011
                client.rename("in/b", "in/a.txt")

        await it.python(put)
        assert (it.root / "in" / "a.txt").read_bytes() == b"22"


async def test_quotas_hold(tmp_path: Path) -> None:
    async with site(tmp_path, quota_bytes=100_000, quota_files=2) as it:

        def fill(client: paramiko.SFTPClient) -> None:
            with pytest.raises(OSError), client.open("in/a", "wb") as file:  # noqa: PT011
                file.write(bytes(200_000))
            with client.open("in/b", "wb"):
                pass
            with pytest.raises(OSError):  # noqa: PT011
                client.open("in/c", "wb")

        await it.python(fill)
        assert sum(f.stat().st_size for f in (it.root / ".partial").iterdir()) <= 100_000
        assert "quota" in {event.rule for event in it.events}


async def test_guessing_locks_passwords_then_the_address(tmp_path: Path) -> None:
    limits = SftpLimits(failures=3, refusal_delay=0.01, lock=60)
    async with site(tmp_path, limits, password_hash=hash_password("right horse")) as it:
        await it.python(lambda c: c.listdir("."), password="right horse")
        for _ in range(3):
            with pytest.raises(paramiko.AuthenticationException):
                await it.python(lambda c: c.listdir("."), password="wrong")
        with pytest.raises((paramiko.SSHException, EOFError, OSError)):
            await it.python(lambda c: c.listdir("."))
        assert it.kinds().count("login-refused") == 3


async def test_strangers_keys_and_addresses(tmp_path: Path) -> None:
    from ipaddress import ip_network

    async with site(tmp_path, SftpLimits(refusal_delay=0.01), networks=(ip_network("10.0.0.0/8"),)) as it:
        with pytest.raises(paramiko.AuthenticationException):
            await it.python(lambda c: c.listdir("."))
        with pytest.raises(paramiko.SSHException):
            await deferToThread(it.transport, "nobody")
        while not it.events:  # told when the connection has ended
            await sleep(0.01)
        assert [(event.kind, event.rule) for event in it.events] == [("login-refused", "address")]


async def test_no_shell_no_command_no_forwarding(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def attack() -> None:
            with it.transport() as transport:
                for ask in ("invoke_shell", "get_pty"):
                    with pytest.raises(paramiko.SSHException):
                        getattr(transport.open_session(), ask)()
            with it.transport() as transport:
                with pytest.raises(paramiko.SSHException):
                    transport.open_session().exec_command("id")
                with pytest.raises(paramiko.SSHException):
                    transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1))
                with pytest.raises(paramiko.SSHException):
                    transport.request_port_forward("", 0)

        await deferToThread(attack)


async def test_weak_algorithms_are_not_offered(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def weak() -> None:
            transport = paramiko.Transport(("127.0.0.1", it.port))
            transport.get_security_options().ciphers = ("aes128-cbc",)
            try:
                transport.start_client(timeout=5)
            finally:
                transport.close()

        with pytest.raises(paramiko.SSHException):
            await deferToThread(weak)


async def test_the_idle_and_the_silent_are_cut(tmp_path: Path) -> None:
    async with site(tmp_path, SftpLimits(login=0.3), idle=0.3) as it:

        def wait(transport: Any) -> None:
            transport.join(5)
            assert not transport.is_active()
            transport.close()

        await deferToThread(wait, await deferToThread(it.transport))


async def test_rubbish_ends_its_own_connection_only(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def rubbish(data: bytes) -> None:
            with it.transport() as transport:
                channel = transport.open_session()
                channel.invoke_subsystem("sftp")
                channel.sendall(data)
                channel.settimeout(5)
                assert channel.recv(10) == b""

        for data in (b"\xff" * 9, struct.pack(">IB", 1, 3), bytes(8)):
            await deferToThread(rubbish, data)
        await it.python(lambda c: c.listdir("."))


async def test_large_files_go_through_at_constant_memory(tmp_path: Path) -> None:
    size = 64 << 20
    (tmp_path / "up").write_bytes(os.urandom(1 << 20) * 64)
    async with site(tmp_path, complete="close") as it:
        await it.python(lambda c: c.put(str(tmp_path / "up"), "in/warm"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await it.python(lambda c: c.put(str(tmp_path / "up"), "in/a"))
        os.link(it.root / "in" / "a", it.root / "out" / "a")
        await it.python(lambda c: c.get("out/a", str(tmp_path / "down")))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        assert (tmp_path / "down").stat().st_size == size
        assert grown < size // 2, grown


def test_the_host_key_is_ours_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "host"
    made = host_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert host_key(file) == made
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        host_key(file)


def test_passwords_are_hashed() -> None:
    hashed = hash_password("right horse")
    assert password_fits(b"right horse", hashed)
    assert not password_fits(b"wrong", hashed)
    assert not password_fits(b"", "")


def test_a_lock_ends() -> None:
    now = [0.0]
    guard = Guard(2, 10, 5, lambda: now[0])
    assert not guard.failed("a")
    assert guard.failed("a")
    assert guard.locked("a")
    now[0] = 6
    assert not guard.locked("a")

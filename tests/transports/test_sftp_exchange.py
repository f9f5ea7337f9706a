"""What attackers of SSH servers send before they are logged in, and partners' clients that misbehave after that."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from twisted.conch.ssh.common import NS
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher

from gateway.transports.sftp import server_exchange
from gateway.transports.sftp.server import SftpServer, Transport
from gateway.transports.sftp.server_accounts import hash_password
from gateway.transports.sftp.server_listeners import SftpLimits
from gateway.transports.sftp.server_packets import Plain
from gateway.transports.sftp.server_session import Channel
from tests.transports.sftp_place import Site, site
from tests.twisted_runner import sleep

STRICT = b"kex-strict-c-v00@openssh.com"
DISCONNECT, IGNORE, UNIMPLEMENTED, KEXINIT, NEWKEYS, HALF, REPLY = 1, 2, 3, 20, 21, 30, 31


def server_of(it: Site) -> SftpServer:
    assert it.mounted is not None
    return it.mounted.listeners._open[it.mounted.endpoint].server


class Raw:
    """A client without keys, which sends what it likes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.sendall(b"SSH-2.0-raw\r\n")
        self._come = bytearray()
        while b"\n" not in self._come:
            self._come += self.socket.recv(1)
        self._come.clear()

    def send(self, *packets: bytes) -> None:
        self.socket.sendall(b"".join(Plain().seal(packet) for packet in packets))

    def until_over(self, wait: float = 5.0) -> list[bytes]:
        """What comes in plain until the server ends it. TimeoutError where it does not."""
        found: list[bytes] = []
        self.socket.settimeout(wait)
        try:
            while data := self.socket.recv(1 << 16):
                self._come += data
                while bytes([NEWKEYS]) not in found and (packet := Plain().open(self._come)) is not None:
                    found.append(packet)
        except ConnectionResetError:
            pass
        finally:
            self.socket.close()
        return found


def kexinit(*extra: bytes, method: bytes = b"curve25519-sha256") -> bytes:
    lists = (
        b",".join((method, *extra)), b"ssh-ed25519", b"aes128-ctr", b"aes128-ctr",
        b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b"",
    )  # fmt: skip
    return bytes([KEXINIT]) + os.urandom(16) + b"".join(map(NS, lists)) + bytes(5)


def half() -> bytes:
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    return bytes([HALF]) + NS(public)


NOTHING = bytes([IGNORE]) + NS(b"x")


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param((bytes([NEWKEYS]),), id="NEWKEYS first"),
        pytest.param((half(),), id="a half before KEXINIT"),
        pytest.param((kexinit(), bytes([NEWKEYS])), id="NEWKEYS without a key"),
        pytest.param((kexinit(), kexinit()), id="KEXINIT twice"),
        pytest.param((kexinit(), half(), half(), half()), id="many halves"),
        pytest.param((kexinit(), bytes([5]) + NS(b"ssh-userauth")), id="a service before keys"),
        pytest.param((bytes([50]) + bytes(40),), id="a login before keys"),
        pytest.param((kexinit(), bytes([34]) + struct.pack(">3L", 1024, 2048, 8192)), id="no group is offered"),
        pytest.param((NOTHING, kexinit(STRICT)), id="strict: something before KEXINIT"),
        pytest.param((kexinit(STRICT), NOTHING), id="strict: something after KEXINIT"),
        pytest.param((kexinit(method=b"kex-strict-s-v00@openssh.com"),), id="a mark is no method"),
    ],
)  # fmt: skip
async def test_what_is_out_of_turn_ends_the_connection(tmp_path: Path, packets: tuple[bytes, ...]) -> None:
    async with site(tmp_path) as it:

        def attack() -> list[bytes]:
            raw = Raw(it.port)
            raw.send(*packets)
            return raw.until_over()

        told = [packet[0] for packet in await deferToThread(attack)]
        assert told.count(REPLY) <= 1, "each costs a key and a signature"
        assert told[0] == KEXINIT


async def test_clients_that_are_not_strict_may_say_nothing_before_keys(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def talk() -> None:
            raw = Raw(it.port)
            raw.send(NOTHING, kexinit(), NOTHING, half())
            with pytest.raises(TimeoutError):
                raw.until_over(1.0)

        await deferToThread(talk)


async def test_a_method_guessed_wrongly_is_passed_over(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def guess() -> list[bytes]:
            raw = Raw(it.port)
            guessing = kexinit(method=b"ecdh-sha2-nistp256")[:-5] + b"\1" + bytes(4)
            raw.send(guessing, bytes([34]) + bytes(12), bytes([HALF]) + NS(b"\4"), half())
            return raw.until_over()

        assert REPLY not in [packet[0] for packet in await deferToThread(guess)], "the second one counted"


async def test_strict_key_exchange_is_agreed(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def agreed() -> bool:
            with it.transport() as transport:
                return bool(transport.agreed_on_strict_kex)

        assert await deferToThread(agreed)


@pytest.mark.parametrize("cipher", ["aes128-ctr", "aes256-gcm@openssh.com"])
async def test_the_server_renews_keys_in_the_middle_of_files(
    tmp_path: Path, cipher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(6 << 20)
    (tmp_path / "up").write_bytes(content)
    monkeypatch.setattr(server_exchange, "RENEW_BYTES", 1 << 20)
    asked = count(monkeypatch, "sendKexInit")
    async with site(tmp_path, complete="close") as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / "b").write_bytes(content)
        done = await it.openssh(
            f"put {tmp_path}/up in/a\nget out/b {tmp_path}/down\n", "-o", f"Ciphers={cipher}"
        )
        assert done.returncode == 0, done.stderr
        assert (it.root / "in" / "a").read_bytes() == content == (tmp_path / "down").read_bytes()
        # Two beginnings, and some in between: how many, what is in flight while keys are renewed decides.
        assert len(asked) > 4
        await it.python(lambda c: c.put(str(tmp_path / "up"), "in/c"))
        await it.python(lambda c: c.get("out/b", str(tmp_path / "back")))
        assert (it.root / "in" / "c").read_bytes() == content == (tmp_path / "back").read_bytes()
    # One when a connection begins, and none because of a client that is not logged in.
    asked.clear()
    monkeypatch.setattr(server_exchange, "RENEW_BYTES", 1)
    async with site(tmp_path / "other") as it:
        with pytest.raises(paramiko.SSHException):
            await deferToThread(it.transport, "nobody")
    assert len(asked) == 1


async def test_keys_are_renewed_with_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_exchange, "RENEW_SECONDS", 0.2)
    asked = count(monkeypatch, "sendKexInit")

    def work(client: paramiko.SFTPClient) -> None:
        for _ in range(5):
            client.listdir("in")
            time.sleep(0.15)

    async with site(tmp_path) as it:
        await it.python(work)
    assert 2 < len(asked) < 30, "with time, and not with every packet"


def count(monkeypatch: pytest.MonkeyPatch, method: str) -> list[str]:
    """Calls of a method of our connections."""
    called: list[str] = []
    before = getattr(Transport, method)

    def counting(self: Any, *arguments: Any) -> Any:
        called.append(method)
        return before(self, *arguments)

    monkeypatch.setattr(Transport, method, counting)
    return called


@contextmanager
def twisted_log() -> Iterator[list[dict[str, Any]]]:
    """What would come into the gateway's log of it."""
    found: list[dict[str, Any]] = []

    def observe(event: dict[str, Any]) -> None:
        if event["log_level"].name not in ("debug", "info"):
            found.append(event)

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]  # any callable is one
    try:
        yield found
    finally:
        globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]  # as above


def opened(transport: paramiko.Transport) -> paramiko.Channel:
    channel = transport.open_session()
    channel.invoke_subsystem("sftp")
    return channel


def confirm(channel: paramiko.Channel) -> bytes:
    return struct.pack(">B4L", 91, channel.remote_chanid, channel.chanid, 1 << 30, 1)


def refuse(channel: paramiko.Channel) -> bytes:
    return struct.pack(">B2L", 92, channel.remote_chanid, 1) + NS(b"") + NS(b"")


@pytest.mark.parametrize("say", [confirm, refuse, lambda _: bytes([NEWKEYS]), lambda _: half()])
async def test_what_only_a_server_says_ends_the_connection_and_leaves_nothing(
    tmp_path: Path, say: Callable[[paramiko.Channel], bytes]
) -> None:
    async with site(tmp_path) as it:

        def attack() -> None:
            with it.transport() as transport:
                message = paramiko.Message()
                message.add_bytes(say(opened(transport)))
                transport._send_message(message)
                transport.join(5)
                assert not transport.is_active()

        await deferToThread(attack)
        while server_of(it).connections or server_of(it).sessions:
            await sleep(0.01)
        await it.python(lambda c: c.listdir("."))


async def test_a_channel_that_is_closed_with_answers_under_way_is_gone(tmp_path: Path) -> None:
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / "b").write_bytes(bytes(1 << 20))

        def work() -> None:
            with it.transport() as transport:
                for _ in range(20):
                    channel = transport.open_session(window_size=1000)
                    channel.invoke_subsystem("sftp")
                    ask = struct.pack(">BII", 3, 1, 6) + b"/out/b" + struct.pack(">II", 1, 0)
                    read = struct.pack(">BIIIQI", 5, 2, 4, 1, 0, 100_000)
                    channel.sendall(b"".join(struct.pack(">I", len(p)) + p for p in (ask, read, read)))
                    channel.recv(500)
                    channel.close()
                    while any(each.sessions for each in server_of(it).connections):
                        transport.join(0.01)

        await deferToThread(work)


async def test_sessions_that_are_still_closing_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Any, ending: Any) -> None:
        await sleep(2)
        ending.end()

    monkeypatch.setattr(Channel, "_ended", never)
    async with site(tmp_path, SftpLimits(channels=2)) as it:

        def work() -> None:
            with it.transport() as transport:
                for _ in range(2):
                    opened(transport).close()
                with pytest.raises(paramiko.SSHException):
                    opened(transport)

        await deferToThread(work)


async def test_whoever_says_nothing_makes_way(tmp_path: Path) -> None:
    async with site(tmp_path, SftpLimits(connections=3)) as it:

        def work() -> None:
            silent = [Raw(it.port) for _ in range(3)]
            with it.transport() as inside:
                assert silent[0].until_over()[0][0] == KEXINIT
                more = [Raw(it.port) for _ in range(3)]
                assert paramiko.SFTPClient.from_transport(inside).listdir(".")
            for each in (*silent[1:], *more):
                each.socket.close()

        await deferToThread(work)


async def test_what_is_no_login_is_refused_and_its_words_are_not_logged(tmp_path: Path) -> None:
    async with site(
        tmp_path, SftpLimits(refusal_delay=0.01), password_hash=hash_password("right horse")
    ) as it:

        def attack() -> None:
            transport = paramiko.Transport(("127.0.0.1", it.port))
            transport.start_client(timeout=5)
            for packet in (
                bytes([5]) + NS(b"ssh-userauth"),
                bytes([UNIMPLEMENTED]) + bytes(4),
                bytes([50]) + NS(b"DEMO-Secret") + NS(b"ssh-connection") + NS(b"password"),
                bytes([50]) + NS(b"DEMO-Secret") + NS(b"ssh-connection") + NS(b"publickey") + b"\1\0",
                bytes([50]) + NS(b"agency") + NS(b"ssh-userauth") + NS(b"password") + b"\0" + NS(b"right horse"),
                bytes([DISCONNECT]) + bytes(4) + NS(b"DEMO-Secret") + NS(b""),
            ):  # fmt: skip
                message = paramiko.Message()
                message.add_bytes(packet)
                transport._send_message(message)
            transport.join(5)
            transport.close()

        with structlog.testing.capture_logs() as lines, twisted_log() as told:
            await deferToThread(attack)
            while server_of(it).connections:
                await sleep(0.01)
        assert "DEMO" not in f"{lines}{told}"
        assert not told
        assert {line["event"] for line in lines} == {"sftp.protocol"}
        assert "login" not in it.kinds()
        await it.python(lambda c: c.listdir("."), password="right horse")

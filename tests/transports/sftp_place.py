"""An SFTP server with one account in a folder of the test, and clients for it, each in a thread."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import paramiko
from twisted.conch.ssh.keys import Key
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from gateway.transports.sftp.server_accounts import Account, Event, public_key
from gateway.transports.sftp.server_hostkey import host_key
from gateway.transports.sftp.server_listeners import SftpAccount, SftpLimits, SftpListeners

T = TypeVar("T")


@dataclass
class Site:
    """What a test sees of it."""

    root: Path
    key_file: Path
    events: list[Event] = field(default_factory=list)
    arrivals: int = 0
    port: int = 0
    mounted: SftpAccount | None = None

    async def watch(self, event: Event) -> None:
        self.events.append(event)

    def uploaded(self) -> None:
        self.arrivals += 1

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    async def python(self, work: Callable[[paramiko.SFTPClient], T], **login: Any) -> T:
        """Runs `work` with a client that is logged in."""
        return await deferToThread(self._connected, work, login)

    def _connected(self, work: Callable[[paramiko.SFTPClient], T], login: dict[str, Any]) -> T:
        with self.transport(**login) as transport:
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            return work(client)

    def transport(self, user: str = "agency", password: str | None = None) -> paramiko.Transport:
        made = paramiko.Transport(("127.0.0.1", self.port))
        key = None if password else paramiko.Ed25519Key.from_private_key_file(str(self.key_file))
        try:
            made.connect(username=user, password=password or "", pkey=key)
        except BaseException:
            made.close()
            raise
        return made

    async def openssh(self, commands: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs OpenSSH's `sftp` with a batch of commands."""
        command = openssh_command(self.port, self.key_file, *options)
        return await deferToThread(
            subprocess.run, command, input=commands, capture_output=True, text=True, timeout=60, check=False
        )


def openssh_command(port: int, key_file: Path, *options: str) -> list[str]:
    """OpenSSH's `sftp`, which reads its commands from stdin."""
    return [
        "sftp", "-b", "-", "-P", str(port), "-i", str(key_file), "-F", "/dev/null",
        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes",
        *options, "agency@127.0.0.1",
    ]  # fmt: skip


def _public_line(key: Key) -> str:
    line: bytes = key.public().toString("openssh")  # type: ignore[no-untyped-call]
    return line.decode()


@asynccontextmanager
async def site(folder: Path, limits: SftpLimits | None = None, **account: Any) -> AsyncIterator[Site]:
    """One account, `agency`, on a free port."""
    key_file = folder / "client"
    key = public_key(_public_line(host_key(key_file)))  # a client's key is of the same kind as a host's
    it = Site(folder / "root", key_file)
    facts = {"name": "agency", "root": it.root, "keys": (key,), "watch": it.watch, "uploaded": it.uploaded}
    it.mounted = await SftpListeners().add(
        reactor, "127.0.0.1:0", folder / "host", Account(**{**facts, **account}), limits or SftpLimits()
    )
    it.port = it.mounted.port
    try:
        yield it
    finally:
        await it.mounted.remove()

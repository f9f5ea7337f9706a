"""The processes of `bench.sftp`: our server, our client, and OpenSSH's server. Each `main` runs in one of its own."""

# ruff: noqa: PLC0415  a server's process installs its reactor first, the bench itself needs none

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.transports.sftp.client import SftpClient
from gateway.transports.sftp.client_session import Server

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_SUBSYSTEM = "/usr/lib/openssh/sftp-server"


@contextmanager
def sshd(folder: Path, public_key: str, log: Path) -> Iterator[tuple[int, int, str]]:
    """OpenSSH's server with Debian's set-up of SFTP, for one key: its pid, port and host key."""
    assert SSHD is not None
    host, allowed, config = folder / "host_key", folder / "allowed", folder / "sshd_config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host], check=True)
    allowed.write_text(public_key)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    subsystem = _SUBSYSTEM if Path(_SUBSYSTEM).exists() else "internal-sftp"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {host}\nAuthorizedKeysFile {allowed}\nPidFile none\n"
        f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp {subsystem}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)  # where it leaves its privileges behind
    with log.open("ab") as told:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=told)
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield server.pid, port, " ".join(host.with_suffix(".pub").read_text().split()[:2])
    finally:
        server.terminate()
        server.wait()


def serve(root: str, key: str) -> None:
    """Our server with one account, `agency`; prints its port."""
    import structlog
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from gateway.transports.sftp.server_accounts import Account, Event, public_key
    from gateway.transports.sftp.server_listeners import SftpLimits, SftpListeners

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    async def watch(event: Event) -> None: ...

    account = Account(
        name="agency",
        root=Path(root),
        watch=watch,
        uploaded=lambda: None,
        keys=(public_key(Path(f"{key}.pub").read_text()),),
        complete="close",
        quota_bytes=1 << 40,
        quota_files=1 << 20,
    )

    async def start() -> None:
        opened = await SftpListeners().add(
            reactor,
            "127.0.0.1:0",
            Path(f"{root}.host"),
            account,
            SftpLimits(connections=1000, per_address=1000),
        )
        running.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(opened.remove())
        )  # else its threads keep the process alive
        for folder in ("in", "out"):
            (Path(root) / folder).mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"{opened.port}\n")
        sys.stdout.flush()

    running: Any = reactor
    running.callWhenRunning(lambda: Deferred.fromCoroutine(start()))
    running.run()


def carry(reactor: Any, job: str, folder: Path, server: Server, into: str, out: str) -> Any:
    """One job of our client, logging in included; prints the seconds. A Deferred that fires when it is done."""
    from twisted.internet.defer import Deferred

    async def work() -> None:
        began = time.monotonic()
        client = SftpClient(server, reactor)
        try:
            match job:
                case "large up":
                    await client.put((f"{into}/big", folder / "big"))
                case "small up" | "small up -f":
                    for file in sorted((folder / "small").iterdir()):
                        await client.put((f"{into}/{file.name}", file))
                case _:
                    for entry in await client.listing(out):
                        if (entry.name == "big") == (job == "large down"):
                            await client.download(out, entry, folder / "back" / entry.name)
        finally:
            client.close()
        sys.stdout.write(f"{time.monotonic() - began}\n")

    return Deferred.fromCoroutine(work())


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(*sys.argv[2:])
    else:
        from twisted.internet.task import react

        _, _, task, local, user, port_, host_key_, key_, cipher_, into_, out_ = sys.argv
        place = Server(
            host="127.0.0.1",
            port=int(port_),
            user=user,
            key_file=Path(key_),
            host_keys=(host_key_,),
            ciphers=(cipher_,),
        )
        react(carry, (task, Path(local), place, into_, out_))

"""Partners' SFTP servers for tests: one on paramiko that can be made to fail, OpenSSH's own where it is installed, and
a cable that can be cut. All on loopback, on free ports, in folders of the test's own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko import SFTP_FAILURE, SFTP_OK, SFTPAttributes, SFTPHandle, SFTPServer

USER, PASSWORD = "tongqu", "DEMO-SFTP-0001"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Faults:
    """What goes wrong on the server, until it is set right again."""

    quota: int | None = None  #: bytes that can still be written
    after_rename: Callable[[str], bool] | None = (
        None  #: by the new name: whether the connection is lost there
    )
    denied: bool = False  #: nothing may be removed or renamed
    sessions: int = 0


class _Login(paramiko.ServerInterface):  # type: ignore[misc]
    def __init__(self, keys: list[Any], faults: Faults) -> None:
        self._keys = keys
        self.faults = faults

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if (username, password) == (USER, PASSWORD) else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: Any) -> int:
        return paramiko.AUTH_SUCCESSFUL if key in self._keys else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _File(SFTPHandle):  # type: ignore[misc]
    faults: Faults

    def write(self, offset: int, data: bytes) -> int:
        if self.faults.quota is not None:
            self.faults.quota -= len(data)
            if self.faults.quota < 0:
                return SFTP_FAILURE
        return super().write(offset, data)

    def stat(self) -> Any:
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    root: Path

    def __init__(self, server: _Login, transport: Any) -> None:
        self._faults = server.faults
        self._transport = transport

    def _at(self, path: str) -> Path:
        return self.root / self.canonicalize(path).lstrip("/")

    def _tried(self, work: Callable[[], Any]) -> Any:
        try:
            work()
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        return SFTP_OK

    def list_folder(self, path: str) -> Any:
        try:
            return [SFTPAttributes.from_stat(e.stat(), e.name) for e in os.scandir(self._at(path))]
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def stat(self, path: str) -> Any:
        try:
            return SFTPAttributes.from_stat(self._at(path).stat())
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        try:
            descriptor = os.open(self._at(path), flags, 0o644)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        handle = _File(flags)
        handle.faults = self._faults
        mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        handle.readfile = handle.writefile = os.fdopen(descriptor, mode)
        return handle

    def remove(self, path: str) -> Any:
        return paramiko.SFTP_PERMISSION_DENIED if self._faults.denied else self._tried(self._at(path).unlink)

    def mkdir(self, path: str, attr: Any) -> Any:
        return self._tried(self._at(path).mkdir)

    def rename(self, oldpath: str, newpath: str) -> Any:
        if self._faults.denied or self._at(newpath).exists():
            return SFTP_FAILURE
        done = self._tried(lambda: self._at(oldpath).rename(self._at(newpath)))
        if self._faults.after_rename is not None and self._faults.after_rename(newpath):
            self._transport.close()
        return done


class Peer:
    """A partner's server on paramiko: `peer.root` is what its users see as `/`."""

    def __init__(
        self, root: Path, port: int = 0, host_key: Any = None, user_keys: tuple[Any, ...] = ()
    ) -> None:
        self.root = root
        self.faults = Faults()
        self.key = host_key or paramiko.ECDSAKey.generate()
        self._user_keys = list(user_keys)
        self._transports: list[Any] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host_key(self) -> str:
        return f"{self.key.get_name()} {self.key.get_base64()}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        self._transports.append(transport)
        files = type("Files", (_Files,), {"root": self.root})
        transport.add_server_key(self.key)
        transport.set_subsystem_handler("sftp", SFTPServer, _WithTransport(files, transport))
        self.faults.sessions += 1
        with suppress(Exception):  # cut connections are what these tests are about
            transport.start_server(server=_Login(self._user_keys, self.faults))

    def close(self) -> None:
        self._listener.close()
        for transport in self._transports:
            transport.close()


class _WithTransport:
    """Makes the file interface of one connection."""

    def __init__(self, files: type[_Files], transport: Any) -> None:
        self._files = files
        self._transport = transport

    def __call__(self, server: _Login, *_: Any, **__: Any) -> _Files:
        return self._files(server, self._transport)


class Cable:
    """A TCP proxy that cuts connection number n after `cuts[n]` bytes towards the server (`up`) or from it.

    With `silent` it stays connected and carries no more that way.
    """

    def __init__(self, port: int, cuts: list[int | None], *, up: bool = True, silent: bool = False) -> None:
        self._to = port
        self._cuts = cuts
        self._up = up
        self._silent = silent
        self._closed = threading.Event()
        self.carried = 0  #: bytes in the direction that is counted
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            limit = self._cuts.pop(0) if self._cuts else None
            for one, other, counted in ((near, far, self._up), (far, near, not self._up)):
                threading.Thread(target=self._carry, args=(one, other, limit, counted), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, limit: int | None, counted: bool) -> None:
        gone = 0
        with suppress(OSError):
            while data := one.recv(16384):
                if counted and limit is not None and gone + len(data) > limit:
                    other.sendall(data[: limit - gone])
                    if self._silent:
                        self._closed.wait()
                    break
                other.sendall(data)
                gone += len(data)
                self.carried += len(data) if counted else 0
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed.set()
        self._listener.close()


@contextmanager
def openssh(folder: Path, user_key: Any) -> Iterator[tuple[int, str]]:
    """OpenSSH's server for one key: its port and host key. Paths are those of the machine."""
    assert SSHD is not None
    host, allowed, config = folder / "host_key", folder / "allowed", folder / "sshd_config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host], check=True)
    allowed.write_text(f"{user_key.get_name()} {user_key.get_base64()}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {host}\nAuthorizedKeysFile {allowed}\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    told = (folder / "sshd.log").open("w+b")
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=told)
    try:
        for _ in range(100):
            if server.poll() is not None:
                pytest.skip(f"sshd does not start here: {(folder / 'sshd.log').read_text()}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port, " ".join(host.with_suffix(".pub").read_text().split()[:2])
    finally:
        server.terminate()
        server.wait()
        told.close()

"""The bank's SFTP server, on paramiko, in threads of its own: one user, one folder, and connections that can be lost."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko
from paramiko import SFTP_FAILURE, SFTP_OK, SFTPAttributes, SFTPHandle, SFTPServer

from adapters.bank.simulator.faults import Faults


class BankServer:
    """Serves `home` as `/`.

    Args:
        key_file: its host key; made when it is not there.
    """

    def __init__(
        self, home: Path, key_file: Path, user: str, password: str, faults: Faults, address: tuple[str, int]
    ) -> None:
        self._home = home
        self._login = user, password
        self._faults = faults
        self._key = _host_key(key_file)
        self._open: list[Any] = []
        self._listener = socket.create_server(address)
        self.port: int = self._listener.getsockname()[1]
        #: As a partner file wants it under `host_keys`.
        self.host_key = f"{self._key.get_name()} {self._key.get_base64()}"
        threading.Thread(target=self._accept, name="bank sftp", daemon=True).start()

    def stop(self) -> None:
        """Ends listening and all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._open:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        self._open.append(transport)
        transport.add_server_key(self._key)

        def files(_server: Any, *_: Any, **__: Any) -> _Files:
            return _Files(self._home, self._faults, transport.close)

        transport.set_subsystem_handler("sftp", SFTPServer, files)
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=_Login(*self._login))


class _Login(paramiko.ServerInterface):  # type: ignore[misc]
    def __init__(self, user: str, password: str) -> None:
        self._wanted = user, password

    def get_allowed_auths(self, _username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == self._wanted
        return int(paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED)

    def check_channel_request(self, _kind: str, _number: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


class _File(SFTPHandle):  # type: ignore[misc]
    def stat(self) -> Any:
        return SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
    """One session's files. An error of the machine becomes an answer, as SFTP has it."""

    def __init__(self, home: Path, faults: Faults, lose: Callable[[], None]) -> None:
        self._home = home
        self._faults = faults
        self._lose = lose

    def list_folder(self, path: str) -> Any:
        return _said(lambda: [SFTPAttributes.from_stat(e.stat(), e.name) for e in os.scandir(self._at(path))])

    def stat(self, path: str) -> Any:
        return _said(lambda: SFTPAttributes.from_stat(self._at(path).stat()))

    lstat = stat

    def open(self, path: str, flags: int, _attributes: Any) -> Any:
        return _said(lambda: self._opened(self._at(path), flags))

    def remove(self, path: str) -> Any:
        return _said(self._at(path).unlink)

    def mkdir(self, path: str, _attributes: Any) -> Any:
        return _said(self._at(path).mkdir)

    def rename(self, oldpath: str, newpath: str) -> Any:
        new = self._at(newpath)
        if new.exists():
            return SFTP_FAILURE
        if self._faults.strikes("drop-before-rename"):
            self._lose()
            return SFTP_FAILURE
        done = _said(lambda: self._at(oldpath).rename(new) and None)
        if self._faults.strikes("drop-after-rename"):
            self._lose()
        return done

    def _at(self, path: str) -> Path:
        return self._home / str(self.canonicalize(path)).lstrip("/")

    def _opened(self, file: Path, flags: int) -> _File:
        handle = _File(flags)
        mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        handle.readfile = handle.writefile = os.fdopen(os.open(file, flags, 0o640), mode)
        return handle


def _said(work: Callable[[], Any]) -> Any:
    try:
        found = work()
    except OSError as error:
        return SFTPServer.convert_errno(error.errno)
    return SFTP_OK if found is None else found


def _host_key(file: Path) -> Any:
    if not file.exists():
        paramiko.ECDSAKey.generate().write_private_key_file(str(file))
    return paramiko.ECDSAKey.from_private_key_file(str(file))

"""Locks that the system drops when the process ends in any way: of an SQLite database, of a folder. Whose files
are, and that their names last."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.contract import ConfigError


class FileLock:
    """An advisory lock on a file beside the database. The system drops it when the process ends in any way."""

    def __init__(self, path: Path, holder: int | None = None) -> None:
        """`holder`: the process to name to others; this one where None."""
        self._path = path
        self._holder = holder or os.getpid()
        self._file: int | None = None

    def take(self) -> None:
        """
        Raises:
            ConfigError: another process holds it; its number is named.
        """
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(file):
            holder = os.read(file, 20).decode("ascii", "replace").strip() or "?"
            os.close(file)
            raise self._taken(holder)
        os.ftruncate(file, 0)
        os.write(file, f"{self._holder}\n".encode())
        self._file = file

    def _taken(self, holder: str) -> ConfigError:
        return ConfigError(
            f"数据库 {self._path.with_suffix('')} 正被另一个网关进程（pid {holder}）使用：请先停止它，或改用 PostgreSQL",
            f"the database {self._path.with_suffix('')} is in use by another gateway process (pid {holder}): "
            "stop that one, or use PostgreSQL",
            path="store.url",
        )

    def release(self) -> None:
        """The file stays: removing it could pull it away from under a process that just opened it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def belong(descriptor: int, path: Path) -> None:
    """A new file gets the owner of the one it replaces, or of its folder: a person may do as root what the gateway's own
    account has to read afterwards."""
    if os.geteuid() == 0:
        owner = path.stat() if path.exists() else path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def sync_names(folder: Path) -> None:
    """Makes names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def exclusively(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """One process at a time does what it does in this folder.

    Raises:
        BlockingIOError: another one does, and `wait` is False.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _locked(file: int) -> bool:
    """A process that was killed a moment ago may need another moment until the system has let go for it."""
    for pause in (0.05, 0.1, 0.2, 0.4, 0.0):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(pause)
        else:
            return True
    return False

"""Writing a log folder so that a kill at any instruction leaves it whole.

A step's files are all written to `.staging`, then all synced, then all renamed into place, then their
directories are synced; only after that is the checkpoint that speaks of them published in the same way. A file
in place is therefore complete and never changes: what is found there must be what would be written.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from gateway.audit.disk import Disk
from gateway.audit.errors import LogBusy, LogInconsistent
from gateway.audit.tiles import CHECKPOINT, File, partials_path

STAGING = ".staging"
LOCK = ".lock"


class LogWriter:
    """The only writer of a log folder, guarded by a lock that dies with the process.

    Raises:
        LogBusy: another writer is at work.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._durable: set[Path] = set()  # directories whose own name is known to be synced
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(path / LOCK)

    def close(self) -> None:
        """Let another writer work."""
        self._lock.close()

    def recover(self) -> None:
        """Throw away what an interrupted step left in staging."""
        staging = self._path / STAGING
        self._disk.make_directory(staging)
        for leftover in sorted(staging.iterdir()):
            self._disk.remove(leftover)

    def write(self, files: Iterable[File]) -> None:
        """Put files in place, durably.

        Raises:
            LogInconsistent: one of them is there already, with another content.
        """
        staged: list[tuple[Path, Path]] = []
        targets = []
        for file in files:
            target = self._path / file.path
            targets.append(target)
            if not _present(target, file):
                staged.append((self._stage(file.data, len(staged)), target))
        for source, _ in staged:
            self._disk.sync(source)
        for target in targets:
            self._make_parents(target)
        for source, target in staged:
            self._disk.rename(source, target)
        self._sync_names(targets)

    def drop_partials(self, full_paths: Iterable[str]) -> None:
        """Remove the partial tiles of tiles that are full now; readers of an old checkpoint use those."""
        for full in full_paths:
            directory = self._path / partials_path(full)
            if directory.is_dir():
                for partial in sorted(directory.iterdir()):
                    self._disk.remove(partial)
                self._disk.remove_directory(directory)
                self._durable.discard(directory)

    def publish(self, note: bytes) -> None:
        """Replace the checkpoint, durably."""
        source = self._stage(note, 0)
        self._disk.sync(source)
        self._disk.rename(source, self._path / CHECKPOINT)
        self._disk.sync(self._path)

    def _stage(self, data: bytes, number: int) -> Path:
        path = self._path / STAGING / str(number)
        self._disk.write(path, data)
        return path

    def _make_parents(self, target: Path) -> None:
        for directory in self._ancestors(target):
            self._disk.make_directory(directory)

    def _sync_names(self, targets: Iterable[Path]) -> None:
        """Sync the directories that hold the targets, and once those that hold these."""
        dirty = {target.parent for target in targets}
        fresh = {directory for target in targets for directory in self._ancestors(target)}
        for directory in sorted(dirty | {directory.parent for directory in fresh}):
            self._disk.sync(directory)
        self._durable |= fresh

    def _ancestors(self, target: Path) -> list[Path]:
        """The directories between the folder and a file whose names may not be durable yet, from the top."""
        inside = [path for path in target.parents if path.is_relative_to(self._path) and path != self._path]
        return [path for path in reversed(inside) if path not in self._durable]


def _lock(path: Path) -> IO[bytes]:
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise LogBusy(
            f"another process extends {path.parent}: stop it, or give this one its own folder"
        ) from None
    return file


def _present(target: Path, file: File) -> bool:
    try:
        found = target.read_bytes()
    except FileNotFoundError:
        return False
    if found != file.data:
        raise LogInconsistent(
            f"{file.path} exists with another content than the store's entries give it",
            "run `gateway audit verify`; if the folder is of another store, correct the configuration",
        )
    return True

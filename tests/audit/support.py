"""Doubles of the audit log's surroundings: stores, a disk that fails, and reference Merkle trees."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.disk import Disk
from gateway.audit.integrator import Integrator
from gateway.audit.note import Ed25519Signer
from gateway.audit.tiles import layout

ORIGIN = "audit.example/region-42"
SIGNER = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Ed25519Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


def sample(index: int) -> bytes:
    """A small entry; every one differs."""
    return b'{"event":"test","n":%d}' % index


class MemorySource:
    """An `AuditSource` without durability."""

    def __init__(self, count: int = 0) -> None:
        self.entries: list[tuple[str, bytes]] = []
        self.indexed = 0
        self.commit(count)

    def commit(self, count: int) -> None:
        start = len(self.entries)
        self.entries += [(str(i), sample(i)) for i in range(start, start + count)]

    def unsequenced(self, limit: int) -> list[tuple[str, bytes]]:
        return self.entries[self.indexed : self.indexed + limit]

    def sequence(self, first_index: int, entry_ids: Sequence[str]) -> None:
        assert first_index == self.indexed
        assert [str(i) for i in range(first_index, first_index + len(entry_ids))] == list(entry_ids)
        self.indexed += len(entry_ids)

    def sequenced(self, first_index: int, limit: int) -> list[bytes]:
        return [data for _, data in self.entries[first_index : min(self.indexed, first_index + limit)]]

    def size(self) -> int:
        return self.indexed

    def find(self, message_id: str) -> list[tuple[int | None, str, bytes]]:
        return [
            (i if i < self.indexed else None, key, data)
            for i, (key, data) in enumerate(self.entries)
            if message_id.encode() in data
        ]


class SqliteSource:
    """An `AuditSource` that survives a kill."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute(
            "create table if not exists audit (n integer primary key, id text, place integer unique, data blob)"
        )

    def commit(self, count: int) -> None:
        start = self.committed()
        rows = [(str(i), sample(i)) for i in range(start, start + count)]
        self._db.execute("begin immediate")
        self._db.executemany("insert into audit (id, data) values (?, ?)", rows)
        self._db.execute("commit")

    def committed(self) -> int:
        return int(self._db.execute("select count(*) from audit").fetchone()[0])

    def unsequenced(self, limit: int) -> list[tuple[str, bytes]]:
        query = "select id, data from audit where place is null order by n limit ?"
        return self._db.execute(query, (limit,)).fetchall()

    def sequence(self, first_index: int, entry_ids: Sequence[str]) -> None:
        rows = [(first_index + i, entry_id) for i, entry_id in enumerate(entry_ids)]
        self._db.execute("begin immediate")
        self._db.executemany("update audit set place = ? where id = ?", rows)
        self._db.execute("commit")

    def sequenced(self, first_index: int, limit: int) -> list[bytes]:
        query = "select data from audit where place >= ? order by place limit ?"
        return [row[0] for row in self._db.execute(query, (first_index, limit))]

    def size(self) -> int:
        return int(self._db.execute("select count(place) from audit").fetchone()[0])

    def find(self, message_id: str) -> list[tuple[int | None, str, bytes]]:
        query = "select place, id, data from audit where instr(data, ?) order by n"
        return self._db.execute(query, (message_id,)).fetchall()

    def close(self) -> None:
        self._db.close()


class QuickDisk(Disk):
    """A disk that does not wait for the platter."""

    def sync(self, path: Path) -> None:
        assert path.exists()


class BrokenDisk(QuickDisk):
    """Lets `after` operations pass and strikes at the next one.

    Args:
        strike: called with the operation; raises or kills.
        torn: whether half of a write reaches the disk first.
    """

    def __init__(self, after: int, strike: Callable[[str], None], torn: bool = False) -> None:
        self.left = after
        self.struck = False
        self._strike = strike
        self._torn = torn

    def _pass(self, operation: str) -> None:
        self.left -= 1
        if self.left == -1:
            self.struck = True
            self._strike(operation)

    def make_directory(self, path: Path) -> None:
        self._pass("mkdir")
        super().make_directory(path)

    def write(self, path: Path, data: bytes) -> None:
        if self._torn and self.left == 0:
            super().write(path, data[: len(data) // 2])
        self._pass("write")
        super().write(path, data)

    def sync(self, path: Path) -> None:
        self._pass("sync")
        super().sync(path)

    def rename(self, source: Path, target: Path) -> None:
        self._pass("rename")
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self._pass("remove")
        super().remove(path)

    def remove_directory(self, path: Path) -> None:
        self._pass("rmdir")
        super().remove_directory(path)


def raise_error(operation: str) -> None:
    raise OSError(5, f"injected at {operation}")


def kill_self(operation: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def integrate(
    source: MemorySource | SqliteSource, path: Path, disk: Disk | None = None, limit: int = 8192
) -> int:
    """Bring the folder up to date and release it."""
    integrator = Integrator(source, path, SIGNER, limit=limit, disk=disk or QuickDisk())
    try:
        return integrator.drain().size
    finally:
        integrator.close()


def make_log(path: Path, *counts: int) -> MemorySource:
    """A log integrated in steps of these sizes."""
    source = MemorySource()
    integrate(source, path)
    for count in counts:
        source.commit(count)
        integrate(source, path)
    return source


def contents(path: Path) -> dict[str, bytes]:
    """Every public file of a log folder."""
    found = {
        file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }
    return {name: data for name, data in found.items() if not name.startswith(".")}


def needed(path: Path, size: int) -> dict[str, bytes]:
    """The files a checkpoint of `size` entries speaks of."""
    return {name: (path / name).read_bytes() for name in ("checkpoint", *layout(size))}

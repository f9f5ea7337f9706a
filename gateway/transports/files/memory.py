"""What a way must know for longer than a process lives: the names that were taken, what was fetched, and a key.

Names may tell of persons: only their digests are kept. Blocking: call in a thread.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TABLES = """
    CREATE TABLE IF NOT EXISTS taken (name BLOB PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS fetched (name BLOB PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS key (one INTEGER PRIMARY KEY CHECK (one = 1), value BLOB NOT NULL);
"""


class Memory:
    """One small database in the partner's state folder, kept open. Safe to use from several threads."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / "files.sqlite"
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def taken(self, name: str) -> str | None:
        """The SHA-256 of the file of that name that was taken last."""
        return self._one("SELECT sha256 FROM taken WHERE name = ?", name)

    def take(self, name: str, sha256: str) -> None:
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO taken VALUES (?, ?)", (_known(name), sha256))

    def fetched(self, name: str) -> str | None:
        """When the partner last fetched the whole of it, ISO 8601."""
        return self._one("SELECT at FROM fetched WHERE name = ?", name)

    def fetch(self, name: str, at: str) -> None:
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO fetched VALUES (?, ?)", (_known(name), at))

    def forget(self, name: str) -> None:
        """A new file under that name has not been fetched yet."""
        with self._open() as database:
            database.execute("DELETE FROM fetched WHERE name = ?", (_known(name),))

    def number(self, sha256: str) -> str:
        """A number for a content: the same each time, and nothing that others could hold against a guess at it."""
        with self._open() as database:
            database.execute("INSERT OR IGNORE INTO key VALUES (1, ?)", (os.urandom(32),))
            ((key,),) = database.execute("SELECT value FROM key")
        return hmac.digest(key, bytes.fromhex(sha256), "sha256").hex()[:40]

    def _one(self, query: str, name: str) -> str | None:
        with self._open() as database:
            found = database.execute(query, (_known(name),)).fetchone()
        return None if found is None else str(found[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """For one call; durable at its end."""
        with self._lock:
            try:
                if self._database is None:
                    self._database = self._opened()
                with self._database:
                    yield self._database
            except sqlite3.Error as error:
                if self._database is not None:
                    self._database.close()
                self._database = None  # it may do at the next call
                raise OSError(0, f"state of files: {type(error).__name__}") from error

    def _opened(self) -> sqlite3.Connection:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(self._file, timeout=10.0, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")  # one write to disk for each commit instead of four
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_TABLES)
        except sqlite3.Error:
            database.close()
            raise
        return database


def _known(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()

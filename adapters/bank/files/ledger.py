"""What went to the bank under which name, and what came back for it: small, durable, without personal data.

A name is given once. A batch number goes out once: a second message with it gets no name, so that no second file of it
can ever be sent. Banks count batches anew each day: so it is the name under which a file was sent that tells what came
for it, and what came proves that the bank has it.

One small SQLite file in `state_dir`; a connection for each call, from whatever thread. Blocking. Every method raises
OSError where the file cannot be read or written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FILE: Final = "bank-files.sqlite"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS sent (
    name TEXT PRIMARY KEY, type TEXT NOT NULL, batch TEXT NOT NULL, day TEXT NOT NULL,
    message TEXT NOT NULL UNIQUE, count INTEGER NOT NULL, total INTEGER,
    begun INTEGER NOT NULL DEFAULT 0,
    UNIQUE (type, batch, day)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sent_batch ON sent (batch);
CREATE TABLE IF NOT EXISTS come (
    name TEXT, sha256 TEXT, document TEXT NOT NULL, answers TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (name, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS come_answers ON come (answers);
"""


class Taken(Exception):
    """The name, or the batch number on that day, belongs to another message."""


class _Known(Exception):
    """It stands there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A file with its name."""

    name: str
    type: str  #: canonical
    batch: str
    day: str  #: ISO; the batch's own day
    message: str  #: id
    count: int  #: rows
    total: int | None  #: fen; None where it is not about money
    begun: bool = False  #: it was about to appear under its name; else certainly nobody has it


class Ledger:
    """One partner's."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / _FILE

    def of_message(self, message: str) -> Sent | None:
        """The name that a message was given before."""
        return self._one("SELECT * FROM sent WHERE message = ?", message)

    def named(self, name: str) -> Sent | None:
        return self._one("SELECT * FROM sent WHERE name = ?", name)

    def of_batch(self, kind: str, batch: str) -> Sent | None:
        """The one of a canonical type with that number; None also where several days have it: nobody can tell which."""
        found = self._all("SELECT * FROM sent WHERE batch = ? AND type = ? LIMIT 2", batch, kind)
        return found[0] if len(found) == 1 else None

    def give(self, sent: Sent) -> None:
        """Gives a message its name, for good.

        Raises:
            Taken: another message has the name, or the batch number.
        """
        row = sent.name, sent.type, sent.batch, sent.day, sent.message, sent.count, sent.total
        try:
            with self._open() as database:
                database.execute("INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, 0)", row)
        except _Known:
            raise Taken from None

    def begin(self, name: str) -> None:
        """From here on the bank may have the file."""
        with self._open() as database:
            database.execute("UPDATE sent SET begun = 1 WHERE name = ?", (name,))

    def note(self, name: str, sha256: str, document: str, answers: str, message: str) -> None:
        """A file was committed that answers the one sent under the name `answers`. The same again changes nothing."""
        with self._open() as database:
            database.execute(
                "INSERT OR IGNORE INTO come VALUES (?, ?, ?, ?, ?)",
                (name, sha256, document, answers, message),
            )

    def answered(self, name: str) -> bool:
        """Whether anything has come that answers the file sent under this name."""
        with self._open() as database:
            return database.execute("SELECT 1 FROM come WHERE answers = ?", (name,)).fetchone() is not None

    def _one(self, query: str, value: str) -> Sent | None:
        return next(iter(self._all(query, value)), None)

    def _all(self, query: str, *values: str) -> list[Sent]:
        with self._open() as database:
            return [_sent(row) for row in database.execute(query, values)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(self._file, timeout=10.0)
        try:
            database.executescript(_TABLES)
            with database:
                yield database
        except sqlite3.IntegrityError:
            raise _Known from None
        except sqlite3.Error as error:
            raise OSError(0, f"ledger of a bank's files: {type(error).__name__}") from error
        finally:
            database.close()


def _sent(row: tuple[str, str, str, str, str, int, int | None, int]) -> Sent:
    name, kind, batch, day, message, count, total, begun = row
    return Sent(
        name=name, type=kind, batch=batch, day=day, message=message, count=count, total=total,
        begun=bool(begun),
    )  # fmt: skip

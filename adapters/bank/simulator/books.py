"""The bank's books: which batches were executed, how often one was tried, and what was booked. One SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS batches (batch TEXT PRIMARY KEY, tries INTEGER NOT NULL, executed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS booked (
    reference TEXT PRIMARY KEY, batch TEXT NOT NULL, day TEXT NOT NULL, item TEXT NOT NULL, name TEXT NOT NULL,
    account TEXT NOT NULL, amount INTEGER NOT NULL, returned INTEGER NOT NULL DEFAULT 0);
"""


class Booked(Struct, frozen=True, kw_only=True):
    """One payment that was executed."""

    reference: str  #: the bank's own number
    batch: str
    day: str  #: ISO
    item: str  #: end-to-end id, or number in the batch
    name: str
    account: str
    amount: int  #: fen
    returned: int = 0  #: 1: it came back


class Books:
    """For any thread and process: a connection for each call."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def begin(self, batch: str) -> bool:
        """Counts a try; whether the batch is to be executed. It is the first time only."""
        with self._open() as books:
            known = books.execute("UPDATE batches SET tries = tries + 1 WHERE batch = ?", (batch,)).rowcount
            if not known:
                books.execute("INSERT INTO batches VALUES (?, 1, 0)", (batch,))
        return not known

    def execute(self, batch: str, payments: list[Booked]) -> None:
        """Books a batch; counted, so that a second time would show."""
        with self._open() as books:
            books.execute("UPDATE batches SET executed = executed + 1 WHERE batch = ?", (batch,))
            rows = [
                (p.reference, p.batch, p.day, p.item, p.name, p.account, p.amount, p.returned)
                for p in payments
            ]
            books.executemany("INSERT INTO booked VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def batches(self) -> dict[str, tuple[int, int]]:
        """Of each batch number how often it was tried, and how often executed."""
        with self._open() as books:
            return {row[0]: (row[1], row[2]) for row in books.execute("SELECT * FROM batches")}

    def booked(self, day: str) -> list[Booked]:
        """All payments of a day, in order."""
        with self._open() as books:
            rows = books.execute("SELECT * FROM booked WHERE day = ? ORDER BY reference", (day,)).fetchall()
        return [_booked(row) for row in rows]

    def take_back(self, batch: str, item: str) -> Booked | None:
        """One payment comes back (退汇)."""
        with self._open() as books:
            key = batch, item
            books.execute("UPDATE booked SET returned = 1 WHERE batch = ? AND item = ?", key)
            row = books.execute("SELECT * FROM booked WHERE batch = ? AND item = ?", key).fetchone()
        return None if row is None else _booked(row)

    def serial(self) -> int:
        """How many payments there are."""
        with self._open() as books:
            return int(books.execute("SELECT count(*) FROM booked").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        books = sqlite3.connect(self._file, timeout=10.0)
        try:
            books.executescript(_TABLES)
            with books:
                yield books
        finally:
            books.close()


def _booked(row: tuple[str, str, str, str, str, str, int, int]) -> Booked:
    reference, batch, day, item, name, account, amount, returned = row
    return Booked(
        reference=reference, batch=batch, day=day, item=item, name=name, account=account, amount=amount,
        returned=returned,
    )  # fmt: skip

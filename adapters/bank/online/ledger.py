"""What is remembered of batches, in one small SQLite file of `state_dir`: which are open, and how much the bank has.

    begin ──► open ──all results taken over──► watched ──time of refunds over──► closed
               │ └──── no refunds are asked for, or given up ───────────────────► closed
               └── refused, or proven absent: forgotten

Within `open`, `begun` and `taken` count slices: where they differ, nobody knows what became of the last one, and nothing
more is submitted. The poller asks about every open batch, so what the bank has is found also where its answer was lost.

The store knows what became of a delivery; this knows what is still to be asked. It is written before the bank is
contacted, so after a crash nothing that the bank may have is forgotten. It holds no personal data.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Callable
from typing import Final, Literal, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool

from adapters.bank.online.words import Batch
from gateway.contract import Context

_T = TypeVar("_T")
_FILE: Final = "online.db"
_BUSY: Final = 10.0  #: seconds; a connection test may look at the same file
_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS batches (
  reference TEXT PRIMARY KEY, message TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, total INTEGER NOT NULL,
  at TEXT NOT NULL, tried TEXT NOT NULL, begun INTEGER NOT NULL, taken INTEGER NOT NULL, request TEXT,
  phase TEXT NOT NULL, due REAL NOT NULL, until REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batches_due ON batches (due) WHERE phase <> 'closed';
"""
_COLUMNS: Final = "reference, message, kind, count, total, at, tried, begun, taken, request"

#: `open`: results are missing. `watched`: complete; items may come back.
Phase = Literal["open", "watched"]


class Ledger:
    """Opened when it is first asked for something."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = DeferredLock()
        self._opened: sqlite3.Connection | None = None

    async def begin(self, batch: Batch, due: float) -> Batch:
        """Notes, before the bank is contacted, that a batch is about to be submitted.

        Returns:
            What is known of it: slices of an earlier attempt, or that the reference is another message's.

        Args:
            due: when the poller first asks about it, unix seconds.
        """

        def work(database: sqlite3.Connection) -> Batch:
            database.execute(
                "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, NULL)"
                " ON CONFLICT DO UPDATE SET tried = iif(begun = 0, excluded.tried, tried), due = excluded.due,"
                " phase = iif(begun = 0, 'open', phase)"
                " WHERE message = excluded.message",
                (*_row(batch), due),
            )
            found = database.execute(
                f"SELECT {_COLUMNS} FROM batches WHERE reference = ?",  # noqa: S608 - columns of ours
                (batch.reference,),
            )
            return _batch(found.fetchone())

        return await self._run(work)

    async def known(self, reference: str) -> Batch | None:
        """What is remembered of a batch."""
        query = f"SELECT {_COLUMNS} FROM batches WHERE reference = ?"  # noqa: S608

        def work(database: sqlite3.Connection) -> Batch | None:
            row = database.execute(query, (reference,)).fetchone()
            return None if row is None else _batch(row)

        return await self._run(work)

    async def submitting(self, reference: str, slices: int) -> None:
        """The slice of this number, counted from 1, is about to be submitted; or, after it certainly was not, how many
        were."""
        await self._change("begun = ?", (slices,), reference)

    async def taken(self, reference: str, slices: int, request: str) -> None:
        """The bank has confirmed this many slices."""
        await self._change("taken = ?, request = ?", (slices, request), reference)

    async def seen(self, reference: str, request: str) -> None:
        """The bank has shown that it has the batch, though not how many slices of it."""
        await self._change("request = ?", (request,), reference)

    async def forget(self, reference: str) -> None:
        """Nothing of it is at the bank."""
        await self._run(lambda database: _forget(database, reference))

    async def due(self, now: float) -> list[tuple[Batch, Phase]]:
        """What is to be asked about now, the longest waiting first."""
        query = f"SELECT {_COLUMNS}, phase FROM batches WHERE phase <> 'closed' AND due <= ? ORDER BY due"  # noqa: S608

        def work(database: sqlite3.Connection) -> list[tuple[Batch, Phase]]:
            return [(_batch(row[:-1]), row[-1]) for row in database.execute(query, (now,))]

        return await self._run(work)

    async def later(self, reference: str, due: float) -> None:
        """Asks about it again, not before this time."""
        await self._change("due = ?", (due,), reference)

    async def hint(self, reference: str, due: float) -> None:
        """Asks about it at this time, if its results are still missing."""
        await self._change("due = iif(phase = 'open', ?, due)", (due,), reference)

    async def complete(self, reference: str, due: float, until: float | None) -> None:
        """All results were taken over; `until` when items may come back, if that is asked for."""
        if until is None:
            await self.close_batch(reference)
        else:
            watched = "phase = 'watched', due = ?, until = coalesce(until, ?)"
            await self._change(watched, (due, until), reference)

    async def over(self, reference: str, now: float) -> bool:
        """Whether the time in which items may come back has passed."""
        query = "SELECT until <= ? FROM batches WHERE reference = ?"

        def work(database: sqlite3.Connection) -> bool:
            row = database.execute(query, (now, reference)).fetchone()
            return row is not None and bool(row[0])

        return await self._run(work)

    async def close_batch(self, reference: str) -> None:
        """Nothing more is asked about it. It stays on record: its reference is used up."""
        await self._change("phase = 'closed'", (), reference)

    async def close(self) -> None:
        """Closes the file; the next question opens it again."""

        def work() -> None:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

        await self._lock.run(self._in_thread, work)

    # How

    async def _change(self, what: str, values: tuple[object, ...], reference: str) -> None:
        statement = f"UPDATE batches SET {what} WHERE reference = ?"  # noqa: S608 - `what` is written above
        await self._run(lambda database: database.execute(statement, (*values, reference)) and None)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        def whole() -> _T:
            database = self._opened = self._opened or self._open()
            with database:
                database.execute("BEGIN IMMEDIATE")
                return work(database)

        done: Deferred[_T] = self._lock.run(self._in_thread, whole)
        return await done

    def _in_thread(self, work: Callable[[], _T]) -> Deferred[_T]:
        reactor = self._context.reactor
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    def _open(self) -> sqlite3.Connection:
        folder = self._context.state_dir
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / _FILE
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        database = sqlite3.connect(file, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        # FULL: how many slices the bank has must not be forgotten in a power cut.
        database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_LAYOUT}")
        return database


def _row(batch: Batch) -> tuple[object, ...]:
    return (
        batch.reference, batch.message, batch.kind, batch.count, batch.total, batch.at.isoformat(), batch.tried.isoformat(),
        batch.begun, batch.taken, batch.request,
    )  # fmt: skip


def _batch(row: tuple[str, str, str, int, int, str, str, int, int, str | None]) -> Batch:
    reference, message, kind, count, total, at, tried, begun, taken, request = row
    return Batch(
        reference=reference,
        message=message,
        kind="direct-debit" if kind == "direct-debit" else "credit-transfer",
        count=count,
        total=total,
        at=dt.datetime.fromisoformat(at),
        tried=dt.datetime.fromisoformat(tried),
        begun=begun,
        taken=taken,
        request=request,
    )


def _forget(database: sqlite3.Connection, reference: str) -> None:
    database.execute("DELETE FROM batches WHERE reference = ? AND request IS NULL", (reference,))

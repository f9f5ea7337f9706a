"""What a police partner remembers on disk: how many were asked about today, and sealed answers.

One small SQLite file in `state_dir`. It is not the store's business: a query counts when it is *tried*, and rows of
a list are kept while its delivery is still under way. Numbers of `Context.serials` would not do for the quota,
because they are reserved in blocks, and a restart would skip the rest of one.

All work is done in the reactor's threads, one at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool

from adapters.police.sealing import Sealer, key_of
from adapters.police.settings import PoliceSettings
from gateway.contract import Context

_T = TypeVar("_T")
_FILE: Final = "police.db"
_KEY: Final = "police.key"
_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS used (licence TEXT, day TEXT, persons INTEGER NOT NULL, PRIMARY KEY (licence, day));
CREATE TABLE IF NOT EXISTS answers (at BLOB PRIMARY KEY, sealed BLOB NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_until ON answers (until);
"""
_BUSY: Final = 10.0  #: seconds; a connection test may look at the same file
_AT_ONCE: Final = 500

Parts = tuple[str, ...]  #: what an answer is found by; on the disk only as a keyed digest


class Memory:
    """Opened when it is first asked for something."""

    def __init__(self, settings: PoliceSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._lock = DeferredLock()
        self._opened: tuple[sqlite3.Connection, Sealer] | None = None

    # Quota

    async def take(self, licence: str, day: str, wanted: int, most: int | None) -> tuple[int, int]:
        """Counts up to `wanted` persons, as far as `most` a day allows: how many were granted, and the sum now."""

        def work(database: sqlite3.Connection, _sealer: Sealer) -> tuple[int, int]:
            used = _used(database, licence, day)
            granted = wanted if most is None else max(0, min(wanted, most - used))
            if granted:
                _add(database, licence, day, granted)
            return granted, used + granted

        return await self._run(work)

    async def give_back(self, licence: str, day: str, persons: int) -> None:
        """What was counted and certainly never reached them."""
        await self._run(lambda database, _sealer: _add(database, licence, day, -persons))

    async def used(self, licence: str, day: str) -> int:
        """How many were asked about on that day."""
        return await self._run(lambda database, _sealer: _used(database, licence, day))

    # Answers

    async def kept(self, wanted: Mapping[int, Parts], now: float) -> dict[int, bytes]:
        """What is kept under these parts and still good, by the numbers that were given them."""

        def work(database: sqlite3.Connection, sealer: Sealer) -> dict[int, bytes]:
            indexes = {number: sealer.index(*parts) for number, parts in wanted.items()}
            found = dict(_found(database, sealer, sorted(set(indexes.values())), now))
            return {number: found[index] for number, index in indexes.items() if index in found}

        return await self._run(work)

    async def keep(self, answers: Iterable[tuple[Parts, bytes]], until: float, now: float) -> None:
        """Keeps answers, and forgets those whose time is over."""
        given = list(answers)

        def work(database: sqlite3.Connection, sealer: Sealer) -> None:
            for parts, content in given:
                index = sealer.index(*parts)
                row = (index, sealer.seal(content, index), until)
                database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)
            database.execute("DELETE FROM answers WHERE until <= ?", (now,))

        await self._run(work)

    async def close(self) -> None:
        """Closes the file; the next question opens it again."""

        def work() -> None:
            if self._opened is not None:
                self._opened[0].close()
                self._opened = None

        await self._lock.run(self._in_thread, work)

    # How

    async def _run(self, work: Callable[[sqlite3.Connection, Sealer], _T]) -> _T:
        def whole() -> _T:
            database, sealer = self._opened = self._opened or self._open()
            with database:
                database.execute("BEGIN IMMEDIATE")
                return work(database, sealer)

        done: Deferred[_T] = self._lock.run(self._in_thread, whole)
        return await done

    def _in_thread(self, work: Callable[[], _T]) -> Deferred[_T]:
        reactor = self._context.reactor
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    def _open(self) -> tuple[sqlite3.Connection, Sealer]:
        folder: Path = self._context.state_dir
        folder.mkdir(parents=True, exist_ok=True)
        key = self._settings.key
        secret = (
            key.get_secret_value().encode()
            if key is not None
            else key_of(folder / _KEY, self._context.random)
        )
        file = folder / _FILE
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        database = sqlite3.connect(file, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        # FULL: a quota that forgets after a power cut would let too many through.
        database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_LAYOUT}")
        return database, Sealer(secret, self._context.random)


def _found(
    database: sqlite3.Connection, sealer: Sealer, indexes: list[bytes], now: float
) -> Iterator[tuple[bytes, bytes]]:
    """Index and content of what opens; a row that does not was sealed with another key, and is as good as none."""
    for start in range(0, len(indexes), _AT_ONCE):
        some = indexes[start : start + _AT_ONCE]
        query = f"SELECT at, sealed FROM answers WHERE until > ? AND at IN ({','.join('?' * len(some))})"  # noqa: S608
        for index, sealed in database.execute(query, (now, *some)):
            content = sealer.open(sealed, index)
            if content is not None:
                yield index, content


def _used(database: sqlite3.Connection, licence: str, day: str) -> int:
    row = database.execute(
        "SELECT persons FROM used WHERE licence = ? AND day = ?", (licence, day)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _add(database: sqlite3.Connection, licence: str, day: str, persons: int) -> None:
    database.execute(
        "INSERT INTO used VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET persons = max(0, persons + excluded.persons)",
        (licence, day, persons),
    )

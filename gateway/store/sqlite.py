"""SQLite: the store that needs no set-up.

WAL with synchronous=FULL: a commit is one fsync of the log, and readers never wait for the writer. Sets of
rows go in one statement with many VALUES, filled up to a power of two so that few texts have to be prepared:
whenever the statement lets go of the interpreter lock, a busy reactor makes it wait to get it back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.contract import GatewayError
from gateway.store import errors
from gateway.store.api import Advance, AuditRow, DeliveryRow, MessageRow
from gateway.store.columns import advance_values, without_prepared
from gateway.store.schema import GUARD_COLUMNS
from gateway.store.session import Remember, State

#: Rows of one statement at most: of messages, 3,840 parameters.
CHUNK = 256
#: Pages of the log before it is copied into the database: 32 MiB, a few seconds at full load.
CHECKPOINT_PAGES = 8000
PAGE_SIZE = (
    4096  # small ones: a group changes the ends of many indexes, and each page changed is written whole
)

PRESENT_ROWS = " WHERE column1 IS NOT NULL"
MESSAGES = "INSERT INTO messages SELECT * FROM "
DELIVERIES = "INSERT INTO deliveries SELECT * FROM "
AUDIT = "INSERT INTO audit (id, message_id, entry) SELECT * FROM "
ACCEPTED = f"{PRESENT_ROWS} ON CONFLICT {GUARD_COLUMNS} DO NOTHING"
PREPARED = "INSERT INTO prepared SELECT * FROM "
PREPARED_AGAIN = f"{PRESENT_ROWS} ON CONFLICT (delivery_id) DO UPDATE SET sealed = excluded.sealed"
CLEAR = "DELETE FROM prepared WHERE delivery_id IN (SELECT value FROM json_each(?))"
ADVANCE = (
    "WITH v (id, state, at, attempts, resolutions, next_at, reason, owner, clear, reference, reply_id) AS ",
    """ UPDATE deliveries AS d SET state = v.state, updated = v.at, attempts = d.attempts + v.attempts,
        resolutions = coalesce(v.resolutions, d.resolutions), next_at = v.next_at, reason = v.reason,
        owner = v.owner,
        reference = coalesce(v.reference, CASE WHEN v.clear THEN NULL ELSE d.reference END),
        reply_id = coalesce(v.reply_id, d.reply_id)
        FROM v WHERE d.id = v.id""",
)
# One JSON row instead of a row each: every step of a cursor lets go of the interpreter lock.
STATES = """SELECT json_group_array(json_array(id, state, partner, ordering_key)) FROM deliveries
    WHERE id IN (SELECT value FROM json_each(?))"""
PRESENT = "SELECT json_group_array(id) FROM messages WHERE id IN (SELECT value FROM json_each(?))"
COUNT = """INSERT INTO delivery_counts
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 0, json_extract(value, '$[2]')
    FROM json_each(?) WHERE true
    ON CONFLICT (partner, state, shard) DO UPDATE SET n = n + excluded.n"""
REMEMBER = """INSERT INTO tokens VALUES (?, ?, ?)
    ON CONFLICT (scope, token) DO UPDATE SET expires = excluded.expires WHERE tokens.expires <= ?"""
SEQUENCE = "INSERT INTO audit_index SELECT ? + key, value FROM json_each(?) WHERE true ORDER BY key"

_encode = msgspec.json.encode
_states = msgspec.json.Decoder(list[tuple[str, str, str, str | None]]).decode
_ids = msgspec.json.Decoder(list[str]).decode


class SqliteSession:
    """A connection; see `gateway.store.session` for what the methods promise."""

    def __init__(self, path: str, busy_timeout: float, *, read_only: bool = False) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._mode = "ro" if read_only else "rwc"
        self._erasing = False
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(Path(self._path).absolute()))}?mode={self._mode}",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time, but `stop` closes some from another
            cached_statements=256,
        )
        for pragma in self._pragmas():
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _pragmas(self) -> Iterator[str]:
        yield "trusted_schema = OFF"
        yield "cache_size = -8192"
        yield "temp_store = MEMORY"  # statements of many rows keep a journal, for which there would be files
        if self._mode == "ro":
            yield "query_only = ON"
        else:
            yield f"page_size = {PAGE_SIZE}"
            yield "journal_mode = WAL"
            yield "synchronous = FULL"
            yield f"wal_autocheckpoint = {CHECKPOINT_PAGES}"

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        return self._connection.executemany(sql, rows).rowcount if rows else 0

    def close(self) -> None:
        self._connection.close()

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._connection.execute("COMMIT")
        self._end_erasing()

    def rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._end_erasing()
        except sqlite3.Error:
            self._reopen()

    def _reopen(self) -> None:
        """A connection that cannot even roll back is given up; closing it rolls back."""
        try:
            self._connection.close()
            self._connection = self._open()
        except sqlite3.Error:  # the next `begin` finds it closed and reports that
            return

    def ready(self) -> None:
        """The file is always there; errors show at `begin`."""

    def was_committed(self) -> bool:
        raise AssertionError("SQLite never loses a connection")

    def explain(self, error: Exception) -> Exception:
        return explain(error)

    def accept_messages(self, rows: Sequence[MessageRow]) -> set[str]:
        if self._insert(MESSAGES, 15, ACCEPTED, [msgspec.structs.astuple(row) for row in rows]) == len(rows):
            return {row.id for row in rows}
        [(found,)] = self.rows(PRESENT, (_encode([row.id for row in rows]).decode(),))
        return set(_ids(found))

    def add_messages(self, rows: Sequence[MessageRow]) -> None:
        self._insert(MESSAGES, 15, PRESENT_ROWS, [msgspec.structs.astuple(row) for row in rows])

    def add_deliveries(self, rows: Sequence[DeliveryRow]) -> None:
        self._insert(DELIVERIES, 17, PRESENT_ROWS, [without_prepared(row) for row in rows])
        self._prepare([(row.id, row.prepared) for row in rows if row.prepared])

    def add_audit(self, rows: Sequence[AuditRow]) -> None:
        self._insert(AUDIT, 3, PRESENT_ROWS, [msgspec.structs.astuple(row) for row in rows])

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        [(found,)] = self.rows(STATES, (_encode(list(ids)).decode(),))
        return {id_: State(state, partner, key) for id_, state, partner, key in _states(found)}

    def advance(self, units: Sequence[Advance]) -> None:
        self._insert(ADVANCE[0], 11, ADVANCE[1], [advance_values(unit) for unit in units])
        self._prepare([(unit.delivery_id, unit.prepared) for unit in units if unit.prepared])
        cleared = [unit.delivery_id for unit in units if unit.prepared == b""]
        if cleared:
            self.run(CLEAR, (_encode(cleared).decode(),))

    def _prepare(self, rows: list[tuple[Any, ...]]) -> None:
        self._insert(PREPARED, 2, PREPARED_AGAIN, rows)

    def count(self, changes: Mapping[tuple[str, str], int]) -> None:
        self.run(COUNT, (_encode([(*key, n) for key, n in changes.items()]).decode(),))

    def remember(self, units: Sequence[Remember]) -> set[tuple[str, str]]:
        return {
            (unit.scope, unit.token)
            for unit in units
            if self.run(REMEMBER, (unit.scope, unit.token, unit.expires, unit.now))
        }

    def sequence(self, first_index: int, numbers: Sequence[int]) -> None:
        self.run(SEQUENCE, (first_index, _encode(numbers).decode()))

    def prepare_erasing(self) -> None:
        self._erasing = True
        self._connection.execute("PRAGMA secure_delete = ON")

    def _end_erasing(self) -> None:
        """Zeroing freed pages is for erasures alone: it would double what the hot path writes."""
        if self._erasing:
            self._erasing = False
            self._connection.execute("PRAGMA secure_delete = OFF")
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _insert(self, head: str, width: int, tail: str, rows: list[tuple[Any, ...]]) -> int:
        """Runs the statement over all rows in as few steps as possible; returns the rows changed."""
        changed = 0
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            size = 1 << (len(part) - 1).bit_length()
            values = [value for row in part for value in row]
            values += [None] * (width * (size - len(part)))
            changed += self._connection.execute(_many(head, width, tail, size), values).rowcount
        return changed


@cache
def _many(head: str, width: int, tail: str, size: int) -> str:
    """The statement for `size` rows; those whose first value is NULL only fill it up."""
    row = f"({','.join('?' * width)})"
    return f"{head}(VALUES {','.join([row] * size)}){tail}"


def explain(error: Exception) -> Exception:
    """OperationalError is the state of the machine (locked, full, unreadable); all else is the unit's fault."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
        return errors.refused(error.sqlite_errorname)
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError):
        return errors.unavailable(getattr(error, "sqlite_errorname", "SQLITE_ERROR"))
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return errors.unavailable("SQLITE_CLOSED")
    return errors.refused(type(error).__name__)

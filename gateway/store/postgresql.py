"""PostgreSQL: the store for several processes.

Sets of rows travel as arrays, one statement a kind: `INSERT … SELECT * FROM unnest(…)`. Values are sent in
binary form, in which sealed payloads need no escaping.
"""

# ruff: noqa: S608 (only names of columns and types that this program defines are put into the texts)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import psycopg
from msgspec.structs import astuple

from gateway.contract import GatewayError
from gateway.store import errors
from gateway.store.api import Advance, AuditRow, DeliveryRow, MessageRow
from gateway.store.columns import DELIVERY_COLUMNS, MESSAGE_COLUMNS, advance_values, without_prepared
from gateway.store.schema import GUARD_COLUMNS
from gateway.store.session import CommitBroken, Remember, State

_TYPES: Final = {
    **dict.fromkeys(("idempotency", "body", "raw"), "bytea"),
    **dict.fromkeys(("created", "deadline", "attempts", "updated", "next_at", "resolutions"), "bigint"),
}


def _unnest(*types: str) -> str:
    return f"unnest({', '.join(f'%b::{name}[]' for name in types)})"


def _insert(table: str, columns: Sequence[str]) -> str:
    types = (_TYPES.get(column, "text") for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM {_unnest(*types)}"


MESSAGES: Final = _insert("messages", MESSAGE_COLUMNS)
ACCEPTED: Final = f"{MESSAGES} ON CONFLICT {GUARD_COLUMNS} DO NOTHING RETURNING id"
DELIVERIES: Final = _insert("deliveries", DELIVERY_COLUMNS)
PREPARED: Final = f"""INSERT INTO prepared SELECT * FROM {_unnest("text", "bytea")}
    ON CONFLICT (delivery_id) DO UPDATE SET sealed = excluded.sealed"""
CLEAR: Final = "DELETE FROM prepared WHERE delivery_id = ANY (%b)"
AUDIT: Final = f"""WITH entries AS (INSERT INTO audit (id, message_id, entry)
    SELECT * FROM {_unnest("text", "text", "bytea")} RETURNING n) INSERT INTO audit_queue SELECT n FROM entries"""
# In order of id, so that two processes cannot wait for each other.
STATES: Final = """SELECT id, state, partner, ordering_key FROM deliveries WHERE id = ANY (%b)
    ORDER BY id FOR UPDATE"""
ADVANCE: Final = f"""UPDATE deliveries AS d SET state = v.state, updated = v.at,
        attempts = d.attempts + v.attempts, resolutions = coalesce(v.resolutions, d.resolutions),
        next_at = v.next_at, reason = v.reason, owner = v.owner,
        reference = coalesce(v.reference, CASE WHEN v.clear THEN NULL ELSE d.reference END),
        reply_id = coalesce(v.reply_id, d.reply_id)
    FROM {_unnest("text", "text", *["bigint"] * 4, "text", "text", "bool", "text", "text")}
        AS v (id, state, at, attempts, resolutions, next_at, reason, owner, clear, reference, reply_id)
    WHERE d.id = v.id"""
COUNT: Final = f"""INSERT INTO delivery_counts AS c (partner, state, shard, n)
    SELECT partner, state, %b::bigint, n FROM {_unnest("text", "text", "bigint")} AS v (partner, state, n)
    ON CONFLICT (partner, state, shard) DO UPDATE SET n = c.n + excluded.n"""
REMEMBER: Final = f"""INSERT INTO tokens AS t (scope, token, expires)
    SELECT scope, token, expires FROM {_unnest("text", "text", "bigint")} AS v (scope, token, expires)
    ON CONFLICT (scope, token) DO UPDATE SET expires = excluded.expires WHERE t.expires <= %b
    RETURNING scope, token"""
SEQUENCE: Final = f"""WITH v AS (SELECT n, %b::bigint + place - 1 AS position
        FROM {_unnest("bigint")} WITH ORDINALITY AS u (n, place)),
    gone AS (DELETE FROM audit_queue WHERE n IN (SELECT n FROM v))
    INSERT INTO audit_index (position, n) SELECT position, n FROM v"""
#: One statement that opens the transaction's identity: its fate can be asked for after a broken connection.
IDENTITY: Final = "SELECT pg_current_xact_id()::text"
#: A server process may sit in our lost transaction, with its locks, until TCP gives up: it is ended by us.
END_LOST: Final = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_xid = %b::text::xid8::xid AND pid <> pg_backend_pid()"""
FATE: Final = "SELECT pg_xact_status(%b::text::xid8)"


class PostgresqlSession:
    """A connection; see `gateway.store.session` for what the methods promise. Connects again when it is lost."""

    def __init__(self, url: str, busy_timeout: float, *, read_only: bool = False) -> None:
        self._url = url
        self._busy_timeout = busy_timeout
        self._read_only = read_only
        self._transaction = ""
        self._shard = 0
        self._connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        milliseconds = int(self._busy_timeout * 1000)
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            prepare_threshold=2,
            connect_timeout=max(2, int(self._busy_timeout)),
            application_name="tongqu",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=max(10_000, milliseconds),
        )
        connection.execute(f"SET lock_timeout = {milliseconds}")
        connection.execute("SET client_encoding = 'UTF8'")
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
        # Two processes with the same shard are slower, not wrong.
        self._shard = connection.info.backend_pid % 64
        return connection

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._execute(_placeholders(sql), values).fetchall()

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        return self._execute(_placeholders(sql), values).rowcount

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        if not rows:
            return 0
        with self._connection.cursor() as cursor:
            cursor.executemany(_placeholders(sql), rows)
            return cursor.rowcount

    def _execute(self, sql: str, values: Sequence[object]) -> psycopg.Cursor[Any]:
        return self._connection.execute(sql, values or None, binary=True)

    def close(self) -> None:
        self._connection.close()

    def ready(self) -> None:
        if self._connection.closed or self._connection.broken:
            self._connection.close()
            self._connection = self._connect()

    def begin(self) -> None:
        try:
            self._connection.execute("BEGIN", prepare=False)
        except psycopg.OperationalError:  # lost while idle: nothing is at stake yet
            self._connection.close()
            self.ready()
            self._connection.execute("BEGIN", prepare=False)
        [(self._transaction,)] = self._execute(IDENTITY, ()).fetchall()

    def commit(self) -> None:
        try:
            self._connection.execute("COMMIT", prepare=False)
        except psycopg.OperationalError as error:
            if self._connection.broken or self._connection.closed:
                raise CommitBroken from error
            raise

    def was_committed(self) -> bool:
        """The server knows the fate of every recent transaction, also after it crashed and recovered."""
        [(fate,)] = self._execute(FATE, (self._transaction,)).fetchall()
        if fate == "in progress":
            self._execute(END_LOST, (self._transaction,))
            raise errors.unavailable("in progress")
        return bool(fate == "committed")

    def rollback(self) -> None:
        try:
            self._connection.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            self._connection.close()  # `ready` opens another

    def explain(self, error: Exception) -> Exception:
        return explain(error)

    def accept_messages(self, rows: Sequence[MessageRow]) -> set[str]:
        # In the order of the guard's index, so that two processes cannot wait for each other; the first of two
        # with the same key stays the first.
        ordered = sorted(rows, key=lambda row: (row.partner_message_id or "", row.partner))
        return {id_ for (id_,) in self._set(ACCEPTED, [astuple(row) for row in ordered]).fetchall()}

    def add_messages(self, rows: Sequence[MessageRow]) -> None:
        self._set(MESSAGES, [astuple(row) for row in rows])

    def add_deliveries(self, rows: Sequence[DeliveryRow]) -> None:
        self._set(DELIVERIES, [without_prepared(row) for row in rows])
        self._prepare([(row.id, row.prepared) for row in rows if row.prepared])

    def add_audit(self, rows: Sequence[AuditRow]) -> None:
        self._set(AUDIT, [astuple(row) for row in rows])

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        found = self._execute(STATES, (list(ids),)).fetchall()
        return {id_: State(state, partner, key) for id_, state, partner, key in found}

    def advance(self, units: Sequence[Advance]) -> None:
        self._set(ADVANCE, [advance_values(unit) for unit in units])
        self._prepare([(unit.delivery_id, unit.prepared) for unit in units if unit.prepared])
        cleared = [unit.delivery_id for unit in units if unit.prepared == b""]
        if cleared:
            self._execute(CLEAR, (cleared,))

    def _prepare(self, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self._set(PREPARED, rows)

    def count(self, changes: Mapping[tuple[str, str], int]) -> None:
        columns = zip(*((partner, state, n) for (partner, state), n in sorted(changes.items())), strict=True)
        self._execute(COUNT, (self._shard, *map(list, columns)))

    def remember(self, units: Sequence[Remember]) -> set[tuple[str, str]]:
        ordered = sorted(units, key=lambda unit: (unit.scope, unit.token))
        now = min(unit.now for unit in units)  # within one group they differ by milliseconds
        columns = zip(*((unit.scope, unit.token, unit.expires) for unit in ordered), strict=True)
        return set(self._execute(REMEMBER, (*map(list, columns), now)).fetchall())

    def sequence(self, first_index: int, numbers: Sequence[int]) -> None:
        self._execute(SEQUENCE, (first_index, list(numbers)))

    def prepare_erasing(self) -> None:
        """Old row versions go with the next vacuum; nothing can be asked for here."""

    def _set(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> psycopg.Cursor[Any]:
        return self._execute(sql, [list(column) for column in zip(*rows, strict=True)])


@cache
def _placeholders(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%b")


def explain(error: Exception) -> Exception:
    """Class 22 and 23 (data, integrity) is the unit's fault; what else the server says may pass.

    Texts of the server are left out: their DETAIL shows values.
    """
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, psycopg.errors.DatabaseError):
        name = error.diag.constraint_name or error.sqlstate or type(error).__name__
        if isinstance(error, psycopg.errors.IntegrityError | psycopg.errors.DataError):
            return errors.refused(name)
        return errors.unavailable(name)
    if isinstance(error, psycopg.Error):
        return errors.unavailable(type(error).__name__)
    return errors.refused(type(error).__name__)

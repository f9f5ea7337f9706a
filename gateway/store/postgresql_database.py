"""A PostgreSQL database that several gateway processes share."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from gateway.contract import ConfigError
from gateway.store.migrations import migrate, require_current
from gateway.store.postgresql import PostgresqlSession, explain
from gateway.store.schema import MIGRATIONS, POSTGRESQL_TYPES, Migration
from gateway.store.session import Session, WriteSession
from gateway.store.settings import StoreSettings

#: Number of the advisory lock that lets one process at a time migrate ("tongqu" in ASCII).
MIGRATION_LOCK = 0x746F6E677175


class PostgresqlDatabase:
    """Not exclusive: single-owner duties need a lease."""

    exclusive = False
    # `n` is drawn before the commit, so that rows become visible out of order: what is unsequenced stands in
    # the queue until it is sequenced, and a late commit is only late.
    unsequenced = """SELECT coalesce(json_agg(json_build_array(n, id, encode(entry, 'hex')) ORDER BY n)::text, '[]')
        FROM (SELECT a.n, a.id, a.entry FROM audit_queue q JOIN audit a ON a.n = q.n ORDER BY q.n LIMIT ?) AS waiting"""
    backlog = "SELECT count(*) FROM audit_queue"

    def __init__(self, settings: StoreSettings, steps: Sequence[Migration] = MIGRATIONS) -> None:
        self._url = settings.url.get_secret_value()
        self._busy_timeout = settings.busy_timeout
        self._steps = steps

    def explain(self, error: Exception) -> Exception:
        return explain(error)

    def open_writer(self) -> WriteSession:
        session = self._connected()
        try:
            session.begin()
            session.rows("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))
            migrate(session, "postgresql", POSTGRESQL_TYPES, self._steps)
            session.commit()
        except BaseException:
            session.close()
            raise
        return session

    def _connected(self, *, read_only: bool = False) -> PostgresqlSession:
        try:
            return PostgresqlSession(self._url, self._busy_timeout, read_only=read_only)
        except psycopg.OperationalError as error:
            raise _unreachable(error) from None

    def open_reader(self) -> Session:
        return PostgresqlSession(self._url, self._busy_timeout, read_only=True)

    def open_guest(self) -> Session:
        return self._guest(read_only=True)

    def open_guest_writer(self) -> WriteSession:
        return self._guest(read_only=False)

    def _guest(self, *, read_only: bool) -> PostgresqlSession:
        session = self._connected(read_only=read_only)
        try:
            require_current(session, self._steps)
        except psycopg.errors.UndefinedTable:
            session.close()
            raise ConfigError(
                "数据库中没有网关的数据表：请先启动一次网关",
                "the database has no tables of the gateway: start the gateway once",
                path="store.url",
            ) from None
        except BaseException:
            session.close()
            raise
        return session

    def release(self) -> None:
        """There is no lock."""


def _unreachable(error: psycopg.OperationalError) -> ConfigError:
    """The driver's own text helps here (host, port, user, reason); it does not contain the password."""
    cause = str(error).strip().splitlines()[-1] if str(error) else type(error).__name__
    return ConfigError(
        f"无法连接 PostgreSQL：{cause}", f"PostgreSQL cannot be reached: {cause}", path="store.url"
    )

"""What a back end brings: how to open it, to write and to read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.contract import ConfigError
from gateway.store.filelock import FileLock
from gateway.store.migrations import migrate, require_current
from gateway.store.schema import MIGRATIONS, SQLITE_TYPES, Migration
from gateway.store.session import Session, WriteSession
from gateway.store.settings import StoreSettings
from gateway.store.sqlite import SqliteSession, explain


class Database(Protocol):
    """One kind of database at one address. The openings are called in the thread that will use the session."""

    exclusive: bool
    unsequenced: str  #: SQL: one JSON array of [n, id, hex of entry]: committed, without a position, in order
    backlog: str  #: SQL: how many those are

    def explain(self, error: Exception) -> Exception:
        """The error as the store's callers know it, free of values."""
        ...

    def open_writer(self) -> WriteSession:
        """Takes the lock where there is one, and migrates."""
        ...

    def open_reader(self) -> Session: ...

    def open_guest(self) -> Session:
        """For the command line: refuses a database that would have to be migrated."""
        ...

    def open_guest_writer(self) -> WriteSession:
        """The same for writing; takes no lock, so that it works beside whoever has it."""
        ...

    def release(self) -> None: ...


class SqliteDatabase:
    """A file, owned by one gateway process at a time."""

    exclusive = True
    # Writers take turns: rows become visible in the order of `n`, and are sequenced in that order.
    # One JSON row instead of a row each: every step of a cursor lets go of the interpreter lock.
    unsequenced = """SELECT json_group_array(json_array(n, id, hex(entry))) FROM (SELECT n, id, entry FROM audit
        WHERE n > coalesce((SELECT n FROM audit_index ORDER BY position DESC LIMIT 1), 0) ORDER BY n LIMIT ?)"""
    # Rows are never deleted and `n` has no gaps, so that nothing has to be counted.
    backlog = """SELECT coalesce((SELECT max(n) FROM audit), 0)
        - coalesce((SELECT n FROM audit_index ORDER BY position DESC LIMIT 1), 0)"""

    def __init__(
        self,
        settings: StoreSettings,
        steps: Sequence[Migration] = MIGRATIONS,
        holder: int | None = None,
    ) -> None:
        assert settings.sqlite_path is not None
        self._path = Path(settings.sqlite_path)
        self._busy_timeout = settings.busy_timeout
        self._steps = steps
        self._lock = FileLock(self._path.with_name(self._path.name + ".lock"), holder)

    def open_writer(self) -> WriteSession:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            # Others must not read it; the log beside it takes over these permissions.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            return self._migrated()
        except OSError as error:
            self._lock.release()
            raise self._unusable(type(error).__name__) from None
        except BaseException:
            self._lock.release()
            raise

    def explain(self, error: Exception) -> Exception:
        return explain(error)

    def _migrated(self) -> SqliteSession:
        session = SqliteSession(str(self._path), self._busy_timeout)
        try:
            session.run("PRAGMA temp_store = FILE")  # a new index of a large table is sorted here
            session.begin()
            migrate(session, "sqlite", SQLITE_TYPES, self._steps)
            session.commit()
            session.run("PRAGMA temp_store = MEMORY")
        except BaseException:
            session.close()
            raise
        return session

    def open_reader(self) -> Session:
        return SqliteSession(str(self._path), self._busy_timeout, read_only=True)

    def open_guest(self) -> Session:
        return self._guest(read_only=True)

    def open_guest_writer(self) -> WriteSession:
        self.open_guest().close()  # a file of another version is refused before anything in it is touched
        return self._guest(read_only=False)

    def _guest(self, *, read_only: bool) -> SqliteSession:
        if not self._path.exists():
            raise ConfigError(
                f"没有数据库文件 {self._path}：请先启动一次网关，或核对路径",
                f"the database file {self._path} is missing: start the gateway once, or check the path",
                path="store.url",
            )
        session = SqliteSession(str(self._path), self._busy_timeout, read_only=read_only)
        try:
            require_current(session, self._steps)
        except BaseException:
            session.close()
            raise
        return session

    def release(self) -> None:
        self._lock.release()

    def _unusable(self, cause: str) -> ConfigError:
        return ConfigError(
            f"无法使用数据库文件 {self._path}（{cause}）：请检查路径与权限",
            f"the database file {self._path} cannot be used ({cause}): check the path and its permissions",
            path="store.url",
        )


def database_for(settings: StoreSettings, holder: int | None = None) -> Database:
    """The back end that the URL asks for; `holder` is the process that others are told has it."""
    if settings.sqlite_path is not None:
        return SqliteDatabase(settings, holder=holder)
    # PostgreSQL's driver is an optional part of the installation.
    from gateway.store.postgresql_database import PostgresqlDatabase  # noqa: PLC0415

    return PostgresqlDatabase(settings)

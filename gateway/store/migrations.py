"""Brings a database to the program's version, at every start.

A runner of our own in fifty lines instead of Alembic. What Alembic adds, generating scripts by comparing models, needs
SQLAlchemy models that the store does not have, and its environment folder and ini file would be two more things
to ship to and operate in a closed network. Here the steps are plain SQL inside the program: an operator can
neither forget them nor run others; each runs in one transaction with its version mark, on both databases.

Two processes starting at once are safe: the transaction begins with a lock (`BEGIN IMMEDIATE` or an advisory
lock), and the version is read after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.contract import ConfigError
from gateway.store.schema import MIGRATIONS, Migration
from gateway.store.session import Session, WriteSession

VERSION_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (number integer NOT NULL, name text NOT NULL)"


def migrate(
    session: WriteSession,
    dialect: str,
    types: Mapping[str, str],
    steps: Sequence[Migration] = MIGRATIONS,
) -> None:
    """Applies what is missing. The caller has begun the transaction and holds the lock.

    Raises:
        ConfigError: the database belongs to a newer program.
    """
    session.run(VERSION_TABLE)
    present = version(session)
    refuse_newer(present, steps)
    for step in steps:
        if step.number > present:
            for sql in (*step.common, *getattr(step, dialect)):
                session.run(sql.format_map(types))
            session.run("INSERT INTO schema_version VALUES (?, ?)", (step.number, step.name))


def version(session: Session) -> int:
    """Number of the last step applied; 0 for an empty database."""
    return int(session.rows("SELECT coalesce(max(number), 0) FROM schema_version")[0][0])


def refuse_newer(present: int, steps: Sequence[Migration] = MIGRATIONS) -> None:
    known = steps[-1].number
    if present > known:
        raise ConfigError(
            f"数据库版本为 {present}，本程序只支持到 {known}：升级后须重启本程序；仍如此则升级程序，或恢复升级前的数据库备份",
            f"the database has version {present}, this program knows up to {known}: "
            "start it again after an upgrade; else upgrade the program, or restore the backup made before the database was upgraded",
            path="store.url",
        )


def require_current(session: Session, steps: Sequence[Migration] = MIGRATIONS) -> None:
    """For openings that only read and therefore cannot migrate."""
    present = version(session)
    refuse_newer(present, steps)
    if present < steps[-1].number:
        raise ConfigError(
            f"数据库版本 {present} 低于程序版本 {steps[-1].number}：请先启动一次网关完成升级",
            f"the database has version {present}, older than the program's {steps[-1].number}: "
            "start the gateway once to upgrade it",
            path="store.url",
        )

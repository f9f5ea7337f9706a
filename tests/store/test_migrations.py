"""From nothing, from an older version, two at once, and from a version we do not know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.contract import ConfigError
from gateway.store import StoreSettings, open_reader
from gateway.store.database import Database, SqliteDatabase
from gateway.store.intake import begin_intake, end_intake, go_on
from gateway.store.migrations import version
from gateway.store.postgresql_database import PostgresqlDatabase
from gateway.store.schema import MIGRATIONS, Migration

LATEST = MIGRATIONS[-1].number
NEXT = Migration(
    LATEST + 1,
    "a later step",
    common=("ALTER TABLE serials ADD COLUMN note text", "UPDATE serials SET note = 'old'"),
    sqlite=("CREATE TABLE only_sqlite (n {bigint})",),
    postgresql=("CREATE TABLE only_postgresql (n {bigint})",),
)


def database(settings: StoreSettings, *more: Migration) -> Database:
    kind = SqliteDatabase if settings.sqlite_path is not None else PostgresqlDatabase
    return kind(settings, (*MIGRATIONS, *more))


def migrated(settings: StoreSettings, *more: Migration) -> int:
    base = database(settings, *more)
    session = base.open_writer()
    try:
        return version(session)
    finally:
        session.close()
        base.release()


def test_numbers_rise_one_by_one() -> None:
    assert [step.number for step in MIGRATIONS] == list(range(1, LATEST + 1))


def test_an_empty_database(settings: StoreSettings) -> None:
    assert migrated(settings) == LATEST
    assert migrated(settings) == LATEST


def test_an_older_database_keeps_its_rows(settings: StoreSettings) -> None:
    base = database(settings)
    session = base.open_writer()
    session.run("INSERT INTO serials VALUES (?, ?)", ("s", 7))
    session.close()
    base.release()
    assert migrated(settings, NEXT) == LATEST + 1
    reader = database(settings, NEXT).open_guest()
    assert reader.rows("SELECT series, last, note FROM serials") == [("s", 7, "old")]
    reader.close()


def test_a_newer_database_is_refused(settings: StoreSettings) -> None:
    migrated(settings, NEXT)
    with pytest.raises(ConfigError, match="upgrade the program") as caught:
        migrated(settings)
    assert "升级程序" in caught.value.zh
    with pytest.raises(ConfigError, match="upgrade the program"):
        open_reader(settings)


def test_reading_does_not_migrate(settings: StoreSettings) -> None:
    migrated(settings)
    with pytest.raises(ConfigError, match="start the gateway once"):
        database(settings, NEXT).open_guest()


def test_a_step_that_fails_leaves_nothing(settings: StoreSettings) -> None:
    migrated(settings)
    bad = NEXT._replace(common=(*NEXT.common, "INSERT INTO no_such_table VALUES (1)"))
    with pytest.raises(Exception, match="no_such_table"):
        migrated(settings, bad)
    assert migrated(settings, NEXT) == LATEST + 1


@pytest.mark.postgresql
def test_several_processes_starting_at_once(postgresql_settings: StoreSettings) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: migrated(postgresql_settings, NEXT), range(4)))
    assert versions == [LATEST + 1] * 4


def test_the_book_of_levies_comes_to_a_full_database(settings: StoreSettings) -> None:
    """Version 4 had a table of its own for what the book of payments takes in."""
    before = [step for step in MIGRATIONS if step.number <= 4]
    kind = SqliteDatabase if settings.sqlite_path is not None else PostgresqlDatabase
    base: Database = kind(settings, before)
    session = base.open_writer()
    assert version(session) == 4
    session.run("INSERT INTO payment_intake (message_id, position, done) VALUES (?, ?, ?)", ("m", 7, 0))
    session.close()
    base.release()
    base = database(settings)
    session = base.open_writer()
    assert begin_intake(session, "m") == (7, False)
    go_on(session, "m", 7, 9)
    end_intake(session, "m")
    assert begin_intake(session, "m") == (9, True)
    session.close()
    base.release()

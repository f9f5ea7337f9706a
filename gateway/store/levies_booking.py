"""Booking what the network says of debits, each word once; all of it runs as `Work` in the writer's transaction.

`gateway.levies` decides by what it has read; here the states it saw are the guard. Where one of them has moved nothing
of the chunk is booked, and it is decided anew.
"""

# ruff: noqa: S608 (only marks, and conditions that this program defines, are put into the texts)

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import astuple

from gateway.store.api import AuditRow
from gateway.store.changes import reserve
from gateway.store.errors import Moved
from gateway.store.intake import end_intake, go_on
from gateway.store.levies import OPEN_SQL, Book, Change, DifferenceRow, EarlyRow
from gateway.store.session import Session, WriteSession

_SUCCESS: Final = "success"
#: Why a debit is refused whose package was.
PACKAGE: Final = "package"
_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
CHANGE: Final = """UPDATE levy_debits SET state = ?, debited_on = coalesce(?, debited_on), code = ?,
    receipt = coalesce(?, receipt), updated = ? WHERE id = ? AND state = ?"""
WORD: Final = """INSERT INTO levy_history (debit_id, at, message_id, word, state, code, text)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


#: The numbers of both are the database's.
DIFFERENCE: Final = _insert("levy_differences", DifferenceRow.__struct_fields__[1:])
_EARLY: Final = _insert("levy_early", EarlyRow.__struct_fields__[1:])


def book(session: Session, unit: Book) -> None:
    """A chunk of words."""
    if unit.waited:
        marks = ",".join("?" * len(unit.waited))
        if session.run(f"DELETE FROM levy_early WHERE n IN ({marks})", unit.waited) != len(unit.waited):
            raise Moved
    else:
        go_on(session, unit.message_id, unit.position, unit.after)
    change(session, unit.collector, unit.receipts, [Change._make(values) for values in unit.changes])
    session.many(WORD, unit.words)
    session.many(DIFFERENCE, [astuple(row)[1:] for row in unit.differences])
    session.many(_EARLY, [astuple(row)[1:] for row in unit.early])
    if unit.last:
        end_intake(session, unit.message_id)


def change(session: Session, collector: str, receipts: str, changes: Sequence[Change]) -> None:
    """Steps of debits. What succeeds gets its receipt number: per collector and year, without a gap, since a number that
    is drawn in a transaction that fails was never drawn.

    Raises:
        Moved: one of them is not any more in the state that was seen.
    """
    given = _receipts(session, collector, receipts, changes)
    rows = [
        (step.after, step.debited_on, step.code, receipt, step.updated, step.id, step.before)
        for step, receipt in zip(changes, given, strict=True)
    ]
    if session.many(CHANGE, rows) != len(rows):
        raise Moved
    touch(session, [step.id for step in changes])


def _receipts(
    session: Session, collector: str, begin: str, changes: Sequence[Change]
) -> Iterable[str | None]:
    years = [_year(step) if step.after == _SUCCESS else None for step in changes]
    following = {
        year: reserve(session, f"levy-receipt/{collector}/{year}", years.count(year))
        for year in sorted({year for year in years if year is not None})
    }
    given: list[str | None] = []
    for year in years:
        if year is None:
            given.append(None)
        else:
            given.append(f"{begin}{year}{following[year]:08}")
            following[year] += 1
    return given


def _year(step: Change) -> str:
    """Of the day money was taken; where the network does not say it, of today in China."""
    day = step.debited_on or dt.datetime.fromtimestamp(step.updated / 1000, _CHINA).date().isoformat()
    return day[:4]


def touch(session: Session, ids: Sequence[str]) -> None:
    """The files of these debits are to be looked at, and their packages have the state that their debits give them."""
    for start in range(0, len(ids), 10_000):
        some = ids[start : start + 10_000]
        marks = ",".join("?" * len(some))
        session.run(
            f"""UPDATE levy_files SET touched = touched + 1 WHERE message_id IN
                (SELECT file FROM levy_debits WHERE id IN ({marks})
                UNION SELECT file FROM levy_repeats WHERE debit_id IN ({marks}))""",
            (*some, *some),
        )
        for collector, day, package in session.rows(
            f"""SELECT DISTINCT collector, entrusted_on, package FROM levy_debits
                WHERE package IS NOT NULL AND id IN ({marks})""",
            some,
        ):
            refresh(session, collector, day, package)


def refresh(session: Session, collector: str, entrusted_on: str, batch_no: str) -> None:
    """A package is closed when nothing of it is open; otherwise the network has it."""
    session.run(
        f"""UPDATE levy_packages SET state = CASE WHEN EXISTS (SELECT 1 FROM levy_debits
                WHERE package = levy_packages.batch_no AND entrusted_on = levy_packages.entrusted_on
                AND collector = levy_packages.collector AND state IN ({OPEN_SQL})) THEN 'sent' ELSE 'closed' END
            WHERE collector = ? AND entrusted_on = ? AND batch_no = ? AND state <> 'failed'""",
        (collector, entrusted_on, batch_no),
    )


def answered(
    session: Session, collector: str, entrusted_on: str, batch_no: str, results: bool, message_id: str
) -> None:
    """A return of a package is in, with results or without; what it leaves out is open until a later one, or the check of
    the day."""
    _sent(session, collector, entrusted_on, batch_no)
    if results:
        session.run(
            "UPDATE levy_packages SET answered = 1 WHERE collector = ? AND entrusted_on = ? AND batch_no = ?",
            (collector, entrusted_on, batch_no),
        )
    refresh(session, collector, entrusted_on, batch_no)
    end_intake(session, message_id)


def _sent(session: Session, collector: str, entrusted_on: str, batch_no: str) -> None:
    session.run(
        """UPDATE levy_debits SET state = 'sent'
            WHERE package = ? AND entrusted_on = ? AND collector = ? AND state = 'asked'""",
        (batch_no, entrusted_on, collector),
    )


def package_sent(
    session: WriteSession, collector: str, entrusted_on: str, batch_no: str, audit: Sequence[AuditRow]
) -> None:
    """The network has the package."""
    _sent(session, collector, entrusted_on, batch_no)
    refresh(session, collector, entrusted_on, batch_no)
    session.add_audit(audit)


def package_failed(
    session: WriteSession,
    collector: str,
    entrusted_on: str,
    batch_no: str,
    at: int,
    audit: Sequence[AuditRow],
) -> None:
    """The package was refused as a whole, or never left: nothing of it took effect.

    Raises:
        Moved: the network has spoken about a debit of it.
    """
    key = (batch_no, entrusted_on, collector)
    mine = "package = ? AND entrusted_on = ? AND collector = ?"
    if session.rows(
        f"SELECT 1 FROM levy_debits WHERE {mine} AND state NOT IN ('asked', 'sent') LIMIT 1", key
    ):
        raise Moved
    session.run(
        f"UPDATE levy_debits SET state = 'refused', code = ?, updated = ? WHERE {mine}", (PACKAGE, at, *key)
    )
    session.run(
        """UPDATE levy_packages SET state = 'failed', updated = ?
            WHERE batch_no = ? AND entrusted_on = ? AND collector = ?""",
        (at, *key),
    )
    session.run(
        f"""UPDATE levy_files SET touched = touched + 1 WHERE message_id IN
            (SELECT file FROM levy_debits WHERE {mine} UNION SELECT r.file FROM levy_repeats r
                JOIN levy_debits d ON d.id = r.debit_id WHERE {mine})""",
        (*key, *key),
    )
    session.add_audit(audit)


def single_ended(
    session: WriteSession, debit_id: str, after: str, at: int, audit: Sequence[AuditRow]
) -> None:
    """The delivery of a real-time debit has ended, of which no word had come. Nothing where one has since."""
    if session.run(
        "UPDATE levy_debits SET state = ?, updated = ? WHERE id = ? AND state = 'asked'",
        (after, at, debit_id),
    ):
        session.add_audit(audit)


def told(session: Session, numbers: Sequence[int], rows: Sequence[DifferenceRow]) -> None:
    """People are told of early words whose debits have not come."""
    marks = ",".join("?" * len(numbers))
    session.run(f"UPDATE levy_early SET told = 1 WHERE n IN ({marks})", numbers)
    session.many(DIFFERENCE, [astuple(row)[1:] for row in rows])

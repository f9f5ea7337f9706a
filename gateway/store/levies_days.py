"""A day's debits as the network booked them, against ours: its parts are collected in any order, and compared set by set
in one transaction when they are complete.

What was in doubt is settled by it. Listed: it took effect. Not listed: it had none; but not before its own day was
checked, and for a debit of a package of which nothing was said not before later days were, too: a bank may work it off
then. What stands there in a state that does not say that money moved is not "not listed": a later check settles it.
"""

# ruff: noqa: S608 (only expressions that this program defines are put into the texts)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import astuple

from gateway.store import levies_booking as booking
from gateway.store.api import AuditRow
from gateway.store.intake import end_intake, go_on
from gateway.store.levies import OPEN_SQL, Change, Compared, DifferenceRow, EndPart, Line, PartRow, Word
from gateway.store.session import Session, WriteSession

LISTED, NOT_LISTED = "listed", "not-listed"
_LINE: Final = """INSERT INTO levy_check_lines (message_id, n, voucher_no, amount, state, booked, debited_on)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_PART: Final = (
    f"INSERT INTO levy_check_parts ({', '.join(PartRow.__struct_fields__)})"
    f" VALUES ({', '.join('?' * len(PartRow.__struct_fields__))})"
)
_INTO: Final = """INSERT INTO levy_differences
    (kind, collector, debit_id, batch_no, reference, ours, theirs, day, message_id, created)"""
#: The lines of one set of parts.
_SET: Final = """l.message_id IN (SELECT message_id FROM levy_check_parts
    WHERE collector = ? AND day = ? AND batch_no = ?)"""
#: The same, beside another line.
_SET_O: Final = _SET.replace("l.", "o.", 1)
_IS_LISTED: Final = (
    f"EXISTS (SELECT 1 FROM levy_check_lines o WHERE o.debit_id = d.id AND o.booked = 1 AND {_SET_O})"
)
_STANDS: Final = f"EXISTS (SELECT 1 FROM levy_check_lines l WHERE l.debit_id = d.id AND {_SET})"
_OF_PACKAGE: Final = (
    """p.batch_no = d.package AND p.entrusted_on = d.entrusted_on AND p.collector = d.collector"""
)
_TO_COME: Final = "w.state IN ('held', 'pending', 'sending', 'waiting')"
#: The debit cannot be with the network yet.
_NOT_YET: Final = f"""(d.way = 'batch' AND d.package IS NULL)
    OR (d.way = 'single' AND EXISTS (SELECT 1 FROM deliveries w
        WHERE w.message_id = d.file AND w.partner = ? AND {_TO_COME}))
    OR EXISTS (SELECT 1 FROM levy_packages p JOIN deliveries w ON w.id = p.delivery_id
        WHERE {_OF_PACKAGE} AND {_TO_COME})"""
_CHECKED: Final = "y.collector = d.collector AND y.batch_no IS NOT NULL"
#: Its own day was checked; and what the network has not spoken about of a package, which may be answered in parts, may
#: have been worked off later.
_CONCLUSIVE: Final = f"""EXISTS (SELECT 1 FROM levy_days y WHERE {_CHECKED} AND y.day = d.day)
    AND (d.way = 'single' OR d.state = 'doubtful'
        OR (SELECT count(*) FROM levy_days y WHERE {_CHECKED} AND y.day > d.day) >= ?)"""

#: kind, theirs, when a line and its debit differ so.
_DIFFER: Final = (
    ("amount", "cast(l.amount AS text)", "l.booked = 1 AND d.amount <> l.amount"),
    ("state", "l.state", "l.booked = 1 AND d.state IN ('refused', 'reversed', 'no-effect')"),
    ("state", "l.state", f"l.booked = 0 AND d.state = 'success' AND NOT {_IS_LISTED}"),
    ("twice", "cast(l.amount AS text)", "l.booked = 1 AND d.listed_on <> ?"),
    (
        "twice",
        "cast(l.amount AS text)",
        f"""l.booked = 1 AND EXISTS (SELECT 1 FROM levy_check_lines o WHERE o.debit_id = l.debit_id
            AND o.booked = 1 AND (o.message_id, o.n) < (l.message_id, l.n)
            AND {_SET_O})""",
    ),
)


def take_lines(session: Session, message_id: str, position: int, after: int, lines: Sequence[Line]) -> None:
    """A chunk of the network's side of a day."""
    go_on(session, message_id, position, after)
    session.many(_LINE, lines)


def sums(session: Session, message_id: str) -> tuple[int, int]:
    """(rows, fen) of a part, as they were taken in."""
    asked = "SELECT count(*), coalesce(sum(amount), 0) FROM levy_check_lines WHERE message_id = ?"
    [(count, total)] = session.rows(asked, (message_id,))
    return int(count), int(total)


def end_part(session: WriteSession, unit: EndPart) -> Compared:
    """A part is in. With the last one of its set, the day is compared, and what an earlier set left is closed."""
    part = unit.part
    go_on(session, part.message_id, unit.position, unit.position + 1)
    end_intake(session, part.message_id)
    word = _place(session, part)
    if word != "new":
        session.run("DELETE FROM levy_check_lines WHERE message_id = ?", (part.message_id,))
        if word == "contradiction":
            _differ(session, part, "parts", str(part.part_no), None)
        return Compared(word)
    session.run(_PART, astuple(part))
    open_day(session, part.collector, part.day, unit.at)
    key = (part.collector, part.day, part.batch_no)
    [(number, count, total)] = session.rows(
        """SELECT count(*), sum(count), sum(sum) FROM levy_check_parts
            WHERE collector = ? AND day = ? AND batch_no = ?""",
        key,
    )
    if number < part.part_count:
        return Compared("waiting")
    if (int(count), int(total)) != (part.total_count, part.total):
        _differ(session, part, "totals", str(part.total), str(int(total)))
        _forget(session, key)
        # Nor do its parts count any more: the network may send the set once more under the same number, corrected.
        session.run("DELETE FROM levy_check_parts WHERE collector = ? AND day = ? AND batch_no = ?", key)
        return Compared("contradiction")
    return _compare(session, unit, key)


def open_day(session: Session, collector: str, day: str, at: int) -> None:
    """The day waits for its check, unless it has been compared."""
    session.run(
        """INSERT INTO levy_days (collector, day, count, total, differences, settled, late, updated)
            VALUES (?, ?, 0, 0, 0, 0, 0, ?) ON CONFLICT DO NOTHING""",
        (collector, day, at),
    )


def _place(session: Session, part: PartRow) -> str:
    """`new`, `double`, or `contradiction` with the parts that are in already."""
    says = (part.part_count, part.total_count, part.total)
    found = session.rows(
        """SELECT part_no, part_count, total_count, total, count, sum FROM levy_check_parts
            WHERE collector = ? AND day = ? AND batch_no = ?""",
        (part.collector, part.day, part.batch_no),
    )
    for part_no, part_count, total_count, total, count, amount in found:
        alike = (part_count, total_count, total) == says
        if part_no == part.part_no:
            return "double" if alike and (count, amount) == (part.count, part.sum) else "contradiction"
        if not alike:
            return "contradiction"
    return "new" if 1 <= part.part_no <= part.part_count else "contradiction"


def _differ(session: Session, part: PartRow, kind: str, ours: str | None, theirs: str | None) -> None:
    row = DifferenceRow(
        kind=kind,
        collector=part.collector,
        batch_no=part.batch_no,
        day=part.day,
        message_id=part.message_id,
        ours=ours,
        theirs=theirs,
        created=part.created,
    )
    session.run(booking.DIFFERENCE, astuple(row)[1:])


def _forget(session: Session, key: tuple[str, str, str]) -> None:
    """The lines of a set are not needed any more; its parts stay, for those that come twice."""
    session.run(
        """DELETE FROM levy_check_lines WHERE message_id IN (SELECT message_id FROM levy_check_parts
            WHERE collector = ? AND day = ? AND batch_no = ?)""",
        key,
    )


def _compare(session: WriteSession, unit: EndPart, key: tuple[str, str, str]) -> Compared:
    part = unit.part
    session.run(
        f"""UPDATE levy_check_lines AS l SET debit_id = (SELECT d.id FROM levy_debits d
            WHERE d.voucher_no = l.voucher_no AND d.collector = ? AND d.state <> 'arriving') WHERE {_SET}""",
        (part.collector, *key),
    )
    session.run(
        """UPDATE levy_differences SET closed_at = ?, closed_by = ?, reason = 'superseded'
            WHERE collector = ? AND day = ? AND closed_at IS NULL""",
        (unit.at, f"message:{part.message_id}", part.collector, part.day),
    )
    session.run(
        """UPDATE levy_days SET batch_no = ?, count = ?, total = ?, late = 0, updated = ?
            WHERE collector = ? AND day = ?""",
        (part.batch_no, part.total_count, part.total, unit.at, part.collector, part.day),
    )
    session.run(
        "UPDATE levy_debits SET listed_on = NULL WHERE collector = ? AND listed_on = ?",
        (part.collector, part.day),
    )
    settled = _settle(session, unit, LISTED, _listed(session, part, key))
    _mark(session, unit, key)
    settled += _settle(session, unit, NOT_LISTED, _not_listed(session, unit, key))
    differences = sum(_differences(session, unit, key))
    session.run(
        "UPDATE levy_days SET differences = ?, settled = ? WHERE collector = ? AND day = ?",
        (differences, settled, part.collector, part.day),
    )
    _forget(session, key)
    return Compared("compared", differences, settled)


#: (debit, its state, day money was taken, the network's word)
_Found = list[tuple[str, str, str | None, str | None]]


def _listed(session: Session, part: PartRow, key: tuple[str, str, str]) -> _Found:
    """Open debits that the network has booked, with the same amount."""
    return [
        (id_, state, day or part.day, said)
        for id_, state, day, said in session.rows(
            f"""SELECT d.id, d.state, min(l.debited_on), min(l.state)
                FROM levy_check_lines l JOIN levy_debits d ON d.id = l.debit_id
                WHERE {_SET} AND l.booked = 1 AND l.amount = d.amount AND d.state IN ({OPEN_SQL})
                GROUP BY d.id, d.state ORDER BY d.id""",
            key,
        )
    ]


def _not_listed(session: Session, unit: EndPart, key: tuple[str, str, str]) -> _Found:
    """Open debits that no check has listed that would have, and that do not stand in this one in another state."""
    part = unit.part
    [(first,)] = session.rows(
        "SELECT min(created) FROM levy_check_parts WHERE collector = ? AND day = ? AND batch_no = ?", key
    )
    found = session.rows(
        f"""SELECT d.id, d.state FROM levy_debits d WHERE d.collector = ? AND d.state IN ({OPEN_SQL})
            AND d.created < ? AND d.listed_on IS NULL AND NOT ({_NOT_YET}) AND {_CONCLUSIVE}
            AND NOT {_STANDS} ORDER BY d.id""",
        (part.collector, int(first), unit.partner, unit.package_days, *key),
    )
    return [(id_, state, None, None) for id_, state in found]


def _settle(session: Session, unit: EndPart, word: str, found: _Found) -> int:
    """What was open has an end now."""
    after = "success" if word == LISTED else "no-effect"
    changes = [Change(after, day, None, unit.at, id_, before) for id_, before, day, _ in found]
    booking.change(session, unit.part.collector, unit.receipts, changes)
    session.many(
        booking.WORD,
        [Word(id_, unit.at, unit.part.message_id, word, after, said, None) for id_, _, _, said in found],
    )
    return len(found)


def _mark(session: Session, unit: EndPart, key: tuple[str, str, str]) -> None:
    """What is listed is not missing, on whatever day it was looked for."""
    listed = (
        f"SELECT l.debit_id FROM levy_check_lines l WHERE l.booked = 1 AND l.debit_id IS NOT NULL AND {_SET}"
    )
    session.run(
        f"UPDATE levy_debits SET listed_on = ? WHERE listed_on IS NULL AND id IN ({listed})",
        (unit.part.day, *key),
    )
    session.run(
        f"""UPDATE levy_differences SET closed_at = ?, closed_by = ?, reason = 'listed'
            WHERE kind = 'missing-there' AND closed_at IS NULL AND debit_id IN ({listed})""",
        (unit.at, f"message:{unit.part.message_id}", *key),
    )


def _differences(session: Session, unit: EndPart, key: tuple[str, str, str]) -> Iterator[int]:
    """How many of each kind."""
    part = unit.part
    told = (part.day, part.message_id, unit.at)
    yield session.run(
        f"""{_INTO} SELECT 'missing-here', ?, NULL, NULL, l.voucher_no, NULL, cast(l.amount AS text), ?, ?, ?
            FROM levy_check_lines l WHERE l.booked = 1 AND l.debit_id IS NULL AND {_SET}""",
        (part.collector, *told, *key),
    )
    yield session.run(
        f"""{_INTO} SELECT 'missing-there', d.collector, d.id, d.package, d.voucher_no,
            cast(d.amount AS text), NULL, ?, ?, ? FROM levy_debits d
            WHERE d.collector = ? AND d.state = 'success' AND d.listed_on IS NULL
            AND (d.debited_on = ? OR (d.debited_on IS NULL AND d.day = ?)) AND NOT {_STANDS}""",
        (*told, part.collector, part.day, part.day, *key),
    )
    for kind, theirs, differ in _DIFFER:
        ours = "d.state" if kind == "state" else "cast(d.amount AS text)"
        asked = (part.day,) if "listed_on <> ?" in differ else key * (differ.count("?") // len(key))
        yield session.run(
            f"""{_INTO} SELECT '{kind}', d.collector, d.id, d.package, d.voucher_no, {ours}, {theirs}, ?, ?, ?
                FROM levy_check_lines l JOIN levy_debits d ON d.id = l.debit_id WHERE {_SET} AND {differ}""",
            (*told, *key, *asked),
        )


def late(
    session: WriteSession, row: DifferenceRow, collector: str, day: str, audit: Sequence[AuditRow]
) -> None:
    """People are told, once, that the check of a day is not complete."""
    told = "UPDATE levy_days SET late = 1 WHERE collector = ? AND day = ? AND late = 0 AND batch_no IS NULL"
    if session.run(told, (collector, day)):
        session.run(booking.DIFFERENCE, astuple(row)[1:])
        session.add_audit(audit)

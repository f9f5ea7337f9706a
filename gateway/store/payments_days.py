"""A day's payments as the bank booked them against ours: a full outer join, set by set, in one transaction."""

# ruff: noqa: S608 (only expressions that this program defines are put into the texts)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.store.intake import end_intake, go_on
from gateway.store.payments import Compare, Line
from gateway.store.session import Session

LINE: Final = """INSERT INTO payment_lines (message_id, n, end_to_end_id, bank_reference, amount, outcome)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
INTO: Final = """INSERT INTO payment_differences
    (kind, account, item_id, batch_id, reference, ours, theirs, day, message_id, created)"""

_PAID: Final = "i.state IN ('settled', 'returned')"
_AMOUNT: Final = "coalesce(i.settled_amount, i.amount)"
_UNPAID_THERE: Final = "l.outcome IN ('rejected', 'returned')"
_EARLIER: Final = """EXISTS (SELECT 1 FROM payment_lines o WHERE o.message_id = l.message_id
    AND o.item_id = l.item_id AND o.n < l.n AND o.outcome = 'settled')"""
_ANOTHER_DAY: Final = f"l.outcome = 'settled' AND {_PAID} AND i.settled_on <> ?"
#: Its own day was compared when it was booked here, and the bank had listed it then.
_LISTED: Final = """EXISTS (SELECT 1 FROM payment_days d WHERE d.account = ? AND d.day = i.settled_on
        AND EXISTS (SELECT 1 FROM payment_history h
            WHERE h.item_id = i.id AND h.state = 'settled' AND h.at <= d.updated))
    AND NOT EXISTS (SELECT 1 FROM payment_differences x WHERE x.item_id = i.id AND x.kind = 'missing-there'
        AND x.day = i.settled_on AND coalesce(x.reason, '') <> 'superseded')"""

#: kind, ours, theirs, when a line and its item differ so. A bank may write what came back as less than nothing.
FOUND: Final = (
    ("amount", f"cast({_AMOUNT} AS text)", "cast(l.amount AS text)", f"{_AMOUNT} <> abs(l.amount)"),
    ("state", "i.state", "l.outcome", f"l.outcome = 'settled' AND NOT ({_PAID})"),
    ("state", "i.state", "l.outcome", f"{_UNPAID_THERE} AND i.state = 'settled'"),
    ("day", "i.settled_on", "NULL", f"{_ANOTHER_DAY} AND NOT ({_LISTED})"),
    ("twice", f"cast({_AMOUNT} AS text)", "cast(l.amount AS text)", f"{_ANOTHER_DAY} AND {_LISTED}"),
    ("twice", f"cast({_AMOUNT} AS text)", "cast(l.amount AS text)", f"l.outcome = 'settled' AND {_EARLIER}"),
)


def take_lines(session: Session, message_id: str, position: int, after: int, lines: Sequence[Line]) -> None:
    """A chunk of the bank's side of a day. Where the position stays, its numbers keep lines from being in twice."""
    go_on(session, message_id, position, after)
    session.many(LINE, lines)


def compare(session: Session, unit: Compare) -> int:
    """Compares; what was shown for that day before is closed. Returns the number of differences."""
    go_on(session, unit.message_id, unit.position, unit.position + 1)
    _resolve(session, unit)
    _supersede(session, unit)
    found = sum(_differences(session, unit))
    [(count, total)] = session.rows(
        "SELECT count(*), coalesce(sum(amount), 0) FROM payment_lines WHERE message_id = ?",
        (unit.message_id,),
    )
    session.run(
        """INSERT INTO payment_days (account, day, message_id, count, total, differences, updated)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, day) DO UPDATE SET
            message_id = excluded.message_id, count = excluded.count, total = excluded.total,
            differences = excluded.differences, updated = excluded.updated""",
        (unit.name, unit.day, unit.message_id, int(count), int(total), found, unit.at),
    )
    session.run("DELETE FROM payment_lines WHERE message_id = ?", (unit.message_id,))
    end_intake(session, unit.message_id)
    return found


def _resolve(session: Session, unit: Compare) -> None:
    """Which item a line is about; none where two could be meant."""
    for key in ("end_to_end_id", "bank_reference"):
        session.run(
            f"""UPDATE payment_lines SET item_id = (SELECT CASE count(*) WHEN 1 THEN min(i.id) END
                FROM payment_items i WHERE i.{key} = payment_lines.{key} AND i.batch_id IS NOT NULL
                AND i.account IN ({_marks(unit.accounts)}))
                WHERE message_id = ? AND item_id IS NULL AND {key} IS NOT NULL""",
            (*unit.accounts, unit.message_id),
        )


def _supersede(session: Session, unit: Compare) -> None:
    names = {unit.name, *unit.accounts}
    session.run(
        f"""UPDATE payment_differences SET closed_at = ?, closed_by = ?, reason = 'superseded'
            WHERE day = ? AND closed_at IS NULL AND account IN ({_marks(names)})""",
        (unit.at, f"message:{unit.message_id}", unit.day, *sorted(names)),
    )


def _differences(session: Session, unit: Compare) -> Iterator[int]:
    """How many of each kind."""
    told = (unit.day, unit.message_id, unit.at)
    yield session.run(
        f"""{INTO} SELECT 'missing-here', ?, NULL, NULL, coalesce(l.end_to_end_id, l.bank_reference), NULL,
            cast(l.amount AS text), ?, ?, ? FROM payment_lines l
            WHERE l.message_id = ? AND l.item_id IS NULL AND l.outcome <> 'rejected'""",
        (unit.name, *told, unit.message_id),
    )
    yield session.run(
        f"""{INTO} SELECT 'missing-there', i.account, i.id, i.batch_id, i.end_to_end_id,
            cast({_AMOUNT} AS text), NULL, ?, ?, ? FROM payment_items i
            WHERE i.account IN ({_marks(unit.accounts)}) AND i.settled_on = ? AND {_PAID} AND NOT EXISTS
            (SELECT 1 FROM payment_lines l WHERE l.message_id = ? AND l.item_id = i.id)""",
        (*told, *unit.accounts, unit.day, unit.message_id),
    )
    for kind, ours, theirs, differ in FOUND:
        asked = (unit.day, unit.name)[: differ.count("?")]
        yield session.run(
            f"""{INTO} SELECT '{kind}', i.account, i.id, i.batch_id,
                coalesce(l.end_to_end_id, l.bank_reference), {ours}, {theirs}, ?, ?, ?
                FROM payment_lines l JOIN payment_items i ON i.id = l.item_id
                WHERE l.message_id = ? AND {differ}""",
            (*told, unit.message_id, *asked),
        )


def _marks(values: Sequence[str] | set[str]) -> str:
    return ",".join("?" * len(values))

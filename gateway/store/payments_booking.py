"""Booking what banks say, each record once; all of it runs as `Work` in the writer's transaction.

`gateway.payments` decides by what it has read; here the states it saw are the guard. Where one of them has moved
nothing of the chunk is booked, and it is decided anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple

from gateway.store.api import AuditRow
from gateway.store.errors import Moved
from gateway.store.intake import end_intake, go_on
from gateway.store.payments import Book, DifferenceRow
from gateway.store.session import Session, WriteSession

OPEN_SQL: Final = "'released', 'sent', 'unknown'"
FINAL_SQL: Final = "'settled', 'rejected', 'returned', 'withdrawn'"

CHANGE: Final = """UPDATE payment_items SET state = ?, settled_amount = coalesce(?, settled_amount),
    settled_on = coalesce(?, settled_on), bank_reference = coalesce(?, bank_reference), code = ?, updated = ?
    WHERE id = ? AND state = ?"""
SENT: Final = "UPDATE payment_items SET state = 'sent', updated = ? WHERE batch_id = ? AND state = 'released'"
WORD: Final = """INSERT INTO payment_history (item_id, at, message_id, status, state, code, text)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_DIFFERENCE_FIELDS: Final = DifferenceRow.__struct_fields__[1:]  # the number is the database's
DIFFERENCE: Final = f"""INSERT INTO payment_differences ({", ".join(_DIFFERENCE_FIELDS)})
    VALUES ({", ".join("?" * len(_DIFFERENCE_FIELDS))})"""  # noqa: S608 (names of columns)


def book(session: Session, unit: Book, last: bool = False) -> None:
    """A chunk of results; with `last` nothing more is to be taken in of the message."""
    go_on(session, unit.message_id, unit.position, unit.after)
    if session.many(CHANGE, unit.changes) != len(unit.changes):
        raise Moved
    session.many(WORD, unit.words)
    session.many(DIFFERENCE, [astuple(row)[1:] for row in unit.differences])
    for batch_id in unit.batches:
        has_it(session, batch_id, unit.at)
    if last:
        end_intake(session, unit.message_id)


def end_results(
    session: Session, message_id: str, batch_id: str | None, bank_reference: str | None, at: int
) -> None:
    """The last record is booked; with the batch that all of them are about."""
    if batch_id is not None:
        session.run(
            "UPDATE payment_batches SET bank_reference = coalesce(?, bank_reference) WHERE id = ?",
            (bank_reference, batch_id),
        )
        has_it(session, batch_id, at)
    end_intake(session, message_id)


def has_it(session: Session, batch_id: str, at: int) -> None:
    """The bank has the batch, which gets the state that its items give it."""
    session.run(SENT, (at, batch_id))
    refresh(session, batch_id, at)


def missing(session: Session, message_id: str, batch_id: str, status: str, at: int) -> None:
    """Items that a final return does not name are refused, where the account says that this is what it means.

    Not where the return names somebody whom we do not find: that may be the one who seems to be missing.
    """
    stray = "SELECT 1 FROM payment_differences WHERE message_id = ? AND item_id IS NULL LIMIT 1"
    if session.rows(stray, (message_id,)):
        return
    unnamed = """batch_id = ? AND state IN ('released', 'sent') AND NOT EXISTS (SELECT 1 FROM payment_history h
        WHERE h.item_id = payment_items.id AND h.message_id = ?)"""
    session.run(
        f"""INSERT INTO payment_history (item_id, at, message_id, status, state)
            SELECT id, ?, ?, ?, 'rejected' FROM payment_items WHERE {unnamed}""",  # noqa: S608
        (at, message_id, status, batch_id, message_id),
    )
    session.run(
        """UPDATE payment_items SET state = 'rejected', code = ?, updated = ? WHERE batch_id = ?
            AND state IN ('released', 'sent') AND EXISTS (SELECT 1 FROM payment_history h
            WHERE h.item_id = payment_items.id AND h.message_id = ? AND h.status = ?)""",
        (status, at, batch_id, message_id, status),
    )


def refresh(session: Session, batch_id: str, at: int) -> None:
    """A batch that its bank has is under way, partly returned or closed, as its items are; proposals whose items
    it holds are to be looked at."""
    found = session.rows(
        f"""SELECT count(*), coalesce(sum(CASE WHEN state IN ({OPEN_SQL}) THEN 1 ELSE 0 END), 0)
            FROM payment_items WHERE batch_id = ?""",  # noqa: S608
        (batch_id,),
    )
    [(count, waiting)] = found
    after = "closed" if not waiting else "under-way" if waiting == count else "partly-returned"
    session.run(
        """UPDATE payment_batches SET state = ?, updated = ?
            WHERE id = ? AND state IN ('released', 'under-way', 'partly-returned')""",
        (after, at, batch_id),
    )
    touch(session, batch_id)


def touch(session: Session, batch_id: str) -> None:
    session.run(
        """UPDATE payment_proposals SET touched = touched + 1
            WHERE message_id IN (SELECT DISTINCT proposal FROM payment_items WHERE batch_id = ?)""",
        (batch_id,),
    )


def submitted(session: WriteSession, batch_id: str, at: int, audit: Sequence[AuditRow]) -> None:
    """The bank has the batch."""
    has_it(session, batch_id, at)
    session.add_audit(audit)


def failed(session: WriteSession, batch_id: str, code: str, at: int, audit: Sequence[AuditRow]) -> None:
    """The bank refused the batch as a whole: nothing of it took effect.

    Raises:
        Moved: it is not `released` any more, or the bank has spoken about an item of it.
    """
    gone = "UPDATE payment_batches SET state = 'failed', updated = ? WHERE id = ? AND state = 'released'"
    spoken = "SELECT 1 FROM payment_items WHERE batch_id = ? AND state <> 'released' LIMIT 1"
    if not session.run(gone, (at, batch_id)) or session.rows(spoken, (batch_id,)):
        raise Moved
    session.run(
        "UPDATE payment_items SET state = 'rejected', code = ?, updated = ? WHERE batch_id = ?",
        (code, at, batch_id),
    )
    touch(session, batch_id)
    session.add_audit(audit)


def verify(
    session: Session, message_id: str, position: int, after: int, rows: Sequence[tuple[str, str | None, str]]
) -> None:
    """A chunk of a bank's words on accounts: (`verified` or `refused`, its code, item id)."""
    go_on(session, message_id, position, after)
    session.many(
        "UPDATE payment_items SET verification = ?, code = ? WHERE id = ? AND verification = 'asked'", rows
    )

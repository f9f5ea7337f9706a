"""What must be cleared before anything is paid: open differences about items, or about what they are paid instead of.

A bank that says it has paid what it had refused is believed by nobody, but until people have looked into it the item
that was proposed anew must not be paid.
"""

# ruff: noqa: S608 (only conditions that this program defines are put into the texts)

from __future__ import annotations

from gateway.store.session import Session

#: The items meant, and all that they are proposed anew for.
_MEANT = """WITH RECURSIVE meant (id, replaces) AS (
    SELECT id, replaces FROM payment_items WHERE {seed}
    UNION SELECT i.id, i.replaces FROM payment_items i JOIN meant m ON i.id = m.replaces)"""
_OPEN = "closed_at IS NULL AND item_id IN (SELECT id FROM meant)"


def of_batch(session: Session, batch_id: str) -> list[int]:
    """Numbers of the open differences about a batch and its items."""
    about = f"{_MEANT.format(seed='batch_id = ?')} SELECT n FROM payment_differences WHERE {_OPEN}"
    whole = "SELECT n FROM payment_differences WHERE closed_at IS NULL AND item_id IS NULL AND batch_id = ?"
    found = [*session.rows(about, (batch_id,)), *session.rows(whole, (batch_id,))]
    return sorted(int(n) for (n,) in found)


def of_item(session: Session, item_id: str) -> list[int]:
    """Numbers of the open differences about an item."""
    about = f"{_MEANT.format(seed='id = ?')} SELECT n FROM payment_differences WHERE {_OPEN} ORDER BY n"
    return [int(n) for (n,) in session.rows(about, (item_id,))]


def replaced_by(session: Session, item_id: str) -> str | None:
    """The item as which this one was proposed anew."""
    found = session.rows("SELECT id FROM payment_items WHERE replaces = ?", (item_id,))
    return str(found[0][0]) if found else None


def named(session: Session, proposer: str, end_to_end_id: str) -> str | None:
    """The item that a proposer's number belongs to."""
    found = session.rows(
        "SELECT id FROM payment_items WHERE end_to_end_id = ? AND proposer = ?", (end_to_end_id, proposer)
    )
    return str(found[0][0]) if found else None

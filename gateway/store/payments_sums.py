"""How much there is of what, in the book of payments: for overviews. Plain functions on a session."""

from __future__ import annotations

from typing import NamedTuple

from gateway.store.session import Session


class Share(NamedTuple):
    """So many items or batches of an account in one state, and their sum in fen."""

    account: str
    kind: str
    state: str
    number: int
    total: int


def waiting_items(session: Session) -> list[Share]:
    """Items that wait for an approval, or to be built into a batch."""
    return _shares(
        session,
        """SELECT account, kind, state, count(*), sum(amount) FROM payment_items
            WHERE state IN ('proposed', 'approved') GROUP BY account, kind, state ORDER BY account, kind, state""",
    )


def open_batches(session: Session) -> list[Share]:
    """Batches that have not come to an end."""
    return _shares(
        session,
        """SELECT account, kind, state, count(*), sum(total) FROM payment_batches
            WHERE state IN ('built', 'released', 'under-way', 'partly-returned')
            GROUP BY account, kind, state ORDER BY account, kind, state""",
    )


def _shares(session: Session, sql: str) -> list[Share]:
    return [
        Share(account, kind, state, int(number), int(total))
        for account, kind, state, number, total in session.rows(sql)
    ]


def open_differences(session: Session) -> dict[str, int]:
    """Account → number of its open differences."""
    found = session.rows(
        "SELECT account, count(*) FROM payment_differences WHERE closed_at IS NULL GROUP BY account"
    )
    return {account: int(count) for account, count in found}


def standing_of_proposal(session: Session, message_id: str) -> dict[str, tuple[int, int]]:
    """state → (items, fen that moved or are asked for), of what a file proposed."""
    found = session.rows(
        """SELECT state, count(*), sum(coalesce(settled_amount, amount)) FROM payment_items
            WHERE proposal = ? GROUP BY state ORDER BY state""",
        (message_id,),
    )
    return {state: (int(count), int(total)) for state, count, total in found}


def open_again(session: Session, batch_id: str) -> int:
    """How many items of a batch were refused or came back, and have not been proposed anew."""
    found = session.rows(
        """SELECT count(*) FROM payment_items i WHERE batch_id = ? AND state IN ('rejected', 'returned')
            AND NOT EXISTS (SELECT 1 FROM payment_items n WHERE n.replaces = i.id)""",
        (batch_id,),
    )
    return int(found[0][0])

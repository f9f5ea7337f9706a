"""What one person proposes for a delivery, and another decides: rows, questions and changes.

    open ─► done (approved and carried out) | refused | withdrawn | void (the delivery had moved)

Changes run in one transaction with the delivery's own and with the audit entries; `Moved` undoes all of it.
"""

# ruff: noqa: S608 (only names of columns that this program defines are put into the texts)

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from gateway.store.errors import Moved
from gateway.store.session import Session


class ProposedRow(Struct, frozen=True, kw_only=True):
    """One proposal. Times are milliseconds since 1970 UTC; people stand as in the audit log (`console:wang`)."""

    id: str  #: UUIDv7
    message_id: str
    delivery_id: str
    partner: str
    operation: str
    choice: str
    reason: str
    seen_state: str  #: the delivery as it was when it was proposed: state, updated, next_at
    seen_updated: int
    seen_next_at: int | None
    proposed_by: str
    proposed_at: int
    state: str = "open"
    decided_by: str | None = None
    decided_at: int | None = None
    note: str | None = None  #: why it was refused or withdrawn; no personal data


_COLUMNS: Final = ProposedRow.__struct_fields__
_PROPOSALS: Final = f"SELECT {', '.join(_COLUMNS)} FROM console_proposals"


def _rows(session: Session, rest: str, values: Sequence[object] = ()) -> list[ProposedRow]:
    found = session.rows(f"{_PROPOSALS} {rest}", values)
    return [ProposedRow(**dict(zip(_COLUMNS, row, strict=True))) for row in found]


def open_ones(session: Session, limit: int = 1000) -> list[ProposedRow]:
    """Those that wait for somebody, oldest first."""
    return _rows(session, "WHERE state = 'open' ORDER BY id LIMIT ?", (limit,))


def count_open(session: Session) -> int:
    """How many wait for somebody."""
    return int(session.rows("SELECT count(*) FROM console_proposals WHERE state = 'open'")[0][0])


def decided(session: Session, limit: int) -> list[ProposedRow]:
    """Those that were decided, the latest decision first."""
    return _rows(session, "WHERE state <> 'open' ORDER BY decided_at DESC, id DESC LIMIT ?", (limit,))


def proposal(session: Session, id_: str) -> ProposedRow | None:
    found = _rows(session, "WHERE id = ?", (id_,))
    return found[0] if found else None


def of_delivery(session: Session, delivery_id: str) -> list[ProposedRow]:
    """All that was ever proposed for it, newest first; at most one is open."""
    return _rows(session, "WHERE delivery_id = ? ORDER BY id DESC", (delivery_id,))


def propose(session: Session, row: ProposedRow) -> None:
    """
    Raises:
        Moved: something is already proposed for the delivery.
    """
    marks = ",".join("?" * len(_COLUMNS))
    new = f"INSERT INTO console_proposals ({', '.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    if not session.run(new, astuple(row)):
        raise Moved


def decide(session: Session, id_: str, state: str, by: str, at: int, note: str | None = None) -> None:
    """Ends an open proposal as `done`, `refused`, `withdrawn` or `void`. On PostgreSQL, too, a second one who decides
    waits here until the first has committed.

    Raises:
        Moved: somebody has decided already, or there is no such proposal.
    """
    decided_now = session.run(
        """UPDATE console_proposals SET state = ?, decided_by = ?, decided_at = ?, note = ?
            WHERE id = ? AND state = 'open'""",
        (state, by, at, note, id_),
    )
    if not decided_now:
        raise Moved

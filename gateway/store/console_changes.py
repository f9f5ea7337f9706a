"""What two people do about a delivery; each runs as `Work` in a transaction of its own, with its audit entry.

A guard that does not hold raises `Moved`, and nothing was written. Where both are touched, the delivery comes before
the proposal: so two transactions cannot wait for each other.
"""

from __future__ import annotations

from gateway.store import console_proposals as proposals
from gateway.store.api import Advance, AuditRow, DeliveryRow
from gateway.store.clerk import unmoved
from gateway.store.console_proposals import ProposedRow
from gateway.store.errors import Moved
from gateway.store.group import apply
from gateway.store.session import WriteSession


def propose(session: WriteSession, row: ProposedRow, seen: DeliveryRow, audit: AuditRow) -> None:
    """Opens a proposal.

    Raises:
        Moved: the delivery is not as it was seen, or something is proposed for it already.
    """
    if not unmoved(session, seen):
        raise Moved
    proposals.propose(session, row)
    session.add_audit([audit])


def close(
    session: WriteSession, proposal_id: str, state: str, by: str, at: int, note: str | None, audit: AuditRow
) -> None:
    """Ends a proposal without carrying it out: `refused`, `withdrawn` or `void`.

    Raises:
        Moved: it is not open any more.
    """
    proposals.decide(session, proposal_id, state, by, at, note)
    session.add_audit([audit])


def carry_out(
    session: WriteSession, proposal_id: str, by: str, note: str | None, unit: Advance, seen: DeliveryRow
) -> None:
    """Ends a proposal as `done`, with the step of the delivery that was proposed.

    Raises:
        Moved: the proposal is not open any more, or the delivery is not as it was seen.
    """
    if not unmoved(session, seen):
        raise Moved
    proposals.decide(session, proposal_id, "done", by, unit.at, note)
    if apply(session, [unit]) != [True]:
        raise Moved

"""Two people for money: one proposes what to do about a delivery, another one approves it, and only then it is done.

Nobody approves what he proposed. What was seen is kept with the proposal: where the delivery has moved since, there is
nothing to approve any more, and the proposal ends as void. The end of a proposal and the step of the delivery are one
transaction, so that two who approve at once, or one who clicks twice, have one effect.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from gateway.canonical import IdSource
from gateway.desk.cases import Case, Choice, case_of, decision, require_possible
from gateway.desk.reasons import check_reason
from gateway.desk.record import journal_of
from gateway.desk.refused import Changed, NotPossible
from gateway.engine.config import Configuration
from gateway.store import Reader, open_clerk, open_reader
from gateway.store import console_changes as changes
from gateway.store import console_proposals as rows
from gateway.store.api import Advance, AuditRow, DeliveryRow
from gateway.store.console_proposals import ProposedRow
from gateway.store.errors import Moved


class Void(NotPossible):
    """The delivery has moved since it was proposed; the proposal has ended."""


class Proposed(NamedTuple):
    """A proposal, and the delivery as it is now."""

    row: ProposedRow
    case: Case

    @property
    def choice(self) -> Choice:
        return Choice(self.row.choice)

    @property
    def moved(self) -> bool:
        """Whether the delivery is not any more as the proposer saw it."""
        return _moved(self.row, self.case.delivery)


def propose(configuration: Configuration, case: Case, choice: Choice, reason: str, actor: str) -> ProposedRow:
    """Opens a proposal.

    Raises:
        NotPossible: the decision could not be carried out now, or something is proposed for it already.
        Changed: the delivery has moved since it was read.
        Unavailable: nothing was changed.
    """
    require_possible(case, choice, confirmed=True)
    delivery, reason = case.delivery, check_reason(reason)
    _make_room(configuration, case, actor)
    row = ProposedRow(
        id=IdSource(_now, os.urandom)(),
        message_id=delivery.message_id,
        delivery_id=delivery.id,
        partner=delivery.partner,
        operation=delivery.operation,
        choice=choice.value,
        reason=reason,
        seen_state=delivery.state,
        seen_updated=delivery.updated,
        seen_next_at=delivery.next_at,
        proposed_by=actor,
        proposed_at=_now(),
    )
    entry = _entry(configuration, row, "proposal.made", actor, reason)
    _commit(configuration, changes.propose, row, delivery, entry)
    return row


def _make_room(configuration: Configuration, case: Case, actor: str) -> None:
    """A proposal about what the delivery was once does not keep a new one out."""
    with open_reader(configuration.gateway.store) as reader:
        before = open_one(reader, case.delivery.id)
    if before is None:
        return
    if not _moved(before, case.delivery):
        raise NotPossible("这笔投递已有待复核的提议", "something is proposed for this delivery already")
    _end(configuration, before, "void", actor, None)


def approve(configuration: Configuration, proposal_id: str, actor: str, note: str = "") -> Advance:
    """Carries out what somebody else proposed.

    Raises:
        NotPossible: it is one's own, not open, or cannot be carried out now.
        Void: the delivery has moved since; the proposal has ended by this.
        Unavailable: nothing was changed.
    """
    said = check_reason(note) if note.strip() else None
    found = _open(configuration, proposal_id)
    row = found.row
    if row.proposed_by == actor:
        raise NotPossible("本人提出的须由他人复核", "somebody else must approve what you proposed")
    if found.moved:
        raise _void(configuration, row, actor)
    require_possible(found.case, found.choice, confirmed=True)
    extra: dict[str, str | int] = {
        "proposal": row.id,
        "proposed_by": row.proposed_by,
        "approved_by": actor,
    }
    if said is not None:
        extra["note"] = said
    unit = decision(configuration, found.case, found.choice, row.reason, actor, extra)
    unit = replace(unit, reason=f"{row.choice} by {row.proposed_by}, approved by {actor}: {row.reason}")
    try:
        _commit(configuration, changes.carry_out, row.id, actor, said, unit, found.case.delivery)
    except Changed:
        _open(configuration, row.id)  # says so where somebody else was quicker
        raise _void(configuration, row, actor) from None
    return unit


def refuse(configuration: Configuration, proposal_id: str, actor: str, note: str) -> None:
    """Says no to what somebody else proposed.

    Raises:
        NotPossible: it is one's own, not open, or no reason was given.
        Unavailable: nothing was changed.
    """
    row, said = _open(configuration, proposal_id).row, check_reason(note)
    if row.proposed_by == actor:
        raise NotPossible("本人提出的可以撤回，不能驳回", "withdraw what you proposed yourself")
    _end(configuration, row, "refused", actor, said)


def withdraw(configuration: Configuration, proposal_id: str, actor: str, note: str = "") -> None:
    """Takes one's own proposal back.

    Raises:
        NotPossible: it is somebody else's, or not open.
        Unavailable: nothing was changed.
    """
    row, said = _open(configuration, proposal_id).row, check_reason(note) if note.strip() else None
    if row.proposed_by != actor:
        raise NotPossible("只有提出人可以撤回", "only who proposed it can withdraw it")
    _end(configuration, row, "withdrawn", actor, said)


def lapse(configuration: Configuration, proposal_id: str, actor: str) -> None:
    """Ends a proposal whose delivery has moved.

    Raises:
        NotPossible: it is not open, or the delivery is still as it was.
        Unavailable: nothing was changed.
    """
    found = _open(configuration, proposal_id)
    if not found.moved:
        raise NotPossible("投递没有变化，提议仍然有效", "the delivery has not moved: the proposal stands")
    _end(configuration, found.row, "void", actor, None)


def open_one(reader: Reader, delivery_id: str) -> ProposedRow | None:
    """What is proposed for a delivery: at most one at a time."""
    return next((row for row in reader.ask(rows.of_delivery, delivery_id) if row.state == "open"), None)


def proposed(configuration: Configuration, reader: Reader, row: ProposedRow) -> Proposed:
    """A proposal with its delivery as it is now."""
    delivery, message = reader.delivery(row.delivery_id), reader.message(row.message_id)
    assert delivery is not None  # deliveries and messages are never deleted
    assert message is not None
    return Proposed(row, case_of(configuration, delivery, message))


def find(configuration: Configuration, reader: Reader, proposal_id: str) -> Proposed:
    """
    Raises:
        NotPossible: there is none.
    """
    row = reader.ask(rows.proposal, proposal_id)
    if row is None:
        raise NotPossible("没有这条提议", "no such proposal")
    return proposed(configuration, reader, row)


def _open(configuration: Configuration, proposal_id: str) -> Proposed:
    with open_reader(configuration.gateway.store) as reader:
        found = find(configuration, reader, proposal_id)
    if found.row.state != "open":
        raise NotPossible(
            f"该提议已由 {found.row.decided_by} 处理", f"{found.row.decided_by} has decided it already"
        )
    return found


def _end(configuration: Configuration, row: ProposedRow, state: str, actor: str, note: str | None) -> None:
    entry = _entry(configuration, row, f"proposal.{state}", actor, note)
    _commit(configuration, changes.close, row.id, state, actor, _now(), note, entry)


def _commit(configuration: Configuration, change: Callable[..., None], *arguments: object) -> None:
    try:
        with open_clerk(configuration.gateway.store) as clerk:
            clerk.work(change, *arguments)
    except Moved as moved:
        raise Changed(moved.zh, moved.en) from None


def _void(configuration: Configuration, row: ProposedRow, actor: str) -> Void:
    _end(configuration, row, "void", actor, None)
    return Void(
        "投递在提出之后有了变化，该提议已失效，未作任何改动：请重新查看",
        "the delivery has moved since it was proposed: the proposal is void, and nothing was done",
    )


def _entry(
    configuration: Configuration, row: ProposedRow, event: str, actor: str, reason: str | None
) -> AuditRow:
    detail: dict[str, str | int] = {
        "proposal": row.id,
        "choice": row.choice,
        "proposed_by": row.proposed_by,
    }
    if reason is not None:
        detail["reason"] = reason
    return journal_of(configuration).entry(
        event,
        message=row.message_id,
        delivery=row.delivery_id,
        partner=row.partner,
        actor=actor,
        detail=detail,
    )


def _moved(row: ProposedRow, delivery: DeliveryRow) -> bool:
    return (row.seen_state, row.seen_updated, row.seen_next_at) != (
        delivery.state,
        delivery.updated,
        delivery.next_at,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000

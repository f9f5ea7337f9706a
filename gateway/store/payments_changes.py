"""What agencies and people do in the book of payments; each runs as `Work` in the writer's transaction.

A guard that does not hold raises `Moved`, which undoes the whole unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple

from gateway.store import payments_disputes as disputes
from gateway.store.api import Accept, AuditRow
from gateway.store.errors import Moved
from gateway.store.group import accept_new
from gateway.store.intake import begin_intake, end_intake, go_on
from gateway.store.payments import Build, Decide, ItemRow, ProposalRow, Release, TakeIn
from gateway.store.session import Session, WriteSession


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


ITEM: Final = _insert("payment_items", ItemRow.__struct_fields__)
PROPOSAL: Final = _insert("payment_proposals", ProposalRow.__struct_fields__)

# Taking in


def propose(session: Session, row: ProposalRow) -> None:
    """Opens a proposal; its items follow. Nothing where it is open already."""
    session.run(f"{PROPOSAL} ON CONFLICT DO NOTHING", astuple(row))


def take_in(session: WriteSession, unit: TakeIn) -> list[int]:
    """A chunk of items. The numbers in the file of those that contradict what stands in the book are returned,
    and then nothing was written; what was proposed before in the same words is counted and left as it is.
    """
    if begin_intake(session, unit.message_id) != (unit.position, False):
        raise Moved  # or what this piece itself has put there would contradict it
    found = _known(session, unit)
    conflicts, repeated, new = [], 0, []
    for number, row in enumerate(unit.rows, unit.position + 1):
        known = found.get(row.end_to_end_id)
        if known is None:
            new.append(row)
            found[row.end_to_end_id] = (row.digest, row.state, row.proposal)
        elif known[0] != row.digest or known[2] == row.proposal or known[1] == "arriving":
            conflicts.append(number)
        else:
            repeated += 1
    if conflicts:
        return conflicts
    go_on(session, unit.message_id, unit.position, unit.after)
    session.many(ITEM, [astuple(row) for row in new])
    if repeated:
        session.run(
            "UPDATE payment_proposals SET repeated = repeated + ? WHERE message_id = ?",
            (repeated, unit.message_id),
        )
    return []


def _known(session: Session, unit: TakeIn) -> dict[str, tuple[bytes, str, str]]:
    marks = ",".join("?" * len(unit.rows))
    rows = session.rows(
        f"""SELECT end_to_end_id, digest, state, proposal FROM payment_items
            WHERE proposer = ? AND end_to_end_id IN ({marks})""",  # noqa: S608 (marks)
        (unit.proposer, *(row.end_to_end_id for row in unit.rows)),
    )
    return {reference: (bytes(digest), state, proposal) for reference, digest, state, proposal in rows}


def confirm(session: Session, message_id: str, at: int) -> None:
    """All items of the proposal are in: they are proposed."""
    session.run(
        "UPDATE payment_items SET state = 'proposed', updated = ? WHERE proposal = ? AND state = 'arriving'",
        (at, message_id),
    )
    session.run("UPDATE payment_proposals SET state = 'proposed' WHERE message_id = ?", (message_id,))
    end_intake(session, message_id)


def refuse(session: WriteSession, message_id: str, told: Sequence[Accept]) -> None:
    """Nothing of the proposal stays but that it was refused; `told` tells its proposer.

    Raises:
        Moved: all of it has been taken in, or refused, meanwhile.
    """
    if begin_intake(session, message_id)[1]:
        raise Moved
    session.run("DELETE FROM payment_items WHERE proposal = ? AND state = 'arriving'", (message_id,))
    session.run("UPDATE payment_proposals SET state = 'refused' WHERE message_id = ?", (message_id,))
    end_intake(session, message_id)
    for message in told:
        accept_new(session, message)


def propose_again(
    session: WriteSession, rows: Sequence[ItemRow], before: Sequence[str], audit: Sequence[AuditRow]
) -> None:
    """Refused or returned items as new ones.

    Raises:
        Moved: an old one is in none of these states, or disputed. That it was proposed anew before is refused by an index.
    """
    marks = ",".join("?" * len(before))
    old = f"SELECT 1 FROM payment_items WHERE id = ? AND state IN ({marks})"  # noqa: S608 (marks)
    for row in rows:
        if not session.rows(old, (row.replaces, *before)) or disputes.of_item(session, row.replaces or ""):
            raise Moved
    session.many(ITEM, [astuple(row) for row in rows])
    session.add_audit(audit)


# Deciding


def decide(session: WriteSession, unit: Decide) -> None:
    """Approves or withdraws items, all or none."""
    marks = ",".join("?" * len(unit.before))
    verified = " AND verification = 'verified'" if unit.verified else ""
    approver = unit.by if unit.after == "approved" else None
    changed = session.many(
        f"""UPDATE payment_items SET approved_by = coalesce(?, approved_by), state = ?, updated = ?
            WHERE id = ? AND state IN ({marks}){verified}""",  # noqa: S608 (marks)
        [(approver, unit.after, unit.at, id_, *unit.before) for id_ in unit.ids],
    )
    if changed != len(unit.ids):
        raise Moved
    if unit.after == "withdrawn":
        _touch_of(session, unit.ids)
    session.add_audit(unit.audit)


def _touch_of(session: Session, ids: Sequence[str]) -> None:
    session.many(
        """UPDATE payment_proposals SET touched = touched + 1
            WHERE message_id = (SELECT proposal FROM payment_items WHERE id = ?)""",
        [(id_,) for id_ in ids],
    )


def build(session: WriteSession, unit: Build) -> None:
    """A batch, and its items in it."""
    row = unit.batch
    session.run(_insert("payment_batches", row.__struct_fields__), astuple(row))
    changed = session.many(
        """UPDATE payment_items SET state = 'batched', batch_id = ?, batch_sequence = ?, updated = ?
            WHERE id = ? AND state = 'approved' AND account = ? AND kind = ?""",
        [(row.id, n, row.created, id_, row.account, row.kind) for n, id_ in enumerate(unit.ids, 1)],
    )
    if changed != row.count or _held(session, row.id)[:2] != (row.count, row.total):
        raise Moved
    session.add_audit(unit.audit)


def _held(session: Session, batch_id: str) -> tuple[int, int, int]:
    """(items, their sum, those of them that are still `batched`)."""
    [(count, total, batched)] = session.rows(
        """SELECT count(*), coalesce(sum(amount), 0), coalesce(sum(CASE state WHEN 'batched' THEN 1 ELSE 0 END), 0)
            FROM payment_items WHERE batch_id = ?""",
        (batch_id,),
    )
    return int(count), int(total), int(batched)


def release(session: WriteSession, unit: Release) -> None:
    """The batch, its items, the message to the bank with its delivery, and the audit entries, together or not
    at all: so it is sent once."""
    message = unit.message
    [owed] = message.deliveries
    moved = session.run(
        """UPDATE payment_batches SET state = 'released', released_by = ?, released_at = ?, message_id = ?,
            delivery_id = ?, updated = ? WHERE id = ? AND state = 'built' AND digest = ? AND built_by <> ?""",
        (unit.by, unit.at, message.message.id, owed.id, unit.at, unit.batch_id, unit.digest, unit.by),
    )
    if not moved:
        raise Moved
    [(count, total)] = session.rows("SELECT count, total FROM payment_batches WHERE id = ?", (unit.batch_id,))
    approved = session.rows(
        "SELECT 1 FROM payment_items WHERE batch_id = ? AND (approved_by = ? OR approved_by IS NULL) LIMIT 1",
        (unit.batch_id, unit.by),
    )
    if approved or _held(session, unit.batch_id) != (count, total, count):
        raise Moved
    if disputes.of_batch(session, unit.batch_id):
        raise Moved
    session.run(
        "UPDATE payment_items SET state = 'released', updated = ? WHERE batch_id = ?",
        (unit.at, unit.batch_id),
    )
    accept_new(session, message)
    session.add_audit(unit.audit)


def cancel(session: WriteSession, batch_id: str, at: int, audit: Sequence[AuditRow]) -> None:
    """A batch that was not released; its items are approved as before."""
    gone = "UPDATE payment_batches SET state = 'cancelled', updated = ? WHERE id = ? AND state = 'built'"
    if not session.run(gone, (at, batch_id)):
        raise Moved
    session.run(
        """UPDATE payment_items SET state = 'approved', batch_id = NULL, batch_sequence = NULL, updated = ?
            WHERE batch_id = ?""",
        (at, batch_id),
    )
    session.add_audit(audit)


# Verifying accounts


def ask_about(
    session: WriteSession,
    request: str,
    ids: Sequence[str],
    at: int,
    message: Accept,
    audit: Sequence[AuditRow],
) -> None:
    """A question about the accounts of proposed items, numbered in this order."""
    changed = session.many(
        """UPDATE payment_items SET verification = 'asked', verification_request = ?,
            verification_sequence = ?, updated = ? WHERE id = ? AND state = 'proposed'""",
        [(request, n, at, id_) for n, id_ in enumerate(ids, 1)],
    )
    if changed != len(ids):
        raise Moved
    accept_new(session, message)
    session.add_audit(audit)


# Differences and reports


def close_difference(
    session: WriteSession, n: int, by: str, reason: str, at: int, audit: Sequence[AuditRow]
) -> None:
    """A person has looked into it."""
    closed = """UPDATE payment_differences SET closed_at = ?, closed_by = ?, reason = ?
        WHERE n = ? AND closed_at IS NULL"""
    if not session.run(closed, (at, by, reason, n)):
        raise Moved
    session.add_audit(audit)


def looked(session: Session, message_id: str, touched: int) -> None:
    """A proposal was looked at, and nothing is to be reported; what has touched it since counts."""
    session.run(
        "UPDATE payment_proposals SET touched = 0 WHERE message_id = ? AND touched = ?", (message_id, touched)
    )


def report(session: WriteSession, proposal_id: str, touched: int, messages: Sequence[Accept]) -> bool:
    """The results of a proposal go back to its proposer. False where it has moved since."""
    again = """UPDATE payment_proposals SET touched = 0, reports = reports + 1
        WHERE message_id = ? AND touched = ?"""
    if not session.run(again, (proposal_id, touched)):
        return False
    for message in messages:
        accept_new(session, message)
    return True

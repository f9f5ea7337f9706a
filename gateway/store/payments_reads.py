"""The questions about the book of payments, for both databases. Plain functions on a session."""

# ruff: noqa: S608 (only names of columns that this program defines are put into the texts)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from gateway.store.payments import (
    BatchRow,
    DayRow,
    DifferenceRow,
    HistoryRow,
    ItemRow,
    ProposalRow,
)
from gateway.store.payments_booking import FINAL_SQL
from gateway.store.session import Session

_ITEM = ", ".join(ItemRow.__struct_fields__)
_BATCH = ", ".join(BatchRow.__struct_fields__)
_PROPOSAL = ", ".join(ProposalRow.__struct_fields__)
_DIFFERENCE = ", ".join(DifferenceRow.__struct_fields__)
_DAY = ", ".join(DayRow.__struct_fields__)
_HISTORY = ", ".join(HistoryRow.__struct_fields__)


class Booked(NamedTuple):
    """What has to be known of an item to book a word on it."""

    id: str
    batch_id: str | None
    batch_sequence: int | None
    end_to_end_id: str
    account: str
    amount: int
    state: str
    account_tag: bytes
    bank_reference: str | None
    settled_amount: int | None
    kind: str


_BOOKED = ", ".join(Booked._fields)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which items are listed; None means any."""

    account: str | None = None
    kind: str | None = None
    state: str | None = None
    proposal: str | None = None
    batch_id: str | None = None
    account_tag: bytes | None = None
    end_to_end_id: str | None = None
    after: str = ""
    limit: int = 50


def item(session: Session, item_id: str) -> ItemRow | None:
    found = session.rows(f"SELECT {_ITEM} FROM payment_items WHERE id = ?", (item_id,))
    return _items(found)[0] if found else None


def items(session: Session, what: Wanted) -> list[ItemRow]:
    """In order of id."""
    asked = {
        name: value
        for name in ("account", "kind", "state", "proposal", "batch_id", "account_tag", "end_to_end_id")
        if (value := getattr(what, name)) is not None
    }
    # A literal, so that the partial index on what waits for people can be used.
    literal = asked.pop("state") if asked.get("state") in ("proposed", "approved") else None
    where = "".join(f" AND {name} = ?" for name in asked) + (f" AND state = '{literal}'" if literal else "")
    found = session.rows(
        f"SELECT {_ITEM} FROM payment_items WHERE id > ?{where} ORDER BY id LIMIT ?",
        (what.after, *asked.values(), what.limit),
    )
    return _items(found)


def _items(found: Sequence[Sequence[Any]]) -> list[ItemRow]:
    return [ItemRow(**dict(zip(ItemRow.__struct_fields__, values, strict=True))) for values in found]


def batch(session: Session, batch_id: str) -> BatchRow | None:
    found = session.rows(f"SELECT {_BATCH} FROM payment_batches WHERE id = ?", (batch_id,))
    return _batches(found)[0] if found else None


def batches(
    session: Session,
    account: str | None,
    state: str | None,
    limit: int,
    before: tuple[int, str] | None = None,
) -> list[BatchRow]:
    """Newest first; with `before` (created, id) those that follow that one."""
    older = "" if before is None else " AND (created, id) < (?, ?)"
    found = session.rows(
        f"""SELECT {_BATCH} FROM payment_batches WHERE account = coalesce(?, account)
            AND state = coalesce(?, state){older} ORDER BY created DESC, id DESC LIMIT ?""",
        (account, state, *(before or ()), limit),
    )
    return _batches(found)


def _batches(found: Sequence[Sequence[Any]]) -> list[BatchRow]:
    return [BatchRow(**dict(zip(BatchRow.__struct_fields__, values, strict=True))) for values in found]


def items_from(session: Session, batch_id: str, after: int, state: str | None, limit: int) -> list[ItemRow]:
    """Some of a batch's items, in the order in which they were built in: those with a number above `after`."""
    return _items(
        session.rows(
            f"""SELECT {_ITEM} FROM payment_items WHERE batch_id = ? AND batch_sequence > ?
                AND state = coalesce(?, state) ORDER BY batch_sequence LIMIT ?""",
            (batch_id, after, state, limit),
        )
    )


def items_of(session: Session, batch_id: str) -> list[ItemRow]:
    """In the order in which they were built in."""
    return _items(
        session.rows(
            f"SELECT {_ITEM} FROM payment_items WHERE batch_id = ? ORDER BY batch_sequence", (batch_id,)
        )
    )


def approvers(session: Session, batch_id: str) -> set[str]:
    found = session.rows("SELECT DISTINCT approved_by FROM payment_items WHERE batch_id = ?", (batch_id,))
    return {name for (name,) in found if name is not None}


def standing(session: Session, batch_id: str) -> dict[str, tuple[int, int]]:
    """state → (items, fen that moved or are asked for)."""
    found = session.rows(
        """SELECT state, count(*), sum(coalesce(settled_amount, amount)) FROM payment_items
            WHERE batch_id = ? GROUP BY state ORDER BY state""",
        (batch_id,),
    )
    return {state: (int(count), int(total)) for state, count, total in found}


def released(session: Session, limit: int) -> list[tuple[str, str, str | None, str]]:
    """(batch, delivery, reply, state of the delivery) of batches whose delivery has ended, and who do not know it."""
    found = session.rows(
        """SELECT b.id, d.id, d.reply_id, d.state FROM payment_batches b JOIN deliveries d ON d.id = b.delivery_id
            WHERE b.state = 'released' AND d.state IN ('accepted', 'rejected', 'reversed') ORDER BY b.id LIMIT ?""",
        (limit,),
    )
    return [(batch_id, delivery, reply, state) for batch_id, delivery, reply, state in found]


def proved(session: Session, limit: int) -> list[str]:
    """Deliveries that are not known to have arrived, of batches of which the bank has spoken."""
    found = session.rows(
        """SELECT d.id FROM deliveries d JOIN payment_batches b ON b.delivery_id = d.id
            WHERE d.state IN ('pending', 'waiting', 'in-doubt', 'dead')
            AND b.state IN ('under-way', 'partly-returned', 'closed') LIMIT ?""",
        (limit,),
    )
    return [delivery for (delivery,) in found]


def booked_by_sequence(session: Session, batch_id: str, numbers: Sequence[int]) -> list[Booked]:
    """The items of a batch with these numbers in it."""
    return _some(session, "batch_id = ? AND batch_sequence", (batch_id,), numbers)


def booked_by_reference(session: Session, batch_id: str, references: Sequence[str]) -> list[Booked]:
    """The items of a batch with these end-to-end ids."""
    return _some(session, "batch_id = ? AND end_to_end_id", (batch_id,), references)


def booked_of(session: Session, batch_id: str) -> list[Booked]:
    """All items of a batch, in their order."""
    found = session.rows(
        f"SELECT {_BOOKED} FROM payment_items WHERE batch_id = ? ORDER BY batch_sequence", (batch_id,)
    )
    return list(map(Booked._make, found))


def booked_anywhere(session: Session, column: str, values: Sequence[str]) -> list[Booked]:
    """Items of any batch by `end_to_end_id` or `bank_reference`; several may answer to one."""
    if column not in ("end_to_end_id", "bank_reference"):
        raise ValueError(column)
    return _some(session, f"batch_id IS NOT NULL AND {column} IS NOT NULL AND {column}", (), values)


def asked_about(
    session: Session, request: str, numbers: Sequence[int], accounts: Sequence[str]
) -> list[tuple[int, str, bytes]]:
    """(number, item id, tag of its account) of the accounts of a verification, for items of these accounts of ours."""
    if not accounts:
        return []
    marks = ",".join("?" * len(numbers))
    found = session.rows(
        f"""SELECT verification_sequence, id, account_tag FROM payment_items
            WHERE verification_request = ? AND verification_sequence IN ({marks})
            AND account IN ({",".join("?" * len(accounts))})""",
        (request, *numbers, *accounts),
    )
    return [(int(number), id_, bytes(tag)) for number, id_, tag in found]


def _some(
    session: Session, key: str, values: tuple[object, ...], wanted: Sequence[str] | Sequence[int]
) -> list[Booked]:
    if not wanted:
        return []
    marks = ",".join("?" * len(wanted))
    found = session.rows(f"SELECT {_BOOKED} FROM payment_items WHERE {key} IN ({marks})", (*values, *wanted))
    return list(map(Booked._make, found))


def proposal(session: Session, message_id: str) -> ProposalRow | None:
    found = session.rows(f"SELECT {_PROPOSAL} FROM payment_proposals WHERE message_id = ?", (message_id,))
    return _proposals(found)[0] if found else None


def proposals(
    session: Session, account: str | None, limit: int, before: str | None = None
) -> list[ProposalRow]:
    """Newest first; with `before` (a message id) those that follow that one."""
    older = "" if before is None else " AND message_id < ?"
    values = () if before is None else (before,)
    return _proposals(
        session.rows(
            f"""SELECT {_PROPOSAL} FROM payment_proposals WHERE account = coalesce(?, account){older}
                ORDER BY message_id DESC LIMIT ?""",
            (account, *values, limit),
        )
    )


def touched(session: Session, limit: int) -> list[tuple[ProposalRow, bool]]:
    """Proposals of which an item has moved, and whether all of their items have come to an end."""
    found = _proposals(
        session.rows(
            f"SELECT {_PROPOSAL} FROM payment_proposals WHERE touched > 0 ORDER BY message_id LIMIT ?",
            (limit,),
        )
    )
    going_on = f"""SELECT 1 FROM payment_items i WHERE proposal = ? AND (state NOT IN ({FINAL_SQL}))
        LIMIT 1"""
    return [(row, not session.rows(going_on, (row.message_id,))) for row in found]


def _proposals(found: Iterable[Sequence[Any]]) -> list[ProposalRow]:
    return [ProposalRow(**dict(zip(ProposalRow.__struct_fields__, row, strict=True))) for row in found]


def outcomes(session: Session, proposal_id: str, after: str, limit: int) -> list[ItemRow]:
    """The items that now stand for what was proposed (not those proposed anew since), by id above `after`."""
    return _items(
        session.rows(
            f"""SELECT {_ITEM} FROM payment_items i WHERE proposal = ? AND id > ? AND NOT EXISTS
                (SELECT 1 FROM payment_items n WHERE n.replaces = i.id) ORDER BY id LIMIT ?""",
            (proposal_id, after, limit),
        )
    )


def history(session: Session, item_id: str) -> list[HistoryRow]:
    """What banks said of an item, oldest first."""
    found = session.rows(f"SELECT {_HISTORY} FROM payment_history WHERE item_id = ? ORDER BY n", (item_id,))
    return [HistoryRow(**dict(zip(HistoryRow.__struct_fields__, row, strict=True))) for row in found]


def differences(session: Session, account: str | None, *, closed: bool, limit: int) -> list[DifferenceRow]:
    """Oldest first; those that are open, or with `closed` all."""
    which = "" if closed else " AND closed_at IS NULL"
    found = session.rows(
        f"""SELECT {_DIFFERENCE} FROM payment_differences WHERE account = coalesce(?, account){which}
            ORDER BY n LIMIT ?""",
        (account, limit),
    )
    return [DifferenceRow(**dict(zip(DifferenceRow.__struct_fields__, row, strict=True))) for row in found]


def difference(session: Session, n: int) -> DifferenceRow | None:
    found = session.rows(f"SELECT {_DIFFERENCE} FROM payment_differences WHERE n = ?", (n,))
    return (
        DifferenceRow(**dict(zip(DifferenceRow.__struct_fields__, found[0], strict=True))) if found else None
    )


def days(session: Session, account: str | None, limit: int) -> list[DayRow]:
    """Days that were compared, latest first."""
    found = session.rows(
        f"""SELECT {_DAY} FROM payment_days WHERE account = coalesce(?, account)
            ORDER BY day DESC, account LIMIT ?""",
        (account, limit),
    )
    return [DayRow(**dict(zip(DayRow.__struct_fields__, row, strict=True))) for row in found]

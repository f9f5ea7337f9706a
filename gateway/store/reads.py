"""The questions the store answers, for both databases. Plain functions on a session; no threads here."""

# ruff: noqa: S608 (only names of columns and states that this program defines are put into the texts)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.store.api import DeliveryRow, Filter, Found, MessageRow
from gateway.store.audit import FIND, SEQUENCED, SIZE
from gateway.store.columns import (
    DELIVERIES,
    DELIVERY,
    MESSAGE,
    delivery_and_message,
    delivery_row,
    message_row,
)
from gateway.store.session import Session
from gateway.store.states import TIMED, UNFINISHED, UNFINISHED_SQL


def message(session: Session, message_id: str) -> MessageRow | None:
    found = session.rows(f"SELECT {MESSAGE} FROM messages m WHERE m.id = ?", (message_id,))
    return message_row(found[0]) if found else None


def by_partner_id(session: Session, partner: str, partner_message_id: str) -> Found | None:
    found = session.rows(
        f"""SELECT {MESSAGE} FROM messages m WHERE m.partner_message_id = ? AND m.partner = ?
            AND (CASE direction WHEN 'reply' THEN id ELSE '' END) = ''""",
        (partner_message_id, partner),
    )
    return _with_deliveries(session, found)[0] if found else None


def audit_of(session: Session, message_id: str) -> list[tuple[int | None, str, bytes]]:
    return [(position, id_, bytes(entry)) for position, id_, entry in session.rows(FIND, (message_id,))]


def audit_size(session: Session) -> int:
    """How many audit entries have an index: those from 0 up to this number."""
    return int(session.rows(SIZE)[0][0])


def audit_from(session: Session, first: int, limit: int) -> list[bytes]:
    """The audit entries from index `first` on, in order of index."""
    return [bytes(entry) for (entry,) in session.rows(SEQUENCED, (first, limit))]


def delivery(session: Session, delivery_id: str) -> DeliveryRow | None:
    found = session.rows(f"SELECT {DELIVERY} FROM {DELIVERIES} WHERE d.id = ?", (delivery_id,))
    return delivery_row(found[0]) if found else None


def deliveries_of(session: Session, message_id: str) -> list[DeliveryRow]:
    found = session.rows(
        f"SELECT {DELIVERY} FROM {DELIVERIES} WHERE d.message_id = ? ORDER BY d.id", (message_id,)
    )
    return [delivery_row(values) for values in found]


def find(session: Session, what: Filter) -> list[Found]:
    conditions, values = _conditions(what)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    found = session.rows(
        f"SELECT {MESSAGE} FROM messages m {where} ORDER BY m.created DESC, m.id DESC LIMIT ?",
        (*values, what.limit),
    )
    return _with_deliveries(session, found)


def _with_deliveries(session: Session, found: Sequence[Sequence[Any]]) -> list[Found]:
    messages = [message_row(values) for values in found]
    by_message: defaultdict[str, list[DeliveryRow]] = defaultdict(list)
    for row in _of_all(session, [row.id for row in messages]):
        by_message[row.message_id].append(row)
    return [Found(row, tuple(by_message[row.id])) for row in messages]


def _of_all(session: Session, ids: Sequence[str]) -> Iterable[DeliveryRow]:
    if not ids:
        return ()
    marks = ",".join("?" * len(ids))
    found = session.rows(
        f"SELECT {DELIVERY} FROM {DELIVERIES} WHERE d.message_id IN ({marks}) ORDER BY d.id", ids
    )
    return map(delivery_row, found)


_TEXT = """m.id IN (SELECT id FROM messages WHERE id = ?
    UNION ALL SELECT id FROM messages WHERE partner_message_id = ?
    UNION ALL SELECT id FROM messages WHERE subject = ?
    UNION ALL SELECT id FROM messages WHERE correlation_id = ? AND correlation_id <> id
    UNION ALL SELECT message_id FROM deliveries WHERE reference = ?)"""
_PARTNER = """(m.partner = ? OR EXISTS
    (SELECT 1 FROM deliveries d WHERE d.message_id = m.id AND d.partner = ?))"""
_FINISHED = "EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.id AND d.state = ?)"


def _conditions(what: Filter) -> tuple[list[str], list[object]]:
    """`partner` is the one a message came from or is owed to."""
    parts: list[tuple[str, list[object]]] = []
    if what.text is not None:
        parts.append((_TEXT, [what.text] * 5))
    if what.partner is not None:
        parts.append((_PARTNER, [what.partner] * 2))
    if what.type is not None:
        parts.append(("m.type = ?", [what.type]))
    if what.state is not None:
        parts.append(_in_state(what.state))
    if what.since is not None:
        parts.append(("m.created >= ?", [what.since]))
    if what.until is not None:
        parts.append(("m.created < ?", [what.until]))
    if what.before is not None:
        parts.append(("(m.created, m.id) < (?, ?)", [*what.before]))
    return [sql for sql, _ in parts], [value for _, values in parts for value in values]


def _in_state(state: str) -> tuple[str, list[object]]:
    """The unfinished are few and indexed; the finished are nearly all, so newest first meets them soon."""
    if state in UNFINISHED:
        return f"m.id IN (SELECT message_id FROM deliveries WHERE state = '{state}')", []
    return _FINISHED, [state]


def due(session: Session, state: str, now: int, limit: int) -> list[DeliveryRow]:
    if state not in TIMED:
        raise ValueError(f"deliveries in state {state} have no next_at")
    found = session.rows(
        f"""SELECT {DELIVERY} FROM {DELIVERIES} WHERE d.state = '{state}' AND d.next_at <= ?
            ORDER BY d.next_at, d.id LIMIT ?""",
        (now, limit),
    )
    return [delivery_row(values) for values in found]


def owed(
    session: Session, updated_before: int, limit: int, after: str
) -> list[tuple[DeliveryRow, MessageRow]]:
    found = session.rows(
        f"""SELECT {DELIVERY}, {MESSAGE} FROM {DELIVERIES} JOIN messages m ON m.id = d.message_id
            WHERE d.state = 'pending' AND d.id > ? AND d.updated < ? ORDER BY d.id LIMIT ?""",
        (after, updated_before, limit),
    )
    return [delivery_and_message(values) for values in found]


#: The first part stands as in the index on `next_at`, which is used only then; the second keeps it from all that waits, which
#: is much while a partner is down.
_FOR_PEOPLE = """d.state IN ('held', 'waiting', 'in-doubt', 'dead') AND d.state IN ('held', 'in-doubt', 'dead')
    AND (d.state <> 'held' OR d.next_at IS NULL)"""


def for_people(
    session: Session, limit: int, partner: str | None = None, state: str | None = None
) -> list[tuple[DeliveryRow, MessageRow]]:
    """Deliveries that need a person, the longest waiting first; then those in doubt that are still tried.

    What is held and looked at again by itself needs nobody. `partner` and `state`: of these alone."""
    where, values = _wanted(partner, state)
    found = session.rows(
        f"""SELECT {DELIVERY}, {MESSAGE} FROM {DELIVERIES} JOIN messages m ON m.id = d.message_id
            WHERE {where} ORDER BY CASE WHEN d.next_at IS NULL THEN 0 ELSE 1 END, d.updated, d.id LIMIT ?""",
        (*values, limit),
    )
    return [delivery_and_message(values) for values in found]


def people_wait(session: Session, partner: str | None = None, state: str | None = None) -> tuple[int, int]:
    """(how many deliveries `for_people` would list, when one of them moved last), without reading them."""
    where, values = _wanted(partner, state)
    [(number, last)] = session.rows(
        f"SELECT count(*), coalesce(max(d.updated), 0) FROM deliveries d WHERE {where}", values
    )
    return int(number), int(last)


def _wanted(partner: str | None, state: str | None) -> tuple[str, list[str]]:
    asked = [("partner", partner), ("state", state)]
    given = [(column, value) for column, value in asked if value is not None]
    return " AND ".join((_FOR_PEOPLE, *(f"d.{column} = ?" for column, _ in given))), [
        value for _, value in given
    ]


def next_in_order(session: Session, partner: str, ordering_key: str) -> tuple[DeliveryRow, MessageRow] | None:
    found = session.rows(
        f"""SELECT {DELIVERY}, {MESSAGE} FROM {DELIVERIES} JOIN messages m ON m.id = d.message_id
            WHERE d.partner = ? AND d.ordering_key = ? AND d.state IN ({UNFINISHED_SQL})
            ORDER BY d.id LIMIT 1""",
        (partner, ordering_key),
    )
    first = delivery_and_message(found[0]) if found else None
    return first if first is not None and first[0].state == "pending" else None


def abandoned(session: Session, live_owners: Sequence[str], limit: int) -> list[DeliveryRow]:
    marks = ",".join("?" * len(live_owners))
    living = f"AND (d.owner IS NULL OR d.owner NOT IN ({marks}))" if live_owners else ""
    found = session.rows(
        f"SELECT {DELIVERY} FROM {DELIVERIES} WHERE d.state = 'sending' {living} ORDER BY d.id LIMIT ?",
        (*live_owners, limit),
    )
    return [delivery_row(values) for values in found]


def counts(session: Session) -> dict[tuple[str, str], int]:
    found = session.rows("SELECT partner, state, sum(n) FROM delivery_counts GROUP BY partner, state")
    return {(partner, state): int(n) for partner, state, n in found if n}


def blocked(session: Session) -> dict[str, int]:
    found = session.rows(
        f"""SELECT d.partner, count(*) FROM deliveries d WHERE d.ordering_key IS NOT NULL AND d.state = 'pending'
            AND EXISTS (SELECT 1 FROM deliveries o WHERE o.partner = d.partner AND o.ordering_key = d.ordering_key
                AND o.state IN ({UNFINISHED_SQL}) AND o.id < d.id) GROUP BY d.partner"""
    )
    return {partner: int(number) for partner, number in found}


def ordered(session: Session) -> list[tuple[str, str]]:
    found = session.rows(
        f"SELECT partner, ordering_key FROM deliveries WHERE ordering_key IS NOT NULL AND state IN ({UNFINISHED_SQL})"
    )
    return [(partner, key) for partner, key in found]


def reached(session: Session, series: str) -> int:
    found = session.rows("SELECT last FROM serials WHERE series = ?", (series,))
    return int(found[0][0]) if found else 0


def live_owners(session: Session, prefix: str, now: int) -> list[str]:
    found = session.rows(
        "SELECT DISTINCT owner FROM leases WHERE substr(name, 1, ?) = ? AND expires > ? ORDER BY owner",
        (len(prefix), prefix, now),
    )
    return [owner for (owner,) in found]

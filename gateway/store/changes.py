"""Rare changes: each runs as `Work` in the writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.store.api import AuditRow
from gateway.store.session import Session, WriteSession
from gateway.store.states import UNFINISHED

RESERVE = """INSERT INTO serials AS s (series, last) VALUES (?, ?)
    ON CONFLICT (series) DO UPDATE SET last = s.last + excluded.last RETURNING last"""
REACH = """INSERT INTO serials (series, last) VALUES (?, ?)
    ON CONFLICT (series) DO UPDATE SET last = excluded.last"""
LEASE = """INSERT INTO leases AS l (name, owner, expires) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
    WHERE l.owner = excluded.owner OR l.expires <= ?"""

UNPREPARE = "DELETE FROM prepared WHERE delivery_id IN (SELECT id FROM deliveries WHERE message_id = ?)"
ERASE = "UPDATE messages SET body = ?, raw = ? WHERE id = ?"


def reserve(session: Session, series: str, count: int) -> int:
    if count < 1:
        raise ValueError("at least one number must be reserved")
    [(last,)] = session.rows(RESERVE, (series, count))
    return int(last) - count + 1


def reach(session: Session, series: str, number: int) -> None:
    session.run(REACH, (series, number))


def lease(session: Session, name: str, owner: str, now: int, ttl_ms: int) -> bool:
    return session.run(LEASE, (name, owner, now + ttl_ms, now)) == 1


def release(session: Session, name: str, owner: str) -> None:
    session.run("DELETE FROM leases WHERE name = ? AND owner = ?", (name, owner))


def forget_tokens(session: Session, now: int) -> None:
    session.run("DELETE FROM tokens WHERE expires <= ?", (now,))


def erase(session: WriteSession, message_id: str) -> bool:
    """Payloads of the message, of its deliveries and of their replies become empty."""
    found = session.rows("SELECT state, reply_id FROM deliveries WHERE message_id = ?", (message_id,))
    if any(state in UNFINISHED for state, _ in found):
        return False
    session.prepare_erasing()
    ids = [message_id, *(reply for _, reply in found if reply is not None)]
    erased = sum(session.run(ERASE, (b"", b"", id_)) for id_ in ids)
    session.run(UNPREPARE, (message_id,))
    return erased > 0


def erase_on_record(session: WriteSession, message_ids: Sequence[str], entry: AuditRow) -> bool:
    """`erase` of all of them, with an audit entry; nothing where one cannot be erased."""
    owed = [
        state
        for message_id in message_ids
        for (state,) in session.rows("SELECT state FROM deliveries WHERE message_id = ?", (message_id,))
    ]
    if any(state in UNFINISHED for state in owed):
        return False
    for message_id in message_ids:
        erase(session, message_id)
    session.add_audit([entry])
    return True

"""Brings stored payloads under the current key after a rotation, batch by batch, so that old keys can be retired.

Runs in the writer's transactions: a batch of a hundred rows holds other changes up for a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.store.keyring import KeyRing, about
from gateway.store.session import Session

MESSAGES: Final = "SELECT id, body, raw FROM messages WHERE id > ? ORDER BY id LIMIT ?"
MESSAGE: Final = "UPDATE messages SET body = ?, raw = ? WHERE id = ?"
PREPARED: Final = (
    "SELECT delivery_id, sealed FROM prepared WHERE delivery_id > ? ORDER BY delivery_id LIMIT ?"
)
DELIVERY: Final = "UPDATE prepared SET sealed = ? WHERE delivery_id = ?"


def reseal_batch(session: Session, ring: KeyRing, place: str, limit: int) -> str | None:
    """
    Args:
        place: where to go on; "" at the beginning.

    Returns:
        The place of the next batch; None at the end.
    """
    table, _, after = place.partition(":")
    if table in ("", "messages"):
        last = _messages(session, ring, after, limit)
        return "prepared:" if last is None else f"messages:{last}"
    last = _prepared(session, ring, after, limit)
    return None if last is None else f"prepared:{last}"


def _messages(session: Session, ring: KeyRing, after: str, limit: int) -> str | None:
    found = session.rows(MESSAGES, (after, limit))
    for id_, body, raw in found:
        renew = _renewer(ring, id_)
        new_body, new_raw = renew(body, "body"), renew(raw, "raw")
        if new_body is not None or new_raw is not None:
            session.run(MESSAGE, (new_body or body, new_raw or raw, id_))
    return found[-1][0] if len(found) == limit else None


def _prepared(session: Session, ring: KeyRing, after: str, limit: int) -> str | None:
    found = session.rows(PREPARED, (after, limit))
    for id_, sealed in found:
        renewed = _renewer(ring, id_)(sealed, "prepared")
        if renewed is not None:
            session.run(DELIVERY, (renewed, id_))
    return found[-1][0] if len(found) == limit else None


def _renewer(ring: KeyRing, owner: str) -> Callable[[bytes, str], bytes | None]:
    return lambda sealed, part: ring.reseal(bytes(sealed), about(owner, part))

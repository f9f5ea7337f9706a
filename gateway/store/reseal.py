"""Brings stored payloads under the current key after a rotation, batch by batch, so that old keys can be retired.

Each batch is a transaction, which holds other changes up for a few milliseconds. A payload that somebody else has
changed or erased meanwhile stays as they left it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.contract import ConfigError
from gateway.store.keyring import KeyRing, about, head_of
from gateway.store.session import Session
from gateway.store.states import UNFINISHED_SQL


class _Sealed(NamedTuple):
    """A table with sealed columns."""

    table: str
    key: str  #: by which it is gone through, in order
    owner: str  #: column that the aad names
    parts: tuple[tuple[str, str], ...]  #: (column, part in the aad)


_TABLES: Final = (
    _Sealed("messages", "id", "id", (("body", "body"), ("raw", "raw"))),
    _Sealed("prepared", "delivery_id", "delivery_id", (("sealed", "prepared"),)),
    _Sealed("payment_items", "id", "id", (("sealed", "party"),)),
    _Sealed("payment_batches", "id", "id", (("salt", "salt"),)),
    _Sealed("payment_history", "n", "item_id", (("text", "text"),)),
    _Sealed("levy_debits", "id", "id", (("sealed", "levy"),)),
    _Sealed("levy_history", "n", "debit_id", (("text", "text"),)),
    _Sealed("levy_early", "n", "message_id", (("text", "text"),)),
)


def reseal_batch(
    session: Session, ring: KeyRing, place: str, limit: int, damaged: list[str] | None = None
) -> str | None:
    """
    Args:
        place: where to go on; "" at the beginning.
        damaged: gets the place of what does not open; without it, that ends the batch.

    Returns:
        The place of the next batch; None at the end.
    """
    name, _, after = place.partition(":")
    index = next((n for n, one in enumerate(_TABLES) if one.table == name), 0)
    last = _reseal(session, ring, _TABLES[index], after, limit, damaged)
    if last is not None:
        return f"{_TABLES[index].table}:{last}"
    return f"{_TABLES[index + 1].table}:" if index + 1 < len(_TABLES) else None


def _reseal(
    session: Session, ring: KeyRing, one: _Sealed, after: str, limit: int, damaged: list[str] | None
) -> str | None:
    columns = [column for column, _ in one.parts]
    start: str | int = int(after or 0) if one.key == "n" else after
    found = session.rows(
        f"SELECT {one.key}, {one.owner}, {', '.join(columns)} FROM {one.table}"  # noqa: S608 (our own names)
        f" WHERE {one.key} > ? ORDER BY {one.key} LIMIT ?",
        (start, limit),
    )
    for key, owner, *blobs in found:
        for blob, (column, part) in zip(blobs, one.parts, strict=True):
            try:
                renewed = None if blob is None else ring.reseal(bytes(blob), about(owner, part))
            except ConfigError:
                if damaged is None:
                    raise
                damaged.append(f"{one.table} {key} {column}")
                continue
            if renewed is not None:
                session.run(
                    f"UPDATE {one.table} SET {column} = ? WHERE {one.key} = ? AND {column} = ?",  # noqa: S608
                    (renewed, key, blob),
                )
    return str(found[-1][0]) if len(found) == limit else None


def rows(session: Session) -> int:
    """How many there are to go through."""
    return sum(int(session.rows(f"SELECT count(*) FROM {one.table}")[0][0]) for one in _TABLES)  # noqa: S608


def sealed_under(session: Session, key_id: str) -> int:
    """How many rows hold anything that is sealed under a key. Reads everything."""
    head, count = head_of(key_id), 0
    for one in _TABLES:
        under = " OR ".join(f"substr({column}, 1, {len(head)}) = ?" for column, _ in one.parts)
        asked = f"SELECT count(*) FROM {one.table} WHERE {under}"  # noqa: S608 (our own names)
        count += int(session.rows(asked, [head] * len(one.parts))[0][0])
    return count


def unfinished(session: Session, before: int) -> int:
    """How many deliveries are not finished that are older, in milliseconds since 1970: a message of theirs may be on
    the bus, sealed under the key of then."""
    asked = f"SELECT count(*) FROM deliveries WHERE state IN ({UNFINISHED_SQL}) AND created < ?"  # noqa: S608
    return int(session.rows(asked, (before,))[0][0])

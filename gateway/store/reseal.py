"""Brings stored payloads under the current key after a rotation, batch by batch, so that old keys can be retired.

Runs in the writer's transactions: a batch of a hundred rows holds other changes up for a few milliseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.store.keyring import KeyRing, about
from gateway.store.session import Session


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
)


def reseal_batch(session: Session, ring: KeyRing, place: str, limit: int) -> str | None:
    """
    Args:
        place: where to go on; "" at the beginning.

    Returns:
        The place of the next batch; None at the end.
    """
    name, _, after = place.partition(":")
    index = next((n for n, one in enumerate(_TABLES) if one.table == name), 0)
    last = _reseal(session, ring, _TABLES[index], after, limit)
    if last is not None:
        return f"{_TABLES[index].table}:{last}"
    return f"{_TABLES[index + 1].table}:" if index + 1 < len(_TABLES) else None


def _reseal(session: Session, ring: KeyRing, one: _Sealed, after: str, limit: int) -> str | None:
    columns = [column for column, _ in one.parts]
    start: str | int = int(after or 0) if one.key == "n" else after
    found = session.rows(
        f"SELECT {one.key}, {one.owner}, {', '.join(columns)} FROM {one.table}"  # noqa: S608 (our own names)
        f" WHERE {one.key} > ? ORDER BY {one.key} LIMIT ?",
        (start, limit),
    )
    update = f"UPDATE {one.table} SET {', '.join(f'{c} = ?' for c in columns)} WHERE {one.key} = ?"  # noqa: S608
    for key, owner, *blobs in found:
        renewed = [
            None if blob is None else ring.reseal(bytes(blob), about(owner, part))
            for blob, (_, part) in zip(blobs, one.parts, strict=True)
        ]
        if any(blob is not None for blob in renewed):
            kept = (new if new is not None else old for new, old in zip(renewed, blobs, strict=True))
            session.run(update, (*kept, key))
    return str(found[-1][0]) if len(found) == limit else None

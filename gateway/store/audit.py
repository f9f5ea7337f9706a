"""Gives the committed audit entries their places in the log. See `unsequenced` of each database for what differs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from gateway.store.database import Database
from gateway.store.session import Session, Unit, Work, WriteSession

SEQUENCED = """SELECT a.entry FROM audit_index i JOIN audit a ON a.n = i.n
    WHERE i.position >= ? ORDER BY i.position LIMIT ?"""
SIZE = "SELECT coalesce(max(position) + 1, 0) FROM audit_index"
FIND = """SELECT i.position, a.id, a.entry FROM audit a LEFT JOIN audit_index i ON i.n = a.n
    WHERE a.message_id = ? ORDER BY a.n"""


_listed = msgspec.json.Decoder(list[tuple[int, str, str]]).decode


class Blocking(Protocol):
    """The part of a writer that is used."""

    def commit_blocking(self, unit: Unit) -> Any: ...


class AuditSource:
    """Audit entries in the store. For one worker thread at a time; must not be used in the reactor thread.

    Reads use a connection of their own; `sequence` joins the writer's next group, so that there are no two
    writers to wait for each other, and usually not even a further fsync.
    """

    def __init__(self, database: Database, writer: Blocking) -> None:
        self._database = database
        self._writer = writer
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._numbers: dict[str, int] = {}  # row numbers of what `unsequenced` last returned

    def unsequenced(self, limit: int) -> list[tuple[str, bytes]]:
        """(entry id, entry bytes) of entries that are committed but have no index, in commit order."""
        [(listed,)] = self._rows(self._database.unsequenced, limit)
        found = _listed(listed)
        self._numbers = {id_: n for n, id_, _ in found}
        return [(id_, bytes.fromhex(entry)) for _, id_, entry in found]

    def sequence(self, first_index: int, entry_ids: Sequence[str]) -> None:
        """Gives consecutive indices, durably and in one transaction. They never change afterwards.

        Args:
            first_index: the present `size`.
            entry_ids: the first entries that `unsequenced` returned, in its order.

        Raises:
            ValueError: the log or the entries are not in that state; nothing was changed.
            Unavailable: the database could not be written.
        """
        if not entry_ids:
            return
        numbers = [self._numbers.get(id_, 0) for id_ in entry_ids]
        if list(entry_ids) != list(self._numbers)[: len(numbers)]:
            raise ValueError("entries must be sequenced in the order in which they were listed")
        error = self._writer.commit_blocking(Work(_sequence, (first_index, numbers)))
        if error:
            raise ValueError(error)
        self._numbers = {}

    def sequenced(self, first_index: int, limit: int) -> list[bytes]:
        """The bytes of the entries from `first_index` on, in order of index."""
        return [bytes(entry) for (entry,) in self._rows(SEQUENCED, first_index, limit)]

    def size(self) -> int:
        """How many entries have an index; they are the indices from 0 up to this number."""
        return int(self._rows(SIZE)[0][0])

    def find(self, message_id: str) -> list[tuple[int | None, str, bytes]]:
        """(index or None, entry id, entry bytes) of all entries of a message, in order."""
        return [(position, id_, bytes(entry)) for position, id_, entry in self._rows(FIND, message_id)]

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                self._session = self._session or self._database.open_reader()
                return self._session.rows(sql, values)
            except Exception as error:
                session, self._session = self._session, None
                if session is not None:
                    session.close()
                raise self._database.explain(error) from None


def _sequence(session: WriteSession, first_index: int, numbers: list[int]) -> str:
    """Returns what is wrong instead of raising, which would undo the neighbours' work for nothing."""
    if session.rows(SIZE)[0][0] != first_index:
        return "the log does not end at this index"
    session.sequence(first_index, numbers)
    return ""

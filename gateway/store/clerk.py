"""Lets a person change a few things beside a running gateway, also where that holds the lock of the database.

One connection, no lock, no migration, no threads: each unit is one transaction through the same `apply` as the
gateway's own. On SQLite the two writers take turns within the busy timeout; their transactions last milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from gateway.store import errors, reads
from gateway.store.api import Advance, DeliveryRow, Record
from gateway.store.database import Database
from gateway.store.group import apply
from gateway.store.guest import Guest
from gateway.store.session import CommitBroken, Work, WriteSession

T = TypeVar("T")


class Clerk(Guest[WriteSession]):
    """A guest that writes; use it as a context manager. The methods block.

    Raises (all methods): `gateway.contract.Unavailable` where the database stays locked or cannot be written, and
    nothing was changed; `FateUnknown` where the connection broke during the commit.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database.open_guest_writer, database.explain)

    def record(self, unit: Record) -> None:
        """Commits audit entries."""
        self._commit(unit, None)

    def advance(self, unit: Advance, seen: DeliveryRow) -> bool:
        """Commits a step; False, and nothing changed, where the delivery is not any more as it was `seen`.

        The state alone would not tell: a delivery in doubt may meanwhile be asked about again.
        """
        return bool(self._commit(unit, seen))

    def work(self, do: Callable[..., T], *arguments: Any) -> T:
        """Runs a rare change in a transaction of its own: `do(session, *arguments)`. What it raises undoes it."""
        result: T = self._commit(Work(do, arguments), None)
        return result

    def _commit(self, unit: Advance | Record | Work, seen: DeliveryRow | None) -> Any:
        session = self._session
        try:
            session.begin()
            if seen is not None and not unmoved(session, seen):
                session.rollback()
                return False
            [result] = apply(session, [unit])
            session.commit()
        except CommitBroken:
            raise errors.FateUnknown(
                "提交时连接中断，结果未知：请查看报文的状态后再决定",
                "the connection broke during the commit: look at the message before you decide again",
            ) from None
        except Exception as error:
            session.rollback()
            raise self._explain(error) from None
        return result


def unmoved(session: WriteSession, seen: DeliveryRow) -> bool:
    """Whether a delivery is as it was seen; if so, nobody else changes it before the commit."""
    session.states([seen.id])  # locks the row where the transaction does not lock everything
    now = reads.delivery(session, seen.id)
    return now is not None and (now.state, now.updated, now.next_at) == (
        seen.state,
        seen.updated,
        seen.next_at,
    )

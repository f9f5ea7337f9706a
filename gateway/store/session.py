"""The seam between the store and a database: what each back end must be able to do, and no more.

SQL texts are written once with `?` for values; the PostgreSQL session turns that into `%s`. Only the
set-based writes of the hot path have one form for each database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from gateway.store.api import Accept, Advance, AuditRow, DeliveryRow, MessageRow, Record


class Session(Protocol):
    """One connection, used by one thread."""

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and fetches everything it returns."""
        ...

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Runs one statement; returns the number of rows it changed."""
        ...

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Runs one statement once for each row, in order; returns the number of rows changed in all."""
        ...

    def close(self) -> None: ...


class State(NamedTuple):
    """What guards look at."""

    state: str
    partner: str
    ordering_key: str | None


class Remember(Struct, frozen=True):
    """Unit: a one-time token. Guard: it is not known, or expired."""

    scope: str
    token: str
    expires: int
    now: int


class Work(Struct, frozen=True):
    """Unit: anything rare, `do(session, *arguments)` with a function that can be pickled. Runs in the group's
    transaction, undone alone when it raises."""

    do: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


Unit = Accept | Advance | Record | Remember | Work


class WriteSession(Session, Protocol):
    """The connection of the writer thread. Rows come in sets: a statement per row costs a round trip each on
    PostgreSQL, and on SQLite a hand-over of the interpreter lock each, for which a busy reactor makes it wait."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """Leaves the session usable whatever happened; may reconnect. Never raises."""
        ...

    def ready(self) -> None:
        """Makes sure that there is a connection.

        Raises:
            Unavailable: there is none.
        """
        ...

    def was_committed(self) -> bool:
        """Asks for the fate of the transaction whose COMMIT failed with `CommitBroken`."""
        ...

    def explain(self, error: Exception) -> Exception:
        """The error as the store's callers know it, free of values."""
        ...

    def accept_messages(self, rows: Sequence[MessageRow]) -> set[str]:
        """Inserts those whose partner message id is not taken; returns their ids."""
        ...

    def add_messages(self, rows: Sequence[MessageRow]) -> None: ...

    def add_deliveries(self, rows: Sequence[DeliveryRow]) -> None: ...

    def add_audit(self, rows: Sequence[AuditRow]) -> None: ...

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        """Present state of deliveries, which nobody else can change before the commit."""
        ...

    def advance(self, units: Sequence[Advance]) -> None:
        """Applies units whose guards hold; each delivery occurs once."""
        ...

    def count(self, changes: Mapping[tuple[str, str], int]) -> None:
        """Adds to the number of deliveries by (partner, state)."""
        ...

    def remember(self, units: Sequence[Remember]) -> set[tuple[str, str]]:
        """Stores tokens not known; each occurs once. Returns (scope, token) of the new ones."""
        ...

    def sequence(self, first_index: int, numbers: Sequence[int]) -> None:
        """Gives audit rows their positions."""
        ...

    def prepare_erasing(self) -> None:
        """What is overwritten in this transaction must not survive in free space, as far as the database can."""
        ...


class CommitBroken(Exception):
    """The connection ended during COMMIT: only the database knows whether it took place."""

"""The questions alone, without lock, migration, threads or reactor: for the command line, also beside a
running gateway. The methods block and raise what `Store` would give through its Deferreds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gateway.store import reads
from gateway.store.api import DeliveryRow, Filter, Found, MessageRow
from gateway.store.database import Database
from gateway.store.guest import Guest
from gateway.store.session import Session

T = TypeVar("T")


class Reader(Guest[Session]):
    """One connection that can only read; use it as a context manager."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.open_guest, database.explain)
        self._backlog = database.backlog

    def ask(self, question: Callable[..., T], *values: Any) -> T:
        """A question of `reads`, `payments_reads` and the like: `question(session, *values)`."""
        try:
            return question(self._session, *values)
        except Exception as error:
            raise self._explain(error) from None

    def message(self, message_id: str) -> MessageRow | None:
        return self.ask(reads.message, message_id)

    def by_partner_id(self, partner: str, partner_message_id: str) -> Found | None:
        return self.ask(reads.by_partner_id, partner, partner_message_id)

    def delivery(self, delivery_id: str) -> DeliveryRow | None:
        return self.ask(reads.delivery, delivery_id)

    def deliveries_of(self, message_id: str) -> list[DeliveryRow]:
        return self.ask(reads.deliveries_of, message_id)

    def find(self, what: Filter) -> list[Found]:
        return self.ask(reads.find, what)

    def due(self, state: str, now: int, limit: int) -> list[DeliveryRow]:
        return self.ask(reads.due, state, now, limit)

    def owed(self, updated_before: int, limit: int, after: str = "") -> list[tuple[DeliveryRow, MessageRow]]:
        return self.ask(reads.owed, updated_before, limit, after)

    def for_people(
        self, limit: int, partner: str | None = None, state: str | None = None
    ) -> list[tuple[DeliveryRow, MessageRow]]:
        return self.ask(reads.for_people, limit, partner, state)

    def next_in_order(self, partner: str, ordering_key: str) -> tuple[DeliveryRow, MessageRow] | None:
        return self.ask(reads.next_in_order, partner, ordering_key)

    def abandoned(self, live_owners: Sequence[str], limit: int) -> list[DeliveryRow]:
        return self.ask(reads.abandoned, live_owners, limit)

    def counts(self) -> dict[tuple[str, str], int]:
        return self.ask(reads.counts)

    def live_owners(self, prefix: str, now: int) -> list[str]:
        return self.ask(reads.live_owners, prefix, now)

    def audit_of(self, message_id: str) -> list[tuple[int | None, str, bytes]]:
        """(index in the log or None, entry id, entry) of everything recorded about a message."""
        return self.ask(reads.audit_of, message_id)

    def audit_backlog(self) -> int:
        """How many committed audit entries have no index yet; cheap."""
        return int(self.ask(lambda session: session.rows(self._backlog))[0][0])

"""The store as the engine sees it: a writer, some readers, and the audit source on one database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred

from gateway.store import changes, reads
from gateway.store.api import (
    Accept,
    Advance,
    DeliveryRow,
    Existing,
    Filter,
    Found,
    MessageRow,
    Record,
)
from gateway.store.audit import AuditSource
from gateway.store.database import Database
from gateway.store.keyring import KeyRing
from gateway.store.readers import Readers
from gateway.store.remote import RemoteWriter
from gateway.store.reseal import reseal_batch
from gateway.store.session import Remember, Work
from gateway.store.settings import StoreSettings
from gateway.store.writer import Threads, Writer

T = TypeVar("T")
#: Expired tokens are deleted this often, not with every new one.
FORGET_MS = 60_000


class SqlStore:
    """Implements `gateway.store.api.Store`."""

    def __init__(self, database: Database, settings: StoreSettings, reactor: Threads) -> None:
        self._readers = Readers(database.open_reader, database.explain, reactor, settings.pool_size)
        self.exclusive = database.exclusive
        self._database = database
        self._reactor = reactor
        self._writer: Writer | RemoteWriter = (
            RemoteWriter(settings, reactor)
            if database.exclusive and settings.writer == "process"
            else Writer(database.open_writer, reactor, settings.group_window, settings.group_limit)
        )
        self._services: dict[str, Any] = {}
        self._sources: list[AuditSource] = []
        self._forget_at = 0

    @property
    def on_group(self) -> Callable[[int], None] | None:
        return self._writer.on_group

    @on_group.setter
    def on_group(self, tell: Callable[[int], None] | None) -> None:
        self._writer.on_group = tell

    def start(self) -> Deferred[None]:
        if isinstance(self._writer, RemoteWriter):
            return self._writer.start().addCallback(lambda _: self._readers.start())
        return self._in_thread(self._start)

    def stop(self) -> Deferred[None]:
        if isinstance(self._writer, RemoteWriter):
            return self._writer.stop().addCallback(lambda _: self._in_thread(self._stop_reading))
        return self._in_thread(self._stop)

    def on_lost(self, tell: Callable[[], None]) -> None:
        """Whom to tell when the store process ended by itself: the gateway must end then, too."""
        if isinstance(self._writer, RemoteWriter):
            self._writer.on_lost = tell

    def _start(self) -> None:
        assert isinstance(self._writer, Writer)
        self._writer.start()
        self._readers.start()

    def _stop(self) -> None:
        assert isinstance(self._writer, Writer)
        self._writer.stop()
        self._stop_reading()

    def _stop_reading(self) -> None:
        self._readers.stop()
        for source in self._sources:
            source.close()
        self._database.release()

    def _in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        """A thread of its own: the reactor's pool may be busy, or already stopped when the store stops."""
        done: Deferred[T] = Deferred()

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                self._reactor.callFromThread(done.errback, self._database.explain(error))
            else:
                self._reactor.callFromThread(done.callback, result)

        threading.Thread(target=run, name="store-lifecycle", daemon=True).start()
        return done

    @overload
    def commit(self, unit: Accept) -> Deferred[Existing | None]: ...

    @overload
    def commit(self, unit: Advance) -> Deferred[bool]: ...

    @overload
    def commit(self, unit: Record) -> Deferred[None]: ...

    def commit(self, unit: Accept | Advance | Record) -> Deferred[Any]:
        return self._writer.commit(unit)

    def work(self, do: Callable[..., T], *arguments: Any) -> Deferred[T]:
        """Runs a rare change in the writer's transaction: `do(session, *arguments)`, a module's function."""
        return self._writer.commit(Work(do, arguments))

    def ask(self, question: Callable[..., T], *values: Any) -> Deferred[T]:
        """Runs a question of `payments_reads` and the like, `question(session, *values)`, in a reading thread."""
        return self._readers.ask(lambda session: question(session, *values))

    def reserve(self, series: str, count: int) -> Deferred[int]:
        return self.work(changes.reserve, series, count)

    def reach(self, series: str, number: int) -> Deferred[None]:
        return self.work(changes.reach, series, number)

    def reached(self, series: str) -> Deferred[int]:
        return self._readers.ask(lambda session: reads.reached(session, series))

    def lease(self, name: str, owner: str, now: int, ttl_ms: int) -> Deferred[bool]:
        return self.work(changes.lease, name, owner, now, ttl_ms)

    def release(self, name: str, owner: str) -> Deferred[None]:
        return self.work(changes.release, name, owner)

    def remember(self, scope: str, token: str, expires: int, now: int) -> Deferred[bool]:
        if now >= self._forget_at:
            self._forget_at = now + FORGET_MS
            forgotten = self.work(changes.forget_tokens, now)
            forgotten.addErrback(lambda _: None)  # the next minute will do
        return self._writer.commit(Remember(scope, token, expires, now))

    def erase(self, message_id: str) -> Deferred[bool]:
        return self.work(changes.erase, message_id)

    def reseal(self, ring: KeyRing, place: str = "", limit: int = 100) -> Deferred[str | None]:
        """One batch of payloads under the current key; the result is the next `place`, None at the end.

        To be called again and again, with pauses, by whoever rotated the ring.
        """
        return self.work(reseal_batch, ring, place, limit)

    def host(self, name: str, factory: Callable[..., Any], *arguments: Any) -> Deferred[None]:
        """Makes a service of the audit entries, `factory(audit_source, *arguments)`, where the writer is."""
        if isinstance(self._writer, RemoteWriter):
            return self._writer.host(name, factory, *arguments)

        def make() -> None:
            self._services[name] = factory(self.audit_source(), *arguments)

        return self._in_thread(make)

    def invoke(self, name: str, method: str, *arguments: Any) -> Deferred[Any]:
        """Calls a service's method, one call at a time, never in the reactor's thread."""
        if isinstance(self._writer, RemoteWriter):
            return self._writer.invoke(name, method, *arguments)
        return self._in_thread(lambda: getattr(self._services[name], method)(*arguments))

    def audit_source(self) -> AuditSource:
        source = AuditSource(self._database, self._writer)
        self._sources.append(source)
        return source

    def audit_backlog(self) -> Deferred[int]:
        return self._readers.ask(lambda session: int(session.rows(self._database.backlog)[0][0]))

    def message(self, message_id: str) -> Deferred[MessageRow | None]:
        return self._readers.ask(lambda session: reads.message(session, message_id))

    def by_partner_id(self, partner: str, partner_message_id: str) -> Deferred[Found | None]:
        return self._readers.ask(lambda session: reads.by_partner_id(session, partner, partner_message_id))

    def audit_of(self, message_id: str) -> Deferred[list[tuple[int | None, str, bytes]]]:
        return self._readers.ask(lambda session: reads.audit_of(session, message_id))

    def delivery(self, delivery_id: str) -> Deferred[DeliveryRow | None]:
        return self._readers.ask(lambda session: reads.delivery(session, delivery_id))

    def deliveries_of(self, message_id: str) -> Deferred[list[DeliveryRow]]:
        return self._readers.ask(lambda session: reads.deliveries_of(session, message_id))

    def find(self, what: Filter) -> Deferred[list[Found]]:
        return self._readers.ask(lambda session: reads.find(session, what))

    def due(self, state: str, now: int, limit: int) -> Deferred[list[DeliveryRow]]:
        return self._readers.ask(lambda session: reads.due(session, state, now, limit))

    def owed(
        self, updated_before: int, limit: int, after: str = ""
    ) -> Deferred[list[tuple[DeliveryRow, MessageRow]]]:
        return self._readers.ask(lambda session: reads.owed(session, updated_before, limit, after))

    def next_in_order(
        self, partner: str, ordering_key: str
    ) -> Deferred[tuple[DeliveryRow, MessageRow] | None]:
        return self._readers.ask(lambda session: reads.next_in_order(session, partner, ordering_key))

    def abandoned(self, live_owners: Sequence[str], limit: int) -> Deferred[list[DeliveryRow]]:
        return self._readers.ask(lambda session: reads.abandoned(session, live_owners, limit))

    def counts(self) -> Deferred[dict[tuple[str, str], int]]:
        return self._readers.ask(reads.counts)

    def blocked(self) -> Deferred[dict[str, int]]:
        return self._readers.ask(reads.blocked)

    def ordered(self) -> Deferred[list[tuple[str, str]]]:
        return self._readers.ask(reads.ordered)

    def live_owners(self, prefix: str, now: int) -> Deferred[list[str]]:
        return self._readers.ask(lambda session: reads.live_owners(session, prefix, now))

"""What the store promises, the same on SQLite and PostgreSQL.

All changes go through `Store.commit(unit)`. Units that arrive together are committed together (one group,
one fsync), yet each stands for itself: a unit whose guard does not hold writes nothing, and its neighbours
are not disturbed. When the Deferred fires, the unit is durable.

States of a delivery (the engine owns the machine; the store only compares and sets):

    held ─► pending (cleared) | rejected (refused by a check)
    pending ─► sending ─► accepted | rejected | waiting ─► pending …
                     └──► in-doubt ─► accepted | rejected | reversed | pending …
    waiting ─► dead ─► pending (replayed by a person) | rejected (closed by a person)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, overload

from msgspec import Struct
from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from gateway.store.audit import AuditSource


class MessageRow(Struct, frozen=True, kw_only=True):
    """A message. Times are milliseconds since 1970 UTC. `body` and `raw` are sealed (see `keyring`)."""

    id: str
    type: str
    direction: str  #: `in` from a partner, `reply` from a partner we asked
    partner: str
    partner_message_id: str | None
    idempotency: bytes  #: digest of what makes two messages with one id the same
    correlation_id: str
    causation_id: str | None
    region: str
    subject: str | None
    mapping: str | None
    created: int
    deadline: int | None
    body: bytes  #: sealed canonical JSON of the whole `Message`
    raw: bytes  #: sealed bytes as received


class DeliveryRow(Struct, frozen=True, kw_only=True):
    """What is owed to one partner for one message."""

    id: str
    message_id: str
    partner: str
    operation: str
    style: str  #: `request-reply` or `one-way`
    state: str
    routing_key: str
    ordering_key: str | None = None
    attempts: int = 0
    created: int
    updated: int
    next_at: int | None = None  #: when `held`, `waiting` or `in-doubt` is taken up again
    reason: str | None = None  #: for operators; no personal data
    owner: str | None = None  #: instance that is `sending`
    prepared: bytes | None = None  #: sealed `Prepared`
    reference: str | None = None
    reply_id: str | None = None  #: the message that answered
    resolutions: int = 0  #: queries and reversals tried since it became in-doubt


class AuditRow(Struct, frozen=True):
    """One audit entry, already encoded; sequenced later by the audit integrator."""

    id: str
    message_id: str | None
    entry: bytes


class Accept(Struct, frozen=True):
    """Guard: no message of this partner has this partner_message_id yet. Writes all rows or nothing."""

    message: MessageRow
    deliveries: tuple[DeliveryRow, ...]
    audit: tuple[AuditRow, ...]


class Advance(Struct, frozen=True, kw_only=True):
    """Guard: the delivery is in `before` (and, with `in_order`, nothing older with its ordering key and
    partner is unfinished). Sets the given fields and writes the other rows, or nothing.

    `next_at`, `reason` and `owner` are always set as given; `prepared`, `reference` and `reply_id` keep their
    old value where None is given; `prepared=b""` clears it and the reference.
    """

    delivery_id: str
    before: str
    after: str
    at: int
    attempts: int = 0  #: added to the count
    resolutions: int | None = None  #: set where given
    next_at: int | None = None
    reason: str | None = None
    owner: str | None = None
    prepared: bytes | None = None
    reference: str | None = None
    reply: MessageRow | None = None  #: stored, and its id set as reply_id
    audit: tuple[AuditRow, ...] = ()
    in_order: bool = False


class Record(Struct, frozen=True):
    """No guard: audit entries alone (a refusal, a configuration change)."""

    audit: tuple[AuditRow, ...]


class Existing(Struct, frozen=True):
    """Result of an `Accept` whose partner_message_id is taken."""

    message_id: str
    idempotency: bytes


class Filter(Struct, frozen=True, kw_only=True):
    """What `find` looks for; None means any."""

    text: str | None = None  #: matches id, partner_message_id, subject, reference or correlation_id exactly
    partner: str | None = None
    type: str | None = None
    state: str | None = None  #: of any of its deliveries
    since: int | None = None
    until: int | None = None
    before: tuple[int, str] | None = None  #: (created, id) of the last message of the page before
    limit: int = 50


class Found(Struct, frozen=True):
    """A message with its deliveries; the bodies stay sealed."""

    message: MessageRow
    deliveries: tuple[DeliveryRow, ...]


class Store(Protocol):
    """The store. Methods return Deferreds that fire in the reactor thread; work happens in its own threads.

    Raises (through the Deferreds): `gateway.contract.Unavailable` when the database is locked, full, or
    gone; nothing of the unit was committed then.
    """

    exclusive: bool  #: True where no other process can be working on the same data (SQLite holds a file lock)
    on_group: Callable[[int], None] | None
    """Called in the reactor thread after every group with the number of units that it committed."""

    def start(self) -> Deferred[None]:
        """Opens, migrates, and takes the lock where the store is exclusive."""
        ...

    def stop(self) -> Deferred[None]:
        """Commits what was handed in, closes."""
        ...

    @overload
    def commit(self, unit: Accept) -> Deferred[Existing | None]:
        """None when committed, else what holds the partner_message_id."""
        ...

    @overload
    def commit(self, unit: Advance) -> Deferred[bool]:
        """Whether the guard held."""
        ...

    @overload
    def commit(self, unit: Record) -> Deferred[None]: ...

    def message(self, message_id: str) -> Deferred[MessageRow | None]: ...

    def by_partner_id(self, partner: str, partner_message_id: str) -> Deferred[Found | None]: ...

    def delivery(self, delivery_id: str) -> Deferred[DeliveryRow | None]: ...

    def deliveries_of(self, message_id: str) -> Deferred[list[DeliveryRow]]: ...

    def find(self, what: Filter) -> Deferred[list[Found]]:
        """Newest first."""
        ...

    def due(self, state: str, now: int, limit: int) -> Deferred[list[DeliveryRow]]:
        """Deliveries in `state` (`held`, `waiting`, `in-doubt`) whose next_at has come, oldest next_at first."""
        ...

    def owed(
        self, updated_before: int, limit: int, after: str = ""
    ) -> Deferred[list[tuple[DeliveryRow, MessageRow]]]:
        """`pending` deliveries last touched before then, in order of id, ids greater than `after`: to be
        published (again)."""
        ...

    def next_in_order(
        self, partner: str, ordering_key: str
    ) -> Deferred[tuple[DeliveryRow, MessageRow] | None]:
        """The oldest unfinished delivery with that ordering key, if it is `pending`."""
        ...

    def abandoned(self, live_owners: Sequence[str], limit: int) -> Deferred[list[DeliveryRow]]:
        """`sending` deliveries whose owner is not among the living."""
        ...

    def counts(self) -> Deferred[dict[tuple[str, str], int]]:
        """(partner, state) → number of deliveries, for metrics and lists."""
        ...

    def blocked(self) -> Deferred[dict[str, int]]:
        """Partner → number of `pending` deliveries that wait for an older one with their ordering key."""
        ...

    def ordered(self) -> Deferred[list[tuple[str, str]]]:
        """(partner, ordering key) of every unfinished delivery that has one."""
        ...

    def reserve(self, series: str, count: int) -> Deferred[int]:
        """Reserves `count` consecutive serial numbers, durably; returns the first. Starts at 1."""
        ...

    def reach(self, series: str, number: int) -> Deferred[None]:
        """Notes durably that a long piece of work, `series`, has come to `number`."""
        ...

    def reached(self, series: str) -> Deferred[int]:
        """What was noted last; 0 where nothing was."""
        ...

    def lease(self, name: str, owner: str, now: int, ttl_ms: int) -> Deferred[bool]:
        """Takes or renews a lease; False where another owner holds it unexpired."""
        ...

    def release(self, name: str, owner: str) -> Deferred[None]: ...

    def live_owners(self, prefix: str, now: int) -> Deferred[list[str]]:
        """Owners of unexpired leases whose name starts with `prefix`."""
        ...

    def remember(self, scope: str, token: str, expires: int, now: int) -> Deferred[bool]:
        """Remembers a one-time token (a nonce) until `expires`; False where it is already known. Forgets the expired."""
        ...

    def erase(self, message_id: str) -> Deferred[bool]:
        """Overwrites the payloads (and with them the salts) of a message and of its replies; the audit log still
        verifies. False where the message is unknown or a delivery of it is unfinished."""
        ...

    def audit_of(self, message_id: str) -> Deferred[list[tuple[int | None, str, bytes]]]:
        """(index in the log or None, entry id, entry) of everything recorded about a message, in order."""
        ...

    def audit_backlog(self) -> Deferred[int]:
        """How many committed audit entries have no index yet; cheap."""
        ...

    def audit_source(self) -> AuditSource:
        """For the audit integrator: blocking, to be used in a worker thread."""
        ...

"""Accepting: one store transaction holds the message, its idempotency key, its deliveries and its audit entry.

Only after that commit is anything said to the partner or handed to the bus.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.canonical import Message
from gateway.contract import Clock, Operation
from gateway.engine.journal import Journal
from gateway.engine.keeping import Keeping
from gateway.engine.lifecycle import HELD, PENDING
from gateway.engine.observer import Observer
from gateway.engine.order import Order
from gateway.engine.outbox import Outbox, routing_key
from gateway.engine.proving import Proofs
from gateway.engine.replies import Replies
from gateway.engine.routes import Router, Target
from gateway.engine.vault import Vault
from gateway.store.api import Accept, AuditRow, DeliveryRow, MessageRow, Store
from gateway.store.chest import Chest

#: After so long a held delivery is looked at even if nothing else has drawn attention to it.
LOOK_AGAIN_MS = 5_000


def milliseconds(moment: dt.datetime) -> int:
    """Milliseconds since 1970, as the store keeps times."""
    return int(moment.timestamp() * 1000)


def style_of(message: Message, operation: Operation) -> str:
    """Whether somebody waits for what becomes of a delivery: a deadline says so, if the operation has an answer."""
    return "one-way" if message.deadline is None or operation.style == "one-way" else "request-reply"


@dataclass(frozen=True, slots=True)
class Acceptor:
    """The parts that accepting needs; shared by every partner's inbox."""

    store: Store
    vault: Vault
    journal: Journal
    router: Router
    outbox: Outbox
    replies: Replies
    order: Order
    observer: Observer
    keeping: Keeping
    proofs: Proofs
    ids: Callable[[], str]
    clock: Clock

    @property
    def chest(self) -> Chest:
        """Where attachments are."""
        return self.keeping.chest


class Owing(Protocol):
    """The parts that making a message needs: an `Acceptor`, or what a person's program has of it."""

    @property
    def vault(self) -> Vault: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def chest(self) -> Chest: ...
    @property
    def ids(self) -> Callable[[], str]: ...


@dataclass(frozen=True, slots=True)
class Owed:
    """An accepted message with everything that was committed for it."""

    message: Message
    body: bytes  #: sealed
    deliveries: tuple[DeliveryRow, ...]


def owe(
    parts: Owing,
    message: Message,
    targets: Sequence[Target],
    raw: bytes,
    same: bytes,
    *,
    held: bool = False,
) -> tuple[Owed, Accept]:
    """A message with its deliveries, and the unit that commits them.

    Args:
        raw: the bytes it came in.
        same: what must be equal for a repetition to be the same message.
        held: nothing may be sent until a question is answered (`clearance.py`).
    """
    sealed = parts.vault.seal_message(message)
    evidence = parts.vault.seal(raw, message.id, "raw")
    row = MessageRow(
        id=message.id,
        type=message.type,
        direction="in",
        partner=message.partner,
        partner_message_id=message.partner_message_id,
        idempotency=hashlib.sha256(same).digest(),
        correlation_id=message.correlation_id,
        causation_id=message.causation_id,
        region=message.region,
        subject=message.subject,
        mapping=message.mapping,
        created=milliseconds(message.time),
        deadline=None if message.deadline is None else milliseconds(message.deadline),
        body=sealed.blob,
        raw=evidence.blob,
    )
    deliveries = tuple(_delivery(parts, message, row.created, target, held=held) for target in targets)
    kept = message.attachment
    digest = evidence.digest if kept is None else parts.chest.digest(kept.claim)
    audit: tuple[AuditRow, ...] = (parts.journal.accepted(message, digest, sealed.digest),)
    return Owed(message, sealed.blob, deliveries), Accept(row, deliveries, audit)


def _delivery(parts: Owing, message: Message, created: int, target: Target, *, held: bool) -> DeliveryRow:
    return DeliveryRow(
        id=parts.ids(),
        message_id=message.id,
        partner=target.partner,
        operation=target.operation.name,
        style=style_of(message, target.operation),
        state=HELD if held else PENDING,
        routing_key=routing_key(message.type, message.region, target.partner),
        ordering_key=message.ordering_key,
        created=created,
        updated=created,
        next_at=created + LOOK_AGAIN_MS if held else None,
        reason="等待前置核验的答复 / waits for a question to be answered" if held else None,
    )


def publish(parts: Acceptor, owed: Owed) -> None:
    """Hands what was committed to the bus; what is held stays."""
    for delivery in owed.deliveries:
        parts.order.remember(delivery.partner, delivery.ordering_key)
        if delivery.state == PENDING:
            parts.outbox.publish(delivery, owed.body, fresh=True)

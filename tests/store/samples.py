"""Rows and units to fill a store with. Everything has a default, so that a test names only what it is about."""

from __future__ import annotations

from itertools import count
from typing import Any

from gateway.store.api import Accept, Advance, AuditRow, DeliveryRow, MessageRow

_numbers = count(1)


def new_id(prefix: str = "m") -> str:
    """Rising, like the gateway's own ids."""
    return f"{prefix}-{next(_numbers):09d}"


def message(**fields: Any) -> MessageRow:
    id_ = fields.pop("id", None) or new_id()
    defaults: dict[str, Any] = {
        "type": "settlement.claim.submitted.v1",
        "direction": "in",
        "partner": "hospital-1",
        "partner_message_id": f"P{id_}",
        "idempotency": b"\x01" * 32,
        "correlation_id": id_,
        "causation_id": None,
        "region": "990101",
        "subject": None,
        "mapping": None,
        "created": 1_000,
        "deadline": None,
        "body": b"sealed body",
        "raw": b"sealed raw",
    }
    return MessageRow(id=id_, **{**defaults, **fields})


def delivery(message_id: str, **fields: Any) -> DeliveryRow:
    defaults: dict[str, Any] = {
        "id": fields.get("id") or new_id("d"),
        "partner": "fund-1",
        "operation": "settle",
        "style": "request-reply",
        "state": "pending",
        "routing_key": "settlement.990101",
        "created": 1_000,
        "updated": 1_000,
    }
    return DeliveryRow(message_id=message_id, **{**defaults, **fields})


def audit(message_id: str | None, entry: bytes = b"{}") -> AuditRow:
    return AuditRow(new_id("a"), message_id, entry)


def accept(*, deliveries: int = 1, ordering_key: str | None = None, **fields: Any) -> Accept:
    row = message(**fields)
    owed = tuple(delivery(row.id, ordering_key=ordering_key) for _ in range(deliveries))
    return Accept(row, owed, (audit(row.id),))


def advance(delivery_id: str, before: str, after: str, **fields: Any) -> Advance:
    return Advance(delivery_id=delivery_id, before=before, after=after, **{"at": 2_000, **fields})

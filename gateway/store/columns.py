"""Rows as the tables have them: a delivery's `prepared` is in a table of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import astuple

from gateway.store.api import Advance, DeliveryRow, MessageRow

MESSAGE_COLUMNS: Final = MessageRow.__struct_fields__
_DELIVERY_FIELDS: Final = DeliveryRow.__struct_fields__
_PREPARED: Final = _DELIVERY_FIELDS.index("prepared")
#: In the order of the table.
DELIVERY_COLUMNS: Final = tuple(field for field in _DELIVERY_FIELDS if field != "prepared")

#: For SELECT: `m` is the message, `d` the delivery, `p` its prepared payload.
MESSAGE: Final = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS)
DELIVERY: Final = ", ".join("p.sealed" if field == "prepared" else f"d.{field}" for field in _DELIVERY_FIELDS)
DELIVERIES: Final = "deliveries d LEFT JOIN prepared p ON p.delivery_id = d.id"


def without_prepared(row: DeliveryRow) -> tuple[Any, ...]:
    values = astuple(row)
    return values[:_PREPARED] + values[_PREPARED + 1 :]


def advance_values(unit: Advance) -> tuple[Any, ...]:
    """What a step sets, in the order in which both databases name it."""
    return (
        unit.delivery_id,
        unit.after,
        unit.at,
        unit.attempts,
        unit.resolutions,
        unit.next_at,
        unit.reason,
        unit.owner,
        unit.prepared == b"",
        unit.reference,
        None if unit.reply is None else unit.reply.id,
    )


def message_row(values: Sequence[Any]) -> MessageRow:
    return MessageRow(**dict(zip(MESSAGE_COLUMNS, values, strict=True)))


def delivery_row(values: Sequence[Any]) -> DeliveryRow:
    return DeliveryRow(**dict(zip(_DELIVERY_FIELDS, values, strict=True)))


def delivery_and_message(values: Sequence[Any]) -> tuple[DeliveryRow, MessageRow]:
    width = len(_DELIVERY_FIELDS)
    return delivery_row(values[:width]), message_row(values[width:])

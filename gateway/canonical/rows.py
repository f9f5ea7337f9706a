"""Messages of many rows: where there are too many, the body travels without them, and they are records of its attachment.

payment.batch.returned.v1   results ()   attachment.records 100000   ↔   results (…, …, …)   no records
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

import msgspec
from msgspec.structs import fields, replace

from gateway.canonical.envelope import Message, body_type

#: The field of each type's body that holds its rows.
ROWS: Final = {
    "payment.batch.submitted.v1": "items",
    "payment.batch.returned.v1": "results",
    "payment.status.reported.v1": "results",
    "payment.reconciliation.reported.v1": "lines",
    "account.statement.reported.v1": "entries",
    "account.entries.notified.v1": "entries",
    "account.verification.asked.v1": "accounts",
    "account.verification.answered.v1": "accounts",
    "levy.batch.submitted.v1": "debits",
    "levy.batch.returned.v1": "results",
}


def rows_beside(message: Message) -> int:
    """How many rows are kept beside a message; 0 where they stand in its body."""
    kept = message.attachment
    return 0 if kept is None or message.type not in ROWS else kept.records or 0


def decoded(message_type: str, records: Iterable[bytes]) -> Iterator[Any]:
    """The rows that such records are."""
    [annotation] = (f.type for f in fields(body_type(message_type)) if f.name == ROWS[message_type])
    return map(msgspec.json.Decoder(get_args(annotation)[0]).decode, records)


def with_rows(message: Message, records: Iterable[bytes]) -> Any:
    """The body of a message with its rows, which are in memory then."""
    return replace(message.data, **{ROWS[message.type]: tuple(decoded(message.type, records))})

"""Messages that consist of records, taken apart into one message per record (EIP Splitter).

A file of a million payments is one message, since it was accepted as a whole. Systems that book item by item get each
record as a message of its own. Everything in it follows from the file's message and the record's number, so that the
same record is the same bytes however often it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gateway.canonical.envelope import Message, body_type, encode, encode_body


@dataclass(frozen=True, slots=True)
class Split:
    """How the messages of one type are taken apart."""

    record_type: str  #: message type of a record by itself
    records: str  #: field of the file's body that holds records, where they are not in its attachment
    record: str  #: field of the record's body that holds the record: its last one
    #: The other fields of the record's body are those of the same names in the file's.


SPLITS: Final = {
    "payment.batch.returned.v1": Split("payment.item.returned.v1", records="results", record="result"),
}


def record_type(message_type: str) -> str | None:
    """The type of the records that messages of a type consist of; None where they are no such messages."""
    split = SPLITS.get(message_type)
    return None if split is None else split.record_type


def inline_records(message: Message, start: int = 0) -> Iterator[bytes]:
    """The records that stand in the body, as JSON; an attachment's are read from where it is kept."""
    for record in getattr(message.data, SPLITS[message.type].records)[start:]:
        yield encode_body(record)


class Splitter:
    """Makes the messages of the records of one message.

    Record number n (from 1) of message m has the id `m-n`, was caused by m, and belongs to its conversation.
    """

    def __init__(self, message: Message) -> None:
        split = SPLITS[message.type]
        self._id = message.id
        whole = encode(_without_record(message, split))
        before, between, after = whole.partition(_PLACE)
        assert between
        self._middle = before.removeprefix(_ID)
        self._after = after

    def message(self, number: int, record: bytes) -> tuple[str, bytes]:
        """Id and canonical message of a record.

        Args:
            number: from 1.
            record: its canonical JSON.
        """
        record_id = f"{self._id}-{number}"
        return record_id, b"".join((_ID, record_id.encode(), self._middle, record, self._after))


#: How every encoded message begins, up to its id; and what stands for a record, which no text of ours can hold.
_ID: Final = b'{"id":"'
_PLACE: Final = b'"\\u0000record"'


def _without_record(message: Message, split: Split) -> Message:
    made: Any = body_type(split.record_type)
    names = [name for name in made.__struct_fields__ if name != split.record]
    common = {name: getattr(message.data, name) for name in names}
    return replace(
        message,
        id="",
        type=split.record_type,
        partner_message_id=None,
        causation_id=message.id,
        deadline=None,
        ordering_key=None,
        attachment=None,
        data=made(**common, **{split.record: msgspec.Raw(_PLACE)}),
    )

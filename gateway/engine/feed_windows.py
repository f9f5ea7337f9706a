"""What a feed publishes of one message: windows of bus messages, ready to be written. No reactor here.

A message that consists of records is split, if the feed wants its records; a type that the feed wants as it is goes out
whole. Where both hold, the whole message comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.canonical import Message
from gateway.canonical.envelope import encode
from gateway.canonical.splitting import SPLITS, Splitter, inline_records
from gateway.contract import Attachments

#: A window is full with so many messages, or so many bytes.
MESSAGES: Final = 2_000
BYTES: Final = 4 << 20

#: Closes a message for its consumer: id and content → body.
Seal = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Window:
    """Messages of one type, to be published together."""

    message_type: str
    messages: list[tuple[str, bytes]]  #: (id, sealed body)
    reached: int  #: how many records of the file are out once this is confirmed


def whole(message: Message, seal: Seal) -> Iterator[Window]:
    """The message as it is."""
    yield Window(message.type, [(message.id, seal(message.id, encode(message)))], 0)


def split(message: Message, attachments: Attachments, seal: Seal, start: int = 0) -> Iterator[Window]:
    """One message a record, from the record after number `start`.

    Raises:
        ConfigError: the attachment is not there, or was changed.
    """
    record_type = SPLITS[message.type].record_type
    splitter = Splitter(message)
    messages: list[tuple[str, bytes]] = []
    number, size = start, 0
    for number, record in enumerate(_records(message, attachments, start), start + 1):
        message_id, content = splitter.message(number, record)
        messages.append((message_id, seal(message_id, content)))
        size += len(content)
        if len(messages) >= MESSAGES or size >= BYTES:
            yield Window(record_type, messages, number)
            messages, size = [], 0
    if messages:
        yield Window(record_type, messages, number)


def count(message: Message) -> int:
    """How many records a message consists of."""
    kept = message.attachment
    if kept is not None and kept.records is not None:
        return kept.records
    return len(getattr(message.data, SPLITS[message.type].records))


def _records(message: Message, attachments: Attachments, start: int) -> Iterator[bytes]:
    kept = message.attachment
    if kept is not None and kept.records is not None:
        return attachments.records(kept, start)
    return inline_records(message, start)

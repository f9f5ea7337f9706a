"""The AMQP 0-9-1 frames that occur once per message, written and read by hand.

A frame is `type:1 channel:2 size:4 payload end:1`. One published message is three of them, written to the
transport in one piece:

    method  basic.publish (60, 40): reserved:2 exchange:short-string routing-key:short-string mandatory:bit
    header  60:2 weight:2 body-size:8 flags:2 headers:table delivery-mode:1 message-id:short-string
    body    the bytes, in pieces of at most the negotiated frame size

pika builds the same from objects in three times the processor time. All that occurs rarely (connecting,
declaring, returns) is left to pika; the tests compare the two.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pika.data
import pika.spec

METHOD, HEADER, BODY = 1, 2, 3
END = b"\xce"
FRAME_OVERHEAD = 8

DELIVER = b"\x00\x3c\x00\x3c"
ACK = b"\x00\x3c\x00\x50"
NACK = b"\x00\x3c\x00\x78"

PUBLISH_TAG = "x-publish-tag"
"""Header with the number of the publish, so that a returned message is known for certain.

`basic.return` names neither the delivery tag nor anything else that is unique: the same message may be under
way twice. Eight bytes of fixed width, put first in the table.
"""

_HEAD = struct.Struct(">BHI")
_SIZE = struct.Struct(">I")
_TAG = struct.Struct(">Q")
_CONTENT = struct.Struct(">BHIHHQHI")
_SIZE_AND_FLAGS = struct.Struct(">QH")
_SETTLE = struct.Struct(">BHIHHQBB")

# Property flags, in the order in which the properties follow: headers, delivery-mode, message-id.
_OUR_FLAGS = 1 << 13 | 1 << 12 | 1 << 7
_PERSISTENT = b"\x02"
_DEFAULT_EXCHANGE = b"\x00"
_PUBLISH_TAG_FIELD = bytes([len(PUBLISH_TAG)]) + PUBLISH_TAG.encode() + b"l"
_PUBLISH_TAG_WIDTH = len(_PUBLISH_TAG_FIELD) + _TAG.size


def short_string(text: str) -> bytes:
    """Encode a string whose length is one byte.

    Raises:
        ValueError: It is longer than 255 bytes.
    """
    encoded = text.encode()
    if len(encoded) > 255:
        raise ValueError(f"longer than the 255 bytes that AMQP allows: {text[:40]}…")
    return bytes((len(encoded),)) + encoded


class PublishWriter:
    """Writes published messages for one channel, one exchange."""

    def __init__(self, channel: int, exchange: str, frame_max: int) -> None:
        self._channel = channel
        self._exchange = short_string(exchange)
        self._longest = frame_max - FRAME_OVERHEAD
        self._methods: dict[str, bytes] = {}
        self._names: dict[str, bytes] = {}

    def write(
        self, tag: int, routing_key: str, message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> bytes:
        """Return the frames of one persistent, mandatory publish."""
        method = self._methods.get(routing_key) or self._method(routing_key)
        table = self._table(tag, headers)
        identity = short_string(message_id)
        size = len(body)
        content = _CONTENT.pack(
            HEADER, self._channel, 19 + len(table) + len(identity), 60, 0, size, _OUR_FLAGS, len(table)
        )
        if 0 < size <= self._longest:
            frame = _HEAD.pack(BODY, self._channel, size)
            return b"".join((method, content, table, _PERSISTENT, identity, END, frame, body, END))
        return b"".join((method, content, table, _PERSISTENT, identity, END, *self._pieces(body)))

    def write_many(
        self,
        tag: int,
        queue: str,
        messages: Sequence[tuple[str, bytes]],
        headers: Mapping[str, str],
    ) -> bytes:
        """Return the frames of publishes to one queue, numbered from `tag`; what they share is made once.

        They go through the default exchange: matching topics costs the broker as much as all the rest.
        """
        method = self._framed_method(_DEFAULT_EXCHANGE, queue)
        table = self._table(0, headers)[_PUBLISH_TAG_WIDTH:]
        length, rest = _PUBLISH_TAG_WIDTH + len(table), table + _PERSISTENT
        parts: list[bytes] = []
        for number, (message_id, body) in enumerate(messages, tag):
            identity = short_string(message_id)
            size = len(body)
            content = _CONTENT.pack(
                HEADER, self._channel, 19 + length + len(identity), 60, 0, size, _OUR_FLAGS, length
            )
            parts += (method, content, _PUBLISH_TAG_FIELD, _TAG.pack(number), rest, identity, END)
            if 0 < size <= self._longest:
                parts += (_HEAD.pack(BODY, self._channel, size), body, END)
            else:
                parts += self._pieces(body)
        return b"".join(parts)

    def _pieces(self, body: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        for start in range(0, len(body), self._longest):
            piece = body[start : start + self._longest]
            pieces += (_HEAD.pack(BODY, self._channel, len(piece)), piece, END)
        return pieces

    def _method(self, routing_key: str) -> bytes:
        frame = self._framed_method(self._exchange, routing_key)
        if len(self._methods) < 10_000:
            self._methods[routing_key] = frame
        return frame

    def _framed_method(self, exchange: bytes, routing_key: str) -> bytes:
        payload = b"\x00\x3c\x00\x28\x00\x00" + exchange + short_string(routing_key) + b"\x01"
        return _HEAD.pack(METHOD, self._channel, len(payload)) + payload + END

    def _table(self, tag: int, headers: Mapping[str, str]) -> bytes:
        parts = [_PUBLISH_TAG_FIELD, _TAG.pack(tag)]
        names = self._names
        for name, value in headers.items():
            encoded = value.encode()
            parts += (names.get(name) or self._name(name), _SIZE.pack(len(encoded)), encoded)
        return b"".join(parts)

    def _name(self, name: str) -> bytes:
        encoded = short_string(name) + b"S"
        if len(self._names) < 1_000:
            self._names[name] = encoded
        return encoded


def write_ack(channel: int, tag: int, multiple: bool) -> bytes:
    """Return the frame of one `basic.ack`."""
    return _SETTLE.pack(METHOD, channel, 13, 60, 80, tag, multiple, 0xCE)


def write_nack(channel: int, tag: int, requeue: bool) -> bytes:
    """Return the frame of one `basic.nack` of a single message."""
    return _SETTLE.pack(METHOD, channel, 13, 60, 120, tag, requeue << 1, 0xCE)


def read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Return type, channel and payload size of the frame that begins at `at`."""
    return _HEAD.unpack_from(data, at)


def read_settle(data: bytes, at: int) -> tuple[int, bool]:
    """Return tag and `multiple` of the `basic.ack` or `basic.nack` whose payload begins at `at`."""
    tag: int = _TAG.unpack_from(data, at + 4)[0]
    return tag, bool(data[at + 12] & 1)


def read_deliver(data: bytes, at: int) -> tuple[int, bool, str]:
    """Return delivery tag, redelivered and routing key of the `basic.deliver` whose payload begins at `at`."""
    at += 5 + data[at + 4]
    tag: int = _TAG.unpack_from(data, at)[0]
    exchange = at + 9
    routing_key = exchange + 1 + data[exchange]
    start = routing_key + 1
    return tag, bool(data[at + 8]), data[start : start + data[routing_key]].decode()


def read_header(data: bytes, at: int, end: int) -> tuple[int, str, dict[str, str]]:
    """Return body size, message id and headers of the content header in `data[at:end]`."""
    size, flags = _SIZE_AND_FLAGS.unpack_from(data, at + 4)
    if flags == _OUR_FLAGS:
        table = _SIZE.unpack_from(data, at + 14)[0]
        headers = _read_strings(data, at + 18, at + 18 + table)
        if headers is not None:
            start = at + 18 + table + 2
            return size, data[start:end].decode(), headers
    properties = pika.spec.BasicProperties().decode(data[at + 12 : end])
    return size, properties.message_id or "", _as_strings(properties.headers or {})


def _read_strings(data: bytes, at: int, end: int) -> dict[str, str] | None:
    """Read a table of our own making; None when it holds what only others write."""
    found = {}
    while at < end:
        value = at + 1 + data[at]
        name, kind = data[at + 1 : value], data[value]
        if kind == 0x53:  # S, a long string
            start = value + 5
            at = start + _SIZE.unpack_from(data, value + 1)[0]
            found[name.decode()] = data[start:at].decode()
        elif kind == 0x6C and data[at : value + 1] == _PUBLISH_TAG_FIELD:
            at = value + 9
        else:
            return None
    return found


def _as_strings(headers: Mapping[str, Any]) -> dict[str, str]:
    """Flatten what foreign publishers and the broker itself put into headers, such as x-delivery-count."""
    return {name: str(value) for name, value in headers.items() if name != PUBLISH_TAG}

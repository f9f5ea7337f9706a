"""The canonical message: CloudEvents 1.0 attributes, ours, and one typed body."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from gateway.canonical.registry import BODIES, Body

_TYPES: dict[type[Body], str] = {body: name for name, body in BODIES.items()}


class Attachment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Content too large to travel with its message: the gateway keeps it sealed, the message carries its claim."""

    claim: str  #: UUIDv7, under which the gateway keeps it
    size: int  #: bytes, as received
    sha256: str  #: of the content as received, in hexadecimal
    name: str | None = None  #: of the file, as its sender called it
    media_type: str | None = None
    records: int | None = None  #: how many canonical records were read from it and are kept beside it


class Message(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One business message, whatever language it came in.

    The attributes down to `dataschema` are those of CloudEvents; the rest are ours. `data` is the body,
    a frozen struct from `BODIES`.
    """

    id: str  #: UUIDv7
    source: str  #: who made it, as a URI-reference: `/partners/<name>`
    type: str  #: `area.entity.event.vN`, a key of `BODIES`
    time: dt.datetime  #: when the gateway made it, UTC
    specversion: str = "1.0"
    subject: str | None = None  #: the business key people search by; never personal data
    dataschema: str | None = None
    partner: str  #: configuration name of the partner it came from
    partner_message_id: str | None = None  #: that partner's own id for it: the idempotency key
    correlation_id: str  #: the id of the first message of the conversation
    causation_id: str | None = None  #: the id of the message that caused this one
    region: str  #: GB/T 2260
    deadline: dt.datetime | None = None
    ordering_key: str | None = None
    purpose: str | None = None  #: why personal data is asked for
    traceparent: str | None = None  #: W3C trace context
    mapping: str | None = None  #: `name@version` of the mapping that read it
    attachment: Attachment | None = None
    data: Body

    def __repr__(self) -> str:
        return f"<Message {self.id} {self.type}>"  # the body holds personal data, and a repr ends up in logs


def type_of(body: Body) -> str:
    """The message type a body belongs to."""
    return _TYPES[type(body)]


def body_type(message_type: str) -> type[Body]:
    """The body class of a message type.

    Raises:
        KeyError: no such type.
    """
    return BODIES[message_type]


class _Header(Struct):
    type: str


_header = msgspec.json.Decoder(_Header)
_encoder = msgspec.json.Encoder(decimal_format="string")


@cache
def _decoder(message_type: str) -> msgspec.json.Decoder[Any]:
    """A decoder for the message of one type: the struct of `Message` with the body's own type."""
    fields = [
        (f.encode_name, BODIES[message_type] if f.name == "data" else f.type, f.default)
        if f.default is not msgspec.NODEFAULT
        else (f.encode_name, BODIES[message_type] if f.name == "data" else f.type)
        for f in msgspec.structs.fields(Message)
    ]
    concrete = msgspec.defstruct(
        f"Message[{message_type}]",
        fields,
        bases=(Message,),
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
        omit_defaults=True,
    )
    return msgspec.json.Decoder(concrete)


def encode(message: Message) -> bytes:
    """The message as structured-mode CloudEvents JSON."""
    return _encoder.encode(message)


def encode_body(body: Body) -> bytes:
    """The body alone, in the one form that equal bodies share."""
    return _encoder.encode(body)


def decode(data: bytes) -> Message:
    """The inverse of `encode`.

    Raises:
        msgspec.ValidationError: unknown type, or the body does not have that type's shape.
    """
    message_type = _header.decode(data).type
    if message_type not in BODIES:
        raise msgspec.ValidationError(f"unknown message type {message_type!r} - at `$.type`")
    message: Message = _decoder(message_type).decode(data)
    return message

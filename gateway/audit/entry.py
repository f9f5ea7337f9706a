"""The audit entry: one small canonical JSON object per event.

    {"digest":"hmac-sha256:…","event":"message.accepted","id":"0199…","message":"0199…","node":"gw-1",
     "partner":"hospital-a","time":"2026-01-05T08:00:00Z","type":"settlement.claim.submitted.v1","v":1}

(on one line). Canonical means: keys sorted, no blanks, UTF-8, absent instead of null, time in UTC. One
entry has exactly one encoding, and `decode` refuses every other, so bytes and meaning cannot drift apart.

An entry never carries personal data. It carries a *salted digest* of the payload; the salt is stored
beside the payload. Whoever has both can prove what passed; once both are erased, the digest is a random
number to everyone, while the log still verifies.
"""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.audit.tiles import MAX_ENTRY

SALT_BYTES = 32  #: what to draw for a new salt
_MIN_SALT, _MAX_SALT = 16, 64  # HMAC would hash a longer key first, and a shorter one can be guessed


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One event of the gateway's life.

    Raises:
        ValueError: `time` is not in UTC.
    """

    # A default made by a factory is never omitted: the version must be in the bytes.
    v: Literal[1] = msgspec.field(default_factory=lambda: 1)
    id: str  #: UUIDv7
    time: dt.datetime  #: UTC
    node: str  #: which gateway process
    event: str  #: dotted, past tense: `message.accepted`, `approval.given`
    message: str | None = None  #: id of the canonical message
    delivery: str | None = None
    partner: str | None = None
    type: str | None = None  #: message type
    actor: str | None = None  #: the signed-in person or account that did it
    digest: str | None = None  #: see `salted_digest`
    detail: dict[str, str | int] | None = None  #: small facts, ASCII keys, never personal data

    def __post_init__(self) -> None:
        if self.time.tzinfo is not dt.UTC:
            raise ValueError("an audit entry's time is in UTC: pass datetime.now(datetime.UTC)")


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Entry).decode


def encode(entry: Entry) -> bytes:
    """The canonical bytes, which are what the log hashes.

    Raises:
        ValueError: more than 65535 bytes; put less into `detail`.
    """
    data = _encode(entry)
    if len(data) > MAX_ENTRY:
        raise ValueError(f"an audit entry of {len(data)} bytes; at most {MAX_ENTRY}: put less into detail")
    return data


def decode(data: bytes) -> Entry:
    """The inverse of `encode`.

    Raises:
        msgspec.ValidationError: not an entry, or not in its canonical form.
    """
    entry = _decode(data)
    if _encode(entry) != data:
        raise msgspec.ValidationError("the audit entry is not in canonical form")
    return entry


def salted_digest(salt: bytes, payload: bytes) -> str:
    """`hmac-sha256:` and the lower-case hex of HMAC-SHA-256 (RFC 2104) with the salt as key.

    Args:
        salt: 16 to 64 random bytes, a new one per payload (`SALT_BYTES` is the habit).
        payload: exactly the bytes that were received or sent.
    """
    if not _MIN_SALT <= len(salt) <= _MAX_SALT:
        raise ValueError(f"a salt has {_MIN_SALT} to {_MAX_SALT} bytes, not {len(salt)}")
    return "hmac-sha256:" + _hmac_sha256(salt, payload).hex()


_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK = 64
_PIECE = 2047  # hashlib lets go of the interpreter lock for more, and getting it back costs more than hashing


def _hmac_sha256(key: bytes, payload: bytes) -> bytes:
    """`hmac.digest(key, payload, "sha256")` without letting go of the interpreter lock; `key` ≤ one block."""
    key = key.ljust(_BLOCK, b"\0")
    inner = sha256(key.translate(_INNER))
    for start in range(0, len(payload), _PIECE):
        inner.update(payload[start : start + _PIECE])
    return sha256(key.translate(_OUTER) + inner.digest()).digest()

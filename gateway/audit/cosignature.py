"""A witness's timestamped signature over a checkpoint (C2SP tlog-cosignature, Ed25519, type 0x04).

signature: 8 bytes of unix seconds, big-endian || 64 bytes of Ed25519 over
    cosignature/v1
    time <seconds>
    <the whole text of the checkpoint>
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.note import COSIGNATURE_ED25519, ed25519_valid, format_vkey, key_id

_TIME = 8
_SIGNATURE = 64


def cosigned(text: bytes, seconds: int) -> bytes:
    """The bytes a witness signs."""
    return b"cosignature/v1\ntime %d\n" % seconds + text


def cosigned_at(signature: bytes) -> int:
    """When the witness says it signed, in unix seconds."""
    return int(struct.unpack(">Q", signature[:_TIME])[0])


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """A witness's key."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, COSIGNATURE_ED25519, self.public)

    def verify(self, text: bytes, signature: bytes) -> bool:
        if len(signature) != _TIME + _SIGNATURE:
            return False
        return ed25519_valid(self.public, cosigned(text, cosigned_at(signature)), signature[_TIME:])


@dataclass(frozen=True, slots=True)
class CosignatureSigner:
    """Signs as a witness. `unix_seconds` is the clock."""

    name: str
    key: Ed25519PrivateKey
    unix_seconds: Callable[[], int]

    @property
    def verifier(self) -> CosignatureVerifier:
        return CosignatureVerifier(self.name, self.key.public_key().public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        return self.verifier.key_id

    @property
    def vkey(self) -> str:
        return format_vkey(self.name, COSIGNATURE_ED25519, self.verifier.public)

    def sign(self, text: bytes) -> bytes:
        seconds = self.unix_seconds()
        return struct.pack(">Q", seconds) + self.key.sign(cosigned(text, seconds))

"""Turns canonical messages into sealed rows and back; every payload at rest and on the bus is sealed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.audit.entry import salted_digest
from gateway.canonical import Message
from gateway.canonical.envelope import decode, encode
from gateway.contract import Prepared
from gateway.store.keyring import KeyRing, about

_SALT_BYTES = 16
_prepared = msgspec.msgpack.Decoder(Prepared)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A payload at rest, and the salted digest under which the audit log knows it."""

    blob: bytes
    digest: str

    @property
    def text(self) -> str:
        """The blob where only text can stand."""
        return b64encode(self.blob).decode()


class Vault:
    """Seals with the current key, opens with any key of the ring."""

    def __init__(self, keyring: KeyRing, random: Callable[[int], bytes]) -> None:
        self._keyring = keyring
        self._random = random

    def seal(self, payload: bytes, owner: str, part: str) -> Sealed:
        """Seals one part (`body`, `raw`, …) of the message or delivery `owner`; it opens nowhere else."""
        salt = self._random(_SALT_BYTES)
        return Sealed(self._keyring.seal(payload, about(owner, part), salt), salted_digest(salt, payload))

    def witness(self, payload: bytes, owner: str) -> Sealed:
        """The digest of a payload that is not kept, with its salt alone sealed: whoever still has the payload
        can be proved right or wrong by the operator, and nobody else can guess at it."""
        salt = self._random(_SALT_BYTES)
        return Sealed(self._keyring.seal(b"", about(owner, "salt"), salt), salted_digest(salt, payload))

    def open(self, blob: bytes, owner: str, part: str) -> bytes:
        """The inverse of `seal`.

        Raises:
            gateway.contract.ConfigError: the key is missing from the ring, or the bytes were changed.
        """
        return self._keyring.open(blob, about(owner, part))

    def salt(self, blob: bytes, owner: str, part: str) -> bytes:
        """The key of a sealed payload's digest. Raises as `open`."""
        return self._keyring.open_with_salt(blob, about(owner, part))[0]

    def seal_message(self, message: Message) -> Sealed:
        """The whole message, as it is stored and as it travels on the bus."""
        return self.seal(encode(message), message.id, "body")

    def open_message(self, blob: bytes, message_id: str) -> Message:
        """The message of a row or of a bus delivery."""
        return decode(self.open(blob, message_id, "body"))

    def seal_prepared(self, prepared: Prepared, delivery_id: str) -> Sealed:
        """What will be sent to the partner."""
        return self.seal(msgspec.msgpack.encode(prepared), delivery_id, "prepared")

    def open_prepared(self, blob: bytes, delivery_id: str) -> Prepared:
        """What was (or was about to be) sent."""
        return _prepared.decode(self.open(blob, delivery_id, "prepared"))

"""Who is paid, sealed; and tags of account numbers (`gateway.books.tags`), whose key is `data_dir/keys/payment.tag`."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.books.tags import Tags
from gateway.canonical.payment import PaymentItem
from gateway.store.keyring import KeyRing, about


class Party(Struct, frozen=True, array_like=True):
    """What is sealed of an item."""

    name: str
    account_no: str
    bank_line_no: str | None
    bank_name: str | None
    bank_place: str | None
    inter_bank: bool | None
    document_no: str | None
    mandate_id: str | None
    remittance: str | None

    @classmethod
    def of(cls, item: PaymentItem) -> Party:
        """The other side of an item as it was proposed."""
        return cls(*(getattr(item, name) for name in cls.__struct_fields__))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Party).decode


class Seals:
    """Seals, opens and tags."""

    def __init__(self, keyring: KeyRing, tags: Tags) -> None:
        self._keyring = keyring
        self._tags = tags

    @classmethod
    def load(cls, keyring: KeyRing, key_file: Path) -> Seals:
        """With the key in the file; a new one where there is none.

        Raises:
            ConfigError: the file cannot be used.
        """
        return cls(keyring, Tags(key_file))

    def tag(self, account_no: str) -> bytes:
        """The tag of an account number."""
        return self._tags.tag(b"account", account_no)

    def digest(self, item: PaymentItem, day: str | None = None) -> bytes:
        """What is equal for equal items only; with a day, where no number of the item's own tells them apart."""
        said = (item.amount, Party.of(item)) if day is None else (item.amount, Party.of(item), day)
        return self._tags.digest(b"item", _encode(said))

    def seal(self, party: Party, item_id: str) -> bytes:
        """For the item's row; it opens nowhere else."""
        return self._keyring.seal(_encode(party), about(item_id, "party"))

    def open(self, sealed: bytes, item_id: str) -> Party:
        """The inverse of `seal`. Raises `ConfigError` as `KeyRing.open`."""
        return _decode(self._keyring.open(sealed, about(item_id, "party")))

    def seal_text(self, text: str, item_id: str) -> bytes:
        """A bank's own words on an item: they may hold personal data."""
        return self._keyring.seal(text.encode(), about(item_id, "text"))

    def open_text(self, sealed: bytes, item_id: str) -> str:
        """The inverse of `seal_text`."""
        return self._keyring.open(sealed, about(item_id, "text")).decode()

    def seal_salt(self, salt: bytes, batch_id: str) -> bytes:
        """The salt of a batch's digest."""
        return self._keyring.seal(salt, about(batch_id, "salt"))

    def open_salt(self, sealed: bytes, batch_id: str) -> bytes:
        """The inverse of `seal_salt`."""
        return self._keyring.open(sealed, about(batch_id, "salt"))

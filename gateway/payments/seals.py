"""Who is paid, sealed; and keyed tags by which accounts are compared and found without being opened.

A tag is HMAC-SHA-256 under a key of its own (`data_dir/keys/payment.tag`), cut to 16 bytes: without the key nobody can
try account numbers against a stolen database. The key is never rotated: all tags hang on it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.canonical.payment import PaymentItem
from gateway.contract import ConfigError
from gateway.store.keyring import KeyRing, about

_KEY = 32
_TAG = 16


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

    def __init__(self, keyring: KeyRing, key: bytes) -> None:
        self._keyring = keyring
        self._key = key

    @classmethod
    def load(cls, keyring: KeyRing, key_file: Path) -> Seals:
        """With the key in the file; a new one where there is none.

        Raises:
            ConfigError: the file cannot be used.
        """
        return cls(keyring, _load_or_create(key_file))

    def tag(self, account_no: str) -> bytes:
        """The tag of an account number."""
        return hmac.digest(self._key, b"account\n" + account_no.encode(), "sha256")[:_TAG]

    def digest(self, item: PaymentItem, day: str | None = None) -> bytes:
        """What is equal for equal items only; with a day, where no number of the item's own tells them apart."""
        said = (item.amount, Party.of(item)) if day is None else (item.amount, Party.of(item), day)
        return hmac.digest(self._key, b"item\n" + _encode(said), "sha256")

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


def _load_or_create(path: Path) -> bytes:
    """Complete on disk before it is used; of two programs that make one at once, the first one's counts."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as out:
                out.write(os.urandom(_KEY))
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        key, others = path.read_bytes(), path.stat().st_mode & 0o077
    except OSError as error:
        raise _unusable(path, type(error).__name__) from None
    if others or len(key) != _KEY:
        raise _unusable(path, "mode must be 0600" if others else "not a key")
    return key


def _unusable(path: Path, cause: str) -> ConfigError:
    return ConfigError(
        f"无法使用支付比对密钥 {path}（{cause}）：请恢复备份；丢失后已登记的账号无法比对",
        f"the key of payment tags {path} cannot be used ({cause}): restore it from backup; without it the accounts"
        " on record cannot be compared",
        file=str(path),
    )

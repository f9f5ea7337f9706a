"""Who pays, sealed; and tags by which persons, employers and agreements are found (`gateway.books.tags`), whose key is
`data_dir/keys/levy.tag`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.books.tags import Tags
from gateway.canonical.levy import AgreementAnswered, BatchDebit, DebitAsked
from gateway.store.keyring import KeyRing, about

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(BatchDebit).decode
_SHARED: Final = tuple(name for name in BatchDebit.__struct_fields__ if name != "items")


def as_detail(body: DebitAsked) -> BatchDebit:
    """What a real-time debit has in common with one of a batch: all that is sealed."""
    return BatchDebit(items=body.items, **{name: getattr(body, name) for name in _SHARED})


class Seals:
    """Seals, opens and tags."""

    def __init__(self, keyring: KeyRing, tags: Tags) -> None:
        self._keyring = keyring
        self._tags = tags

    @classmethod
    def load(cls, keyring: KeyRing, key_file: Path) -> Seals:
        """With the key of tags in the file; a new one where there is none.

        Raises:
            ConfigError: the file cannot be used.
        """
        return cls(keyring, Tags(key_file))

    def contributor(self, number: str) -> bytes:
        """The tag of a person's or employer's number as contributor."""
        return self._tags.tag(b"contributor", number)

    def employer(self, code: str) -> bytes:
        """The tag of an employer's code."""
        return self._tags.tag(b"employer", code)

    def agreement(self, said: BatchDebit | AgreementAnswered) -> bytes:
        """The tag of an agreement: the same number over another account is another one."""
        key = _encode((said.agreement_no, said.payer_account_no, said.contributor_no))
        return self._tags.digest(b"agreement", key)[:16]

    def digest(self, debit: BatchDebit) -> bytes:
        """What is equal for equal levies only. Their serial numbers do not count: they are given per file and day."""
        return self._tags.digest(b"debit", _encode(replace(debit, serial="-")))

    def seal(self, debit: BatchDebit, debit_id: str) -> bytes:
        """For the debit's row; it opens nowhere else."""
        return self._keyring.seal(_encode(debit), about(debit_id, "levy"))

    def open(self, sealed: bytes, debit_id: str) -> BatchDebit:
        """The inverse of `seal`. Raises `ConfigError` as `KeyRing.open`."""
        return _decode(self._keyring.open(sealed, about(debit_id, "levy")))

    def seal_text(self, text: str, owner: str) -> bytes:
        """The network's own words: they may hold personal data. The owner is a debit, or a message."""
        return self._keyring.seal(text.encode(), about(owner, "text"))

    def open_text(self, sealed: bytes, owner: str) -> str:
        """The inverse of `seal_text`."""
        return self._keyring.open(sealed, about(owner, "text")).decode()

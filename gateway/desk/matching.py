"""Whether a file is what passed, by the salted digests of the audit log."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit import decode
from gateway.audit.entry import Entry
from gateway.contract import ConfigError
from gateway.desk.life import opening_chest, opening_vault
from gateway.engine.config import Configuration
from gateway.store.reader import Reader

_PIECE: Final = 1 << 20
#: What it knows by a digest is an exchange as the gateway keeps it, which nobody else has.
_OURS: Final = "delivery.sending"


@dataclass(frozen=True, slots=True)
class Match:
    """One audit entry with a digest, compared."""

    index: int | None  #: None: committed, not in the log yet
    entry: Entry
    same: bool | None  #: None where it cannot be said
    why: str = ""  #: it cannot be said


def matches(configuration: Configuration, reader: Reader, message_id: str, file: Path) -> list[Match]:
    """Every entry about a message, or a refusal, whose digest is of bytes that a partner has."""
    return list(_matches(configuration, reader, message_id, file))


def _matches(configuration: Configuration, reader: Reader, message_id: str, file: Path) -> Iterator[Match]:
    for index, _, data in reader.audit_of(message_id):
        entry = decode(data)
        if entry.digest is None or entry.event == _OURS:
            continue
        try:
            salt = _salt(configuration, reader, entry)
        except ConfigError as error:
            yield Match(index, entry, None, error.both)
            continue
        yield Match(index, entry, hmac.compare_digest(_digest(salt, file), entry.digest))


def _salt(configuration: Configuration, reader: Reader, entry: Entry) -> bytes:
    """
    Raises:
        ConfigError: its key is not in the ring, or it was erased with its payload.
    """
    vault, detail = opening_vault(configuration), entry.detail or {}
    sealed = detail.get("sealed_salt")
    if isinstance(sealed, str):
        return vault.salt(b64decode(sealed), entry.delivery or entry.message or "", "salt")
    row = reader.message(str(detail.get("reply") or entry.message))
    if row is None or not row.body:
        raise ConfigError("内容已删除，盐值随之删除", "it was erased, and the salt of its digest with it")
    if vault.open_message(row.body, row.id).attachment is not None:
        return opening_chest(configuration).salt(row.id)
    return vault.salt(row.raw, row.id, "raw")


def _digest(salt: bytes, file: Path) -> str:
    keyed = hmac.new(salt, digestmod="sha256")
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            keyed.update(piece)
    return f"hmac-sha256:{keyed.hexdigest()}"

"""The life of one message, gathered from the store: rows, audit entries, replies, and its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.audit.entry import decode as decode_entry
from gateway.canonical import Attachment, Message
from gateway.contract import ConfigError
from gateway.contract.privacy import mask_text
from gateway.desk.masking import masked
from gateway.engine.config import Configuration
from gateway.engine.vault import Vault
from gateway.store.api import DeliveryRow, Found, MessageRow
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from gateway.store.reader import Reader

_ROW_FACTS = "id type direction partner partner_message_id correlation_id causation_id region subject mapping created deadline"
_DELIVERY_FACTS = "id partner operation style state attempts resolutions reason created updated next_at reference reply_id owner"


@dataclass(frozen=True, slots=True)
class Noted:
    """One audit entry; `index` is None until the log has it."""

    index: int | None
    id: str
    time: str
    event: str
    about: str


@dataclass(frozen=True, slots=True)
class Life:
    """Everything the store knows about one message."""

    row: MessageRow
    deliveries: tuple[DeliveryRow, ...]
    replies: tuple[MessageRow, ...]
    audit: tuple[Noted, ...]


def collect(reader: Reader, message_id: str) -> Life:
    """Reads it all; the message must exist."""
    row = reader.message(message_id)
    assert row is not None
    deliveries = reader.deliveries_of(message_id)
    replies = [reader.message(d.reply_id) for d in deliveries if d.reply_id is not None]
    audit = tuple(_noted(*entry) for entry in reader.audit_of(message_id))
    return Life(row, tuple(deliveries), tuple(reply for reply in replies if reply is not None), audit)


@dataclass(frozen=True, slots=True)
class Refused:
    """Input that was not accepted; `detail` is what the audit log says of it."""

    id: str
    partner: str | None
    detail: Mapping[str, str | int]
    audit: tuple[Noted, ...]


def refusal(reader: Reader, refusal_id: str) -> Refused | None:
    """What is known of an id that occurs in the audit log alone."""
    entries = reader.audit_of(refusal_id)
    if not entries or reader.message(refusal_id) is not None:
        return None
    first = decode_entry(entries[0][2])
    return Refused(refusal_id, first.partner, first.detail or {}, tuple(_noted(*entry) for entry in entries))


def refusal_facts(refused: Refused) -> dict[str, Any]:
    """The same for programs."""
    return {
        "refusal": refused.id,
        "partner": refused.partner,
        **refused.detail,
        "audit": _audit_facts(refused.audit),
    }


def _noted(index: int | None, entry_id: str, data: bytes) -> Noted:
    entry = decode_entry(data)
    facts = {"partner": entry.partner, "actor": entry.actor, **(entry.detail or {})}
    about = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
    return Noted(index, entry_id, entry.time.isoformat(), entry.event, about)


def content(configuration: Configuration, life: Life, *, hidden: bool) -> dict[str, Any]:
    """The message and its replies as they were understood; where keys are missing, why it cannot be shown."""
    try:
        vault = opening_vault(configuration)
        opened = {row.id: vault.open_message(row.body, row.id) for row in (life.row, *life.replies)}
    except ConfigError as error:
        return {"unreadable": error.both}
    return {message_id: _shown(message, hidden) for message_id, message in opened.items()}


def the_attachment(configuration: Configuration, life: Life) -> Attachment | None:
    """What the message carries beside its body.

    Raises:
        ConfigError: the keys are missing, or the payload was erased.
    """
    return opening_vault(configuration).open_message(life.row.body, life.row.id).attachment


def attachment_facts(configuration: Configuration, life: Life, *, hidden: bool) -> dict[str, Any] | None:
    """The same in plain types; None also where it cannot be opened, which the content says."""
    try:
        kept = the_attachment(configuration, life)
    except ConfigError:
        return None
    if kept is None:
        return None
    facts = {
        "name": kept.name,
        "media_type": kept.media_type,
        "size": kept.size,
        "records": kept.records,
        "sha256": kept.sha256,
    }
    if hidden and kept.name is not None:
        facts["name"] = mask_text(kept.name)
    return {name: value for name, value in facts.items() if value is not None}


def opening_chest(configuration: Configuration) -> Chest:
    """The chest, to read from.

    Raises:
        ConfigError: the keys are missing.
    """
    return Chest(configuration.data_dir / "chest", KeyRing.load(configuration.keyring_file))


def opening_vault(configuration: Configuration) -> Vault:
    """A vault that opens what this node has sealed.

    Raises:
        ConfigError: the keys are missing.
    """
    return Vault(KeyRing.load(configuration.keyring_file), _no_random)


def _no_random(_count: int) -> bytes:
    raise AssertionError("nothing is sealed here")


def _shown(message: Message, hidden: bool) -> Any:
    plain = msgspec.to_builtins(message.data)
    return masked("", plain) if hidden else plain


def listed(found: Found) -> dict[str, Any]:
    """One message of a list, for programs."""
    return {
        **_facts(found.message, _ROW_FACTS),
        "deliveries": [_facts(d, _DELIVERY_FACTS) for d in found.deliveries],
    }


def as_facts(life: Life, shown: dict[str, Any], attachment: dict[str, Any] | None) -> dict[str, Any]:
    """The whole life, for programs. Times are milliseconds since 1970 UTC."""
    return {
        **_facts(life.row, _ROW_FACTS),
        "deliveries": [_facts(d, _DELIVERY_FACTS) for d in life.deliveries],
        "audit": _audit_facts(life.audit),
        "attachment": attachment,
        "content": shown,
    }


def _audit_facts(entries: tuple[Noted, ...]) -> list[dict[str, Any]]:
    return [
        {"index": e.index, "id": e.id, "time": e.time, "event": e.event, "about": e.about} for e in entries
    ]


def _facts(row: Any, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}

"""The life of one message, gathered from the store: rows, audit entries, replies, and its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.audit.entry import decode as decode_entry
from gateway.canonical import Message
from gateway.contract import ConfigError
from gateway.contract.privacy import is_personal, mask_text, mask_value
from gateway.engine.config import Configuration
from gateway.store.api import DeliveryRow, Found, MessageRow
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


def content(configuration: Configuration, life: Life, *, masked: bool) -> dict[str, Any]:
    """The message and its replies as they were understood; where keys are missing, why it cannot be shown."""
    from gateway.engine.vault import Vault  # noqa: PLC0415
    from gateway.store.keyring import KeyRing  # noqa: PLC0415

    try:
        vault = Vault(KeyRing.load(configuration.keyring_file), _no_random)
        opened = {row.id: vault.open_message(row.body, row.id) for row in (life.row, *life.replies)}
    except ConfigError as error:
        return {"unreadable": f"{error.zh} / {error.en}"}
    return {message_id: _shown(message, masked) for message_id, message in opened.items()}


def _no_random(_count: int) -> bytes:
    raise AssertionError("nothing is sealed here")


def _shown(message: Message, masked: bool) -> Any:
    plain = msgspec.to_builtins(message.data)
    return _masked("", plain) if masked else plain


def _masked(name: str, value: Any) -> Any:
    """The same with personal data masked, by the name it stands under and by its look."""
    if isinstance(value, dict):
        return {key: _masked(key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(name, item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if is_personal(name):
        return mask_value(name, str(value))
    text = mask_text(str(value))
    return value if text == str(value) else text


def listed(found: Found) -> dict[str, Any]:
    """One message of a list, for programs."""
    return {
        **_facts(found.message, _ROW_FACTS),
        "deliveries": [_facts(d, _DELIVERY_FACTS) for d in found.deliveries],
    }


def as_facts(life: Life, shown: dict[str, Any]) -> dict[str, Any]:
    """The whole life, for programs. Times are milliseconds since 1970 UTC."""
    return {
        **_facts(life.row, _ROW_FACTS),
        "deliveries": [_facts(d, _DELIVERY_FACTS) for d in life.deliveries],
        "audit": _audit_facts(life.audit),
        "content": shown,
    }


def _audit_facts(entries: tuple[Noted, ...]) -> list[dict[str, Any]]:
    return [
        {"index": e.index, "id": e.id, "time": e.time, "event": e.event, "about": e.about} for e in entries
    ]


def _facts(row: Any, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}

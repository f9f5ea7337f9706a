"""Writes the audit entries of the engine: small facts and digests, never a payload, never a person."""

from __future__ import annotations

from collections.abc import Callable

from gateway.audit.entry import Entry, encode
from gateway.canonical import Message
from gateway.contract import Clock
from gateway.store.api import AuditRow


class Journal:
    """Makes audit rows for one node."""

    def __init__(self, node: str, ids: Callable[[], str], clock: Clock) -> None:
        self._node = node
        self._ids = ids
        self._clock = clock

    def entry(
        self,
        event: str,
        *,
        message: str | None = None,
        delivery: str | None = None,
        partner: str | None = None,
        message_type: str | None = None,
        actor: str | None = None,
        digest: str | None = None,
        detail: dict[str, str | int] | None = None,
    ) -> AuditRow:
        """One entry, stamped now."""
        entry_id = self._ids()
        entry = Entry(
            id=entry_id,
            time=self._clock.now(),
            node=self._node,
            event=event,
            message=message,
            delivery=delivery,
            partner=partner,
            type=message_type,
            actor=actor,
            digest=digest,
            detail=detail,
        )
        return AuditRow(entry_id, message, encode(entry))

    def accepted(self, message: Message, raw_digest: str, body_digest: str) -> AuditRow:
        """A partner's message was accepted; `digest` is that of the bytes as received, or of its attachment."""
        detail: dict[str, str | int] = {"canonical": body_digest}
        if message.attachment is not None:
            detail["attachment_bytes"] = message.attachment.size
            if message.attachment.records is not None:
                detail["attachment_records"] = message.attachment.records
        if message.mapping is not None:
            detail["mapping"] = message.mapping
        if message.partner_message_id is not None:
            detail["partner_message_id"] = message.partner_message_id
        if message.purpose is not None:
            detail["purpose"] = message.purpose
        return self.entry(
            "message.accepted",
            message=message.id,
            partner=message.partner,
            message_type=message.type,
            digest=raw_digest,
            detail=detail,
        )

"""Three-party agreements (三方协议): which of them the bank has verified."""

from __future__ import annotations

from gateway.canonical import Message
from gateway.canonical.levy import AgreementAnswered
from gateway.levies.parts import Parts
from gateway.store import levies_changes as changes
from gateway.store.levies import AgreementRow

VERIFIED, REFUSED, REVOKED = "verified", "refused", "revoked"


async def take(parts: Parts, message: Message) -> None:
    """Notes a `levy.agreement.answered.v1`; the latest answer counts. That an agreement could not be ended changes nothing."""
    body = message.data
    assert isinstance(body, AgreementAnswered)
    collector = parts.collector(message.partner, body.collector_code)
    if collector is None:
        parts.log.warning("levies.collector_unknown", message=message.id, partner=message.partner)
        return
    if body.revoke and not body.agreed:
        return
    row = AgreementRow(
        collector=collector.name,
        tag=parts.seals.agreement(body),
        state=REVOKED if body.revoke else VERIFIED if body.agreed else REFUSED,
        at=int(message.time.timestamp() * 1000),
        message_id=message.id,
    )
    await parts.store.work(changes.agree, row)

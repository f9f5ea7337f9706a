"""Whether an answer speaks of what was asked. A settlement of someone else must never be accepted."""

from __future__ import annotations

from adapters.settlement.settings import SettlementSettings
from gateway.canonical import Body
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimSettled,
    ClaimSubmitted,
)


def mismatch(asked: Body, reply: Body, msgid: str, settings: SettlementSettings) -> str | None:
    """The first canonical field in which the answer contradicts the request; None where it does not."""
    pairs: tuple[tuple[str, object, object], ...] = ()
    if isinstance(asked, ClaimSubmitted) and isinstance(reply, ClaimSettled):
        pairs = _claim(asked, reply, msgid)
    elif isinstance(asked, CancellationRequested) and isinstance(reply, CancellationDone):
        echoed = msgid if settings.cancellation_echoes_msgid else reply.sender_message_id
        pairs = (
            ("sender_message_id", echoed, reply.sender_message_id),
            ("visit_id", asked.visit_id, reply.visit_id),
        )
    return next((name for name, ours, theirs in pairs if ours != theirs), None)


def _claim(asked: ClaimSubmitted, reply: ClaimSettled, msgid: str) -> tuple[tuple[str, object, object], ...]:
    parts = reply.own_expense + reply.over_limit + reply.advance_self_pay + reply.in_scope
    return (
        ("sender_message_id", msgid, reply.sender_message_id),
        ("person_no", asked.person_no, reply.person_no),
        ("visit_id", asked.visit_id, reply.visit_id),
        ("total", asked.total, reply.total),
        # How fund, account and cash share it is provincial; that the four parts are the whole is not.
        ("total", reply.total, parts),
    )

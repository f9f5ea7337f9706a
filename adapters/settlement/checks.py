"""Whether an answer speaks of what was asked. A settlement of someone else must never be accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from adapters.settlement.settings import SettlementSettings
from gateway.canonical import Body
from gateway.canonical.inpatient import EstimateRequested, FeesPriced, FeesUploaded, InpatientClaimSubmitted
from gateway.canonical.outpatient import (
    OutpatientEstimateRequested,
    OutpatientFeesPriced,
    OutpatientFeesUploaded,
)
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimEstimated,
    ClaimSettled,
    ClaimSubmitted,
)

#: What a request and its answer both name, wherever they name it: in the answer itself, or in its rows.
_SHARED: Final = ("person_no", "visit_id", "outpatient_no")
_BILLS: Final = (ClaimSubmitted, InpatientClaimSubmitted, OutpatientEstimateRequested, EstimateRequested)

Pair = tuple[str, object, object]  #: canonical field, ours, theirs


def mismatch(asked: Body, reply: Body, msgid: str, settings: SettlementSettings) -> str | None:
    """The first canonical field in which the answer contradicts the request; None where it does not."""
    for name, ours, theirs in _pairs(asked, reply, msgid, settings):
        if ours != theirs:
            return name
    return None


def _pairs(asked: Body, reply: Body, msgid: str, settings: SettlementSettings) -> Iterator[Pair]:
    if isinstance(asked, CancellationRequested) and isinstance(reply, CancellationDone):
        if settings.cancellation_echoes_msgid:
            yield "sender_message_id", msgid, reply.sender_message_id
    elif isinstance(asked, ClaimSubmitted | InpatientClaimSubmitted) and isinstance(reply, ClaimSettled):
        yield "sender_message_id", msgid, reply.sender_message_id
    yield from _shared(asked, reply)
    if isinstance(asked, _BILLS) and isinstance(reply, ClaimEstimated):
        yield "total", asked.total, reply.total
        # How fund, account and cash share it is provincial; that the four parts are the whole is not.
        parts = reply.own_expense + reply.over_limit + reply.advance_self_pay + reply.in_scope
        yield "total", reply.total, parts
    if isinstance(asked, OutpatientFeesUploaded | FeesUploaded) and isinstance(
        reply, OutpatientFeesPriced | FeesPriced
    ):
        ours = {line.line_no: line.amount for line in asked.fees}
        yield "fees", ours, {fee.line_no: fee.amount for fee in reply.fees}


def _shared(asked: Body, reply: Body) -> Iterator[Pair]:
    for name in _SHARED:
        ours = getattr(asked, name, None)
        if ours is None:
            continue
        for part in (reply, *_rows(reply)):
            theirs = getattr(part, name, None)
            if theirs is not None:
                yield name, ours, theirs


def _rows(reply: Body) -> Iterator[object]:
    for value in msgspec.structs.astuple(reply):
        if isinstance(value, tuple):
            yield from value

"""Which body belongs to which message type. A new body is added here and nowhere else."""

from __future__ import annotations

from typing import TypeAlias

from gateway.canonical.identity import PersonAnswer, PersonQuery
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimSettled,
    ClaimSubmitted,
    ReversalDone,
    ReversalRequested,
)

Body: TypeAlias = (
    PersonQuery
    | PersonAnswer
    | ClaimSubmitted
    | ClaimSettled
    | CancellationRequested
    | CancellationDone
    | ReversalRequested
    | ReversalDone
    | RequestRefused
)

#: Message type (`area.entity.event.vN`) → body class.
BODIES: dict[str, type[Body]] = {
    "identity.person.queried.v1": PersonQuery,
    "identity.person.answered.v1": PersonAnswer,
    "settlement.claim.submitted.v1": ClaimSubmitted,
    "settlement.claim.settled.v1": ClaimSettled,
    "settlement.cancellation.requested.v1": CancellationRequested,
    "settlement.cancellation.done.v1": CancellationDone,
    "settlement.reversal.requested.v1": ReversalRequested,
    "settlement.reversal.done.v1": ReversalDone,
    "gateway.request.refused.v1": RequestRefused,
}

"""The life of a delivery, as a pure state machine: what is known decides what happens next.

                                ┌────────────────── replay by a person ──────────────────┐
                                ▼                                                        │
    accept ──► pending ──begin──► sending ──Accepted──► ACCEPTED                         │
                  ▲                 │ ├─────Rejected──► REJECTED                         │
                  │                 │ ├─────RetryLater─► waiting ──no attempts left──► dead
                  │                 │ ├─────NotSent────► waiting (not counted: an outage uses no attempts up)
                  └───── due ───────┼─┼──────────────────┘   └─reply no longer wanted─► REJECTED
                                    │ └─────Unknown─────► in-doubt (or waiting, where sending twice is harmless)
                                    │
    in-doubt ──query: Accepted──► ACCEPTED          in-doubt ──reverse: Reversed──► REVERSED  (somebody waits:
    in-doubt ──query: Rejected──► REJECTED                                           the sender decides anew)
    in-doubt ──query: Absent────► waiting                              └──────────► waiting   (one-way: sent
             (only `on_unknown: query`;                                              anew under a new reference)
              `reverse` reverses first)
    accept ──► held ──the answer to a question lets it go──► pending      (a route's `first`, see `clearance.py`)
                └───it refuses, or nobody waits any more───► REJECTED
    in-doubt ──neither, tries used up──► in-doubt without a next time: a person decides
    in-doubt ──a person──► ACCEPTED, REJECTED, or in-doubt with a next time;  dead ──a person──► REJECTED

Final states are in capitals. `sending` is entered, durably, *before* the partner is contacted; a process that
dies there leaves an unknown outcome, and is treated as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gateway.contract import (
    Absent,
    Accepted,
    Operation,
    Outcome,
    QueryOutcome,
    Rejected,
    Reversed,
    ReverseOutcome,
    Unknown,
)

HELD, PENDING, SENDING, WAITING, IN_DOUBT = "held", "pending", "sending", "waiting", "in-doubt"
ACCEPTED, REJECTED, REVERSED, DEAD = "accepted", "rejected", "reversed", "dead"
FINAL = frozenset({ACCEPTED, REJECTED, REVERSED})
OPEN = frozenset({HELD, PENDING, SENDING, WAITING, IN_DOUBT})
#: A reason, as operators read it: Chinese first.
NOT_WAITED_FOR = "已无人等待 / no longer waited for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential waiting: `first · factor^n`, at most `longest`, shortened by up to `jitter` of itself."""

    first: float = 1.0
    factor: float = 2.0
    longest: float = 300.0
    jitter: float = 0.2
    limit: int = 12  #: tries before a person is asked

    def delay(self, tries: int, chance: float) -> float:
        """Seconds to wait after `tries` failures; `chance` is uniform in [0, 1)."""
        raw: float = min(self.longest, self.first * self.factor ** min(max(tries - 1, 0), 60))
        return raw * (1 - self.jitter * chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient the engine is with one partner."""

    retry: Backoff = Backoff()
    resolve: Backoff = Backoff(first=0.2, longest=60.0, limit=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a delivery at the moment of a decision."""

    operation: Operation
    style: str
    attempts: int  #: made so far, this one included
    resolutions: int  #: queries and reversals tried so far, this one included
    expired: bool  #: somebody waited for the reply, and no longer does
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The partner could not be reached. Not an attempt: an outage of any length uses none up."""

    reason: str


#: The stable codes by which a sender is told that its message had no effect.
Refusal: TypeAlias = Literal["rejected", "reversed", "not-delivered", "not-cleared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens next."""

    after: str
    delay: float | None = None  #: seconds until it is taken up again; None: not by itself
    reason: str | None = None
    counted: bool = True  #: whether it was an attempt
    renew: bool = False  #: the next attempt is a new exchange with a new reference
    refusal: Refusal | None = None  #: what the sender is told


def after_attempt(outcome: Outcome | NotSent, standing: Standing, policy: Policy) -> Step:
    """What follows an attempt."""
    if isinstance(outcome, Accepted):
        return Step(after=ACCEPTED)
    if isinstance(outcome, Rejected):
        return Step(
            after=REJECTED,
            reason=f"对方拒绝，代码 {outcome.code} / refused with code {outcome.code}",
            refusal="rejected",
        )
    if isinstance(outcome, Unknown):
        return _unknown(outcome, standing, policy)
    if gives_up(standing.operation, standing.attempts - 1, standing.expired):
        return _too_late(outcome.reason)
    if isinstance(outcome, NotSent):
        return Step(after=WAITING, delay=policy.retry.first, reason=outcome.reason, counted=False)
    return _again(outcome.reason, standing, policy, outcome.after)


def _unknown(outcome: Unknown, standing: Standing, policy: Policy) -> Step:
    on_unknown = standing.operation.on_unknown
    if on_unknown == "resend":
        return _again(outcome.reason, standing, policy, None)
    return Step(after=IN_DOUBT, delay=None if on_unknown == "manual" else 0.0, reason=outcome.reason)


def gives_up(operation: Operation, earlier_attempts: int, expired: bool) -> bool:
    """Whether a message nobody waits for any more is given up, and its sender told that it had no effect.

    Not where an earlier attempt may have worked: operations that are simply sent again go on until their
    outcome is known. All others have settled every earlier attempt before they come here.
    """
    return expired and (earlier_attempts == 0 or operation.on_unknown != "resend")


def _too_late(reason: str) -> Step:
    return Step(after=REJECTED, reason=f"{reason}；{NOT_WAITED_FOR}", refusal="not-delivered")


def _again(reason: str, standing: Standing, policy: Policy, after: float | None) -> Step:
    """Nothing took effect (or twice is as good as once): try later."""
    if standing.attempts >= policy.retry.limit:
        return Step(
            after=DEAD, reason=f"{reason}；已试 {standing.attempts} 次 / {standing.attempts} attempts"
        )
    delay = policy.retry.delay(standing.attempts, standing.chance)
    return Step(after=WAITING, delay=max(delay, after or 0.0), reason=reason)


def after_query(outcome: QueryOutcome, standing: Standing, policy: Policy) -> Step | None:
    """What follows a query; None: reverse now."""
    if isinstance(outcome, Accepted):
        return Step(after=ACCEPTED, reason="查询确认已生效 / found by query")
    if isinstance(outcome, Rejected):
        return Step(
            after=REJECTED,
            reason=f"查询得知被拒绝，代码 {outcome.code} / query says refused, code {outcome.code}",
            refusal="rejected",
        )
    may_reverse = standing.operation.on_unknown == "reverse"
    if isinstance(outcome, Absent):
        if may_reverse:
            return None
        unseen = "对方没有收到过 / the partner has not seen it"
        return _too_late(unseen) if standing.expired else _again(unseen, standing, policy, None)
    return None if may_reverse else _still_unknown(outcome.reason, standing, policy)


def after_reverse(outcome: ReverseOutcome, standing: Standing, policy: Policy) -> Step:
    """What follows a reversal."""
    if isinstance(outcome, Reversed):
        if standing.style == "one-way":
            return Step(after=WAITING, delay=0.0, reason="已冲正，重新发送 / reversed; sent anew", renew=True)
        return Step(
            after=REVERSED, reason="已冲正，没有生效 / reversed: it has no effect", refusal="reversed"
        )
    if isinstance(outcome, Rejected):
        return Step(
            after=IN_DOUBT,
            reason=f"冲正被拒绝，代码 {outcome.code}，须由人决定 / reversal refused with code {outcome.code}: a person must decide",
        )
    return _still_unknown(outcome.reason, standing, policy)


def _still_unknown(reason: str, standing: Standing, policy: Policy) -> Step:
    if standing.resolutions >= policy.resolve.limit:
        return Step(
            after=IN_DOUBT,
            reason=f"{reason}；已查 {standing.resolutions} 次，须由人决定 / {standing.resolutions} tries: a person must decide",
        )
    delay = policy.resolve.delay(standing.resolutions, standing.chance)
    return Step(after=IN_DOUBT, delay=delay, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the answer to a question means for what is held."""

    verdict: Literal["proceed", "refuse", "hold", "wait", "expire"]
    reason: str  #: for operators
    code: str = "not-cleared"  #: the answer, where it refuses
    text: str = ""  #: what the sender is told


def after_clearance(ruling: Ruling, look_again: float) -> Step:
    """What follows a look at a held delivery; `look_again` seconds until the next one."""
    if ruling.verdict == "proceed":
        return Step(after=PENDING, reason=ruling.reason)
    if ruling.verdict == "refuse":
        return Step(after=REJECTED, reason=ruling.reason, refusal="not-cleared")
    if ruling.verdict == "expire":
        return Step(after=REJECTED, reason=ruling.reason, refusal="not-delivered")
    return Step(after=HELD, delay=look_again if ruling.verdict == "wait" else None, reason=ruling.reason)

"""How a delivery attempt ends. An outcome says what is *known*, never what is hoped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gateway.canonical import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The partner did it and said so."""

    reply: Body | None = None  #: its answer in canonical form
    raw: bytes = b""  #: its answer as received
    reference: str | None = None  #: the partner's own number for it
    mapping: str | None = None  #: `name@version` that read the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The partner said no: nothing took effect, and the same message would be refused again."""

    code: str  #: as the partner wrote it
    reason: str  #: as the partner wrote it: may hold personal data, so it is stored sealed and never logged
    field: str | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLater:
    """Certainly nothing took effect, and a later attempt may succeed."""

    reason: str  #: for operators; no personal data
    after: float | None = None  #: seconds, where the partner named a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """It may or may not have taken effect. Money never moves again before this is settled."""

    reason: str  #: for operators; no personal data
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Answer to a query: the partner has not (yet) seen the original message."""

    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """Answer to a reversal: the original has no effect, now or ever."""

    raw: bytes = b""


Outcome: TypeAlias = Accepted | Rejected | RetryLater | Unknown
QueryOutcome: TypeAlias = Accepted | Rejected | Absent | Unknown
ReverseOutcome: TypeAlias = Reversed | Rejected | Unknown

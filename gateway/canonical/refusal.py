"""A plain yes or no of a partner, in canonical form: what the sender is told where there is nothing else to say."""

from __future__ import annotations

from msgspec import Struct


class RequestRefused(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`gateway.request.refused.v1`: the receiver answered, and its answer is no."""

    code: str  #: ours, stable: `rejected`, `reversed`, `not-delivered`
    reason: str  #: for people; may carry what the partner wrote
    field: str | None = None
    raw_code: str | None = None
    raw_text: str | None = None


class RequestDone(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`gateway.request.done.v1`: the receiver did it, and its answer has no content of its own."""

    raw_code: str
    raw_text: str | None = None

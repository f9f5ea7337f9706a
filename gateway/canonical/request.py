"""What requests to the settlement platform have in common, and their answers."""

from __future__ import annotations

from msgspec import Struct

from gateway.canonical.identity import Caller, Region


class Request(Caller, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every request has."""

    extension: str | None = None  #: what else the sender said, as JSON text


class PersonRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request about an insured person. The platform finds the person by the region, too."""

    insured_region: Region


class Answer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every answer has."""

    extension: str | None = None  #: what else the platform said, as JSON text
    raw_code: str
    raw_text: str | None = None

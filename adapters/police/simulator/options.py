"""What the simulated partner expects of its client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Options:
    """Changed while it runs, where a test or the control interface wants it."""

    licence: str = "DEMO-LICENCE-0001"
    token: str = "DEMO-POLICE-0001"  # noqa: S105 - invented, for demonstrations
    unit: str = "虚构医保局01"
    sender_id: str = "C99-00000001"
    daily: int | None = None  #: persons a day
    photos: bool = True  #: NCIIC sends the photo with a match
    push_to: str = (
        ""  #: address the answers to rolls are delivered to; empty holds them until they are fetched
    )
    push_authorization: str = ""
    part: int = 1000  #: persons in one part of an answer to a roll


class Wrong(Exception):
    """The request is not as their interface wants it. The text is what their service would say."""

"""Parts of the gateway that take messages as if they were partners: the books of payments and of levies, feeds.

A house target stands in a route's `to:` by its name. What is owed to it is a delivery like any other: committed with
the message, taken from a queue of its own, tried again, visible to people when it is dead. Only that nobody outside is
asked, and that nobody waits for its answer: it is always delivered one-way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.contract import Operation, Resolver, Sender

PAYMENTS: Final = "payments"
LEVIES: Final = "levies"
_FEED: Final = "feed-"


def feed_target(feed: str) -> str:
    """The name of a feed among the receivers of messages."""
    return _FEED + feed


def is_house_name(name: str) -> bool:
    """Whether a name is reserved for a part of the gateway; no partner may have it."""
    return name in (PAYMENTS, LEVIES) or name.startswith(_FEED)


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseTarget:
    """One part of the gateway that messages are delivered to."""

    name: str
    operations: tuple[Operation, ...]  #: `out`, one-way, one for each message type it takes
    sender: Sender
    resolver: Resolver | None = None
    concurrency: int = 1  #: deliveries under way at the same time
    #: Ends what is under way soon: `Sender.send` raises PartnerDown, and goes on after the next start.
    stop: Callable[[], None] = _nothing

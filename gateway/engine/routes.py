"""Where a message goes: the first route in `config/routes.yaml` that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, Literal

from gateway.contract import Operation

#: Who asks the questions of `First`. No partner may have this name.
GATEWAY: Final = "gateway"


@dataclass(frozen=True, slots=True)
class First:
    """A question that must be answered before a message goes on. See `clearance.py`."""

    ask: str  #: message type of the question
    of: str  #: the partner that answers
    take: tuple[tuple[str, str], ...]  #: (field of the question, field of the message)
    fixed: tuple[tuple[str, Any], ...]  #: (field of the question, value)
    purpose: str
    decide_by: str  #: field of the answer
    proceed: frozenset[str]
    refuse: Mapping[str, str]  #: answer → what the sender is told
    otherwise: Literal["proceed", "refuse", "hold"]
    patience: float  #: seconds


@dataclass(frozen=True, slots=True)
class Route:
    """Patterns are shell globs; `to` names partners."""

    name: str
    message_type: str
    source: str
    region: str
    to: tuple[str, ...]
    first: First | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One partner a message is owed to, and the operation that delivers it."""

    partner: str
    operation: Operation


class Router:
    """Routes by type, sending partner and region. Decisions are remembered: they depend on nothing else.

    Args:
        operations: of every partner and house target, by its name.
        feeds: glob of the sending partner, by the name of the feed: a feed gets what it takes, whatever routes say.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        operations: Mapping[str, Sequence[Operation]],
        feeds: Mapping[str, str] | None = None,
    ) -> None:
        self._routes = tuple(routes)
        self._operations = operations
        self._feeds = feeds or {}
        self.targets = lru_cache(maxsize=4096)(self._targets)
        self.first = lru_cache(maxsize=4096)(self._first)

    def _targets(self, message_type: str, source: str, region: str) -> tuple[Target, ...]:
        """Every delivery owed for such a message; empty where no route fits."""
        route = self._route(message_type, source, region)
        fed = (name for name, sources in self._feeds.items() if fnmatchcase(source, sources))
        # Feeds last: the answer a sender may wait for is that of the first.
        names = dict.fromkeys((*(route.to if route is not None else ()), *fed))
        found = (self.target(name, message_type) for name in names)
        return tuple(target for target in found if target is not None)

    def _first(self, message_type: str, source: str, region: str) -> First | None:
        """What must be asked before such a message goes on."""
        route = self._route(message_type, source, region)
        return None if route is None else route.first

    def _route(self, message_type: str, source: str, region: str) -> Route | None:
        for route in self._routes:
            if (
                fnmatchcase(message_type, route.message_type)
                and fnmatchcase(source, route.source)
                and fnmatchcase(region, route.region)
            ):
                return route
        return None

    def target(self, partner: str, message_type: str) -> Target | None:
        """The partner with the operation that takes such messages to it; None where it has none."""
        for operation in self._operations.get(partner, ()):
            if operation.direction == "out" and operation.request == message_type:
                return Target(partner, operation)
        return None

"""Where a message goes: the first route in `config/routes.yaml` that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from gateway.contract import Operation


@dataclass(frozen=True, slots=True)
class Route:
    """Patterns are shell globs; `to` names partners."""

    name: str
    message_type: str
    source: str
    region: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One partner a message is owed to, and the operation that delivers it."""

    partner: str
    operation: Operation


class Router:
    """Routes by type, sending partner and region. Decisions are remembered: they depend on nothing else."""

    def __init__(self, routes: Sequence[Route], operations: Mapping[str, Sequence[Operation]]) -> None:
        self._routes = tuple(routes)
        self._operations = operations
        self.targets = lru_cache(maxsize=4096)(self._targets)

    def _targets(self, message_type: str, source: str, region: str) -> tuple[Target, ...]:
        """Every delivery owed for such a message; empty where no route fits."""
        for route in self._routes:
            if (
                fnmatchcase(message_type, route.message_type)
                and fnmatchcase(source, route.source)
                and fnmatchcase(region, route.region)
            ):
                found = (self._target(partner, message_type) for partner in route.to)
                return tuple(target for target in found if target is not None)
        return ()

    def _target(self, partner: str, message_type: str) -> Target | None:
        for operation in self._operations.get(partner, ()):
            if operation.direction == "out" and operation.request == message_type:
                return Target(partner, operation)
        return None

"""The little that connections to brokers need of a reactor's clock, typed so that the type checker understands it.

Twisted's own `IReactorTime` declares methods without `self`, which mypy takes amiss on a plain attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall


class Timers(Protocol):
    """What can call back later: the reactor, or `twisted.internet.task.Clock` in tests."""

    def callLater(  # noqa: N802 (Twisted's name)
        self, delay: float, callable: Callable[..., object], /, *args: object
    ) -> IDelayedCall:
        """Call `callable` after `delay` seconds."""
        ...

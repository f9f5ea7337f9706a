"""The little of Twisted's reactor that is used here, with types that mypy can follow.

Twisted declares its interfaces with zope.interface, whose methods have no `self`; these say the same.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure


class Timer(Protocol):
    def active(self) -> bool: ...
    def cancel(self) -> None: ...


class Reactor(Protocol):
    def callLater(self, delay: float, function: Callable[[], object], /) -> Timer: ...


class Port(Protocol):
    """A listening port."""

    def getHost(self) -> Any: ...
    def stopListening(self) -> Deferred[None] | None: ...


class ServerEndpoint(Protocol):
    """Where to listen: `TCP4ServerEndpoint`, `SSL4ServerEndpoint`, …"""

    def listen(self, factory: Factory, /) -> Deferred[Any]: ...


def installed_reactor() -> Reactor:
    """The process's reactor; importing it installs one, so that is put off until one is needed."""
    from twisted.internet import reactor  # noqa: PLC0415  see above

    return cast("Reactor", reactor)


def current_failure() -> Failure:
    """The exception being handled, as a Failure."""
    return Failure()  # type: ignore[no-untyped-call]  # Twisted leaves it without types

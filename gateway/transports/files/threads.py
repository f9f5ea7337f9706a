"""Blocking work, in a thread of the reactor's pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.threads import deferToThreadPool

from gateway.contract import Context

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(context: Context, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What `work` returns or raises."""
    reactor = context.reactor
    done: T = await deferToThreadPool(reactor, reactor.getThreadPool(), work, *arguments, **named)
    return done

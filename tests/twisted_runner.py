"""Runs coroutines and Deferreds on the real reactor, the way the gateway's own process does.

Tests use the reactor that the gateway uses, so that what passes here is what runs in production. The reactor is installed when this module is imported, which
`tests/conftest.py` does before any test module can import another reactor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.transports.process import install_reactor

reactor = install_reactor()
loop: asyncio.AbstractEventLoop = asyncio.get_event_loop_policy().get_event_loop()

from twisted.internet.defer import Deferred  # noqa: E402 (after the reactor was chosen)

_state = {"started": False}


def run(work: Coroutine[Any, Any, Any] | Deferred[Any], timeout: float = 120.0) -> Any:
    """Turn the reactor until `work` is done; return its result or raise its error.

    A coroutine may await Deferreds. To await an asyncio future in it, wrap that in `Deferred.fromFuture`.

    Raises:
        twisted.internet.defer.TimeoutError: `work` took more than `timeout` seconds; it was cancelled.
    """
    if not _state["started"]:
        # Without this, thread pools and other parts that wait for the start-up event never begin to work.
        reactor.startRunning(installSignalHandlers=False)
        _state["started"] = True
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    deferred.addTimeout(timeout, reactor)
    return loop.run_until_complete(deferred.asFuture(loop))


def sleep(seconds: float) -> Deferred[None]:
    """Fire after `seconds`, letting the reactor turn meanwhile."""
    done: Deferred[None] = Deferred(lambda _: call.cancel())
    call = reactor.callLater(seconds, done.callback, None)
    return done


def shut_down() -> None:
    """Stop the reactor's thread pool, whose threads would otherwise keep the interpreter alive."""
    if _state["started"]:
        reactor.fireSystemEvent("shutdown")
        _state["started"] = False

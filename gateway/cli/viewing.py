"""Who looked at a payload, and why: written before it is shown.

The entry goes through the store like any other, so that it ends up in the log under the next checkpoint. A
store that one process owns (SQLite) cannot be written beside a running gateway; then nothing is shown.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.canonical import IdSource
from gateway.contract import ConfigError, Unavailable
from gateway.engine.config import Configuration
from gateway.engine.journal import Journal
from gateway.engine.world import SystemClock
from gateway.store import open_store
from gateway.store.api import Record

_PATIENCE = 30.0


class _Direct:
    """Stands in for the reactor: this program waits for one thing at a time, so any thread may call."""

    def callFromThread(self, callable: Callable[..., object], *args: object) -> None:  # noqa: N802  Twisted's name
        callable(*args)


def record_view(configuration: Configuration, message_id: str, reason: str) -> None:
    """Commits the entry `payload.viewed`.

    Raises:
        Unavailable: it could not be committed; the payload must not be shown.
    """
    ids = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
    journal = Journal(configuration.gateway.node, ids, SystemClock())
    entry = journal.entry(
        "payload.viewed",
        message=message_id,
        actor=f"os:{getpass.getuser()}",
        detail={"reason": reason[:500], "by": "gateway message show"},
    )
    store = open_store(configuration.gateway.store, _Direct())
    try:
        _wait(store.start())
    except ConfigError as error:
        raise Unavailable(
            f"无法写入审计日志，因此不显示：{error.zh}", f"not shown, since it cannot be audited: {error.en}"
        ) from None
    try:
        _wait(store.commit(Record((entry,))))
    finally:
        _wait(store.stop())


def _wait(deferred: Deferred[Any]) -> None:
    """Blocks until it has fired."""
    ended: SimpleQueue[object] = SimpleQueue()
    deferred.addBoth(ended.put)
    result = ended.get(timeout=_PATIENCE)
    if isinstance(result, Failure):
        result.raiseException()

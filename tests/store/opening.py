"""Opening stores in tests. Importing this installs the reactor first, so that child processes may begin with it."""

from __future__ import annotations

from gateway.store import SqlStore, StoreSettings, open_store
from tests.twisted_runner import run


async def started(settings: StoreSettings) -> SqlStore:
    from twisted.internet import reactor

    store = open_store(settings, reactor)
    await store.start()
    return store


def opened(settings: StoreSettings) -> SqlStore:
    store: SqlStore = run(started(settings))
    return store

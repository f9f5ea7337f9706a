"""Time, numbers and one-time tokens, as adapters get them."""

from __future__ import annotations

import datetime as dt
import time

from twisted.internet.defer import Deferred

from gateway.contract import Clock
from gateway.engine.accept import milliseconds
from gateway.store.api import Store

_BLOCK = 500


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Aware, UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


class BlockSerials:
    """Serial numbers, reserved durably in blocks: a crash leaves a gap, never a number used twice."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._blocks: dict[str, range] = {}
        self._reserving: dict[str, list[Deferred[None]]] = {}

    async def next(self, name: str) -> int:
        """The next number of the series, from 1."""
        while True:
            block = self._blocks.get(name)
            if block:
                self._blocks[name] = block[1:]
                return block[0]
            await self._reserve(name)

    async def _reserve(self, name: str) -> None:
        if name in self._reserving:
            waiter: Deferred[None] = Deferred()
            self._reserving[name].append(waiter)
            await waiter
            return
        self._reserving[name] = []
        try:
            first = await self._store.reserve(f"{self._prefix}/{name}", _BLOCK)
            self._blocks[name] = range(first, first + _BLOCK)
        finally:
            for waiting in self._reserving.pop(name):
                waiting.callback(None)


class StoredReplayGuard:
    """One-time tokens of one partner, remembered in the store."""

    def __init__(self, store: Store, scope: str, clock: Clock) -> None:
        self._store = store
        self._scope = scope
        self._clock = clock

    async def first_use(self, token: str, ttl: float) -> bool:
        """True the first time within `ttl` seconds."""
        now = milliseconds(self._clock.now())
        return await self._store.remember(self._scope, token, now + int(ttl * 1000), now)

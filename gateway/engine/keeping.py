"""Large contents of messages: taken into the chest beside the reactor, and out of it when nobody needs them any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from gateway.canonical import Attachment
from gateway.contract import Log
from gateway.store.api import Store
from gateway.store.chest import Chest

#: Seconds after which a claim that no message names is taken for forgotten: far longer than any file takes.
GRACE: Final = 86_400.0


class Keeping:
    """The chest as the engine uses it: everything that takes long happens in a thread."""

    def __init__(self, chest: Chest, ids: Callable[[], str], reactor: Any) -> None:
        self.chest = chest
        self._ids = ids
        self._reactor = reactor

    def keep(
        self, file: Path, name: str | None, media_type: str | None, records: Iterable[Struct] | None
    ) -> Deferred[Attachment]:
        """See `gateway.contract.Inbox.keep`. Where it is cancelled, nothing is kept."""
        stop, claim = Event(), self._ids()
        kept: Deferred[Attachment] = Deferred(lambda _: stop.set())

        def work() -> Attachment:
            return self.chest.keep(
                claim, file, name=name, media_type=media_type, records=records, cancelled=stop
            )

        def ended(result: Any) -> None:
            if not kept.called:
                kept.callback(result)

        self.in_thread(work).addBoth(ended)
        return kept

    def in_thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Runs what blocks."""
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    def forget(self, claim: str) -> None:
        """Removes a claim that turned out not to be needed; if that fails, it is found later."""
        self.in_thread(partial(self.chest.remove, claim)).addErrback(lambda _: None)


class Forgotten:
    """Looks through the chest, one shelf at a time, for what no message needs any more.

    A claim is the id of the message that names it. Without such a message it was never accepted; with one whose payload
    was erased, it is to be erased, too.
    """

    def __init__(
        self, keeping: Keeping, store: Store, log: Log, now: Callable[[], float] = time.time
    ) -> None:
        self._keeping = keeping
        self._store = store
        self._log = log
        self._now = now
        self._shelves: list[Path] = []

    async def look(self) -> None:
        """The next shelf."""
        chest = self._keeping.chest
        if not self._shelves:
            self._shelves = await self._keeping.in_thread(chest.shelves)
        if not self._shelves:
            return
        claims: dict[str, float] = await self._keeping.in_thread(self._claims_on_next)
        for claim, changed in claims.items():
            row = await self._store.message(claim)
            erased = row is not None and not row.body
            if erased or (row is None and self._now() - changed >= GRACE):
                await self._keeping.in_thread(partial(chest.remove, claim))
                self._log.info(
                    "attachment.removed", claim=claim, why="erased" if erased else "never accepted"
                )

    def _claims_on_next(self) -> dict[str, float]:
        return self._keeping.chest.claims_on(self._shelves.pop())

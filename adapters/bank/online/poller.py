"""Asks about batches until all their results are here, and then whether any of their items come back.

It may be killed at any moment: what is open stands in the ledger, an entry moves on only after the inbox has committed
what was found, and what is found twice is one message.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred

from adapters.bank.online.channel import Channel
from adapters.bank.online.ledger import Phase
from adapters.bank.online.results import Results
from adapters.bank.online.settings import CdcSettings, RefundSettings
from adapters.bank.online.words import Batch, Head
from gateway.contract import PartnerDown, Reject, Unavailable

#: Seconds between looks at the ledger, at most.
_LOOK: Final = 30.0
#: Seconds until something is tried again that failed on our side.
_SOON: Final = 30.0


class Poller:
    """Implements `gateway.contract.Receiver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._context = channel.context
        self._poll = channel.settings.poll
        self._results = Results(channel)
        self._timer: Any = None
        self._running: Deferred[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        self._stopping = self._results.stopping = False
        self._results.clear()
        self._later(0.0)

    async def stop(self) -> None:
        """Waits for the one call that is under way; what is not complete is fetched anew."""
        self._stopping = self._results.stopping = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        running, self._running = self._running, None
        if running is not None:
            await running

    async def hint(self, reference: str) -> None:
        """Something has become of this batch: it is asked about at once."""
        await self._channel.ledger.hint(reference, self._now())
        if self._timer is not None and self._timer.active():
            self._timer.reset(0.0)

    def _later(self, delay: float) -> None:
        if not self._stopping:
            self._timer = self._context.reactor.callLater(delay, self._turn)

    def _turn(self) -> None:
        self._running = Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        try:
            await self.look()
        except Exception as error:  # whatever it was, the next turn comes
            self._context.log.error("bank.poll_failed", error=type(error).__name__)
        self._later(min(self._poll.every, _LOOK))

    async def look(self) -> None:
        """Asks about everything that is due."""
        for batch, phase in await self._channel.ledger.due(self._now()):
            if self._stopping:
                return
            try:
                await self._one(batch, phase)
            except PartnerDown as down:
                self._context.log.warning("bank.unreachable", reason=down.en)
                return
            except (Reject, Unavailable) as error:
                self._context.log.error("bank.results_not_taken", reference=batch.reference, reason=error.en)
                await self._channel.ledger.later(batch.reference, self._now() + _SOON)
            except Exception:
                # Not first in line any more, or it would keep all others from being asked about.
                await self._channel.ledger.later(batch.reference, self._now() + _SOON)
                raise

    async def _one(self, batch: Batch, phase: Phase) -> None:
        if phase == "watched":
            await self._watch(batch)
        else:
            await self._ask(batch)

    async def _ask(self, batch: Batch) -> None:
        ledger = self._channel.ledger
        heard = await self._channel.ask(batch)
        if isinstance(heard, Head):
            batch = await self._seen(batch, heard)
            if heard.finished and await self._results.take(batch, heard):
                refunds = self._refunds(batch)
                due = self._now() + (refunds.every if refunds is not None else 0.0)
                until = None if refunds is None else self._now() + refunds.during
                await ledger.complete(batch.reference, due, until)
                self._context.log.info("bank.batch_complete", reference=batch.reference)
                return
        if self._now() - batch.tried.timestamp() > self._poll.give_up_after:
            self._context.log.error("bank.batch_given_up", reference=batch.reference)
            await ledger.close_batch(batch.reference)
            return
        await ledger.later(batch.reference, self._now() + self._poll.every)

    async def _seen(self, batch: Batch, head: Head) -> Batch:
        """The bank has it, also where its answer to the submission was lost."""
        request = head.body.bank_reference
        if request is None or request == batch.request:
            return batch
        await self._channel.ledger.seen(batch.reference, request)
        return await self._channel.ledger.known(batch.reference) or batch

    async def _watch(self, batch: Batch) -> None:
        refunds = self._refunds(batch)
        now = self._now()
        if refunds is not None:
            await self._results.take_refunds(batch)
            if not await self._channel.ledger.over(batch.reference, now):
                await self._channel.ledger.later(batch.reference, now + refunds.every)
                return
        await self._channel.ledger.close_batch(batch.reference)

    def _refunds(self, batch: Batch) -> RefundSettings | None:
        settings = self._channel.settings
        wanted = settings.refunds if isinstance(settings, CdcSettings) else None
        return wanted if batch.kind == "credit-transfer" else None

    def _now(self) -> float:
        return self._context.clock.now().timestamp()

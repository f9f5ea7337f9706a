"""The receiver: both queues of the node are read as long as the gateway runs, and the session is kept up."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from adapters.treasury.line.channel import Channel
from adapters.treasury.line.inward import Inward
from gateway.transports.mq import Subscription

#: Messages of one queue that are dealt with at a time: each waits for a commit.
_AT_ONCE: Final = 8
#: Seconds that a stop lets questions under way wait for their answers; then the engine finds them in doubt.
_PATIENCE: Final = 10.0
#: Seconds between looks for what the ledger need not keep any longer.
_CLEAN: Final = 6 * 3600.0


class TreasuryReceiver:
    """Implements `gateway.contract.Receiver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._inward = Inward(channel)
        self._subscriptions: list[Subscription] = []
        self._cleaning: Any = None

    async def start(self) -> None:
        channel = self._channel
        self._clean()
        for queue in channel.settings.queues_in:
            taken = await channel.link.consume(queue, self._inward.take, at_once=_AT_ONCE)
            self._subscriptions.append(taken)
        await channel.session.start()

    async def stop(self) -> None:
        """Begins nothing, lets what is under way hear its answers, says good-bye, and lets go."""
        channel = self._channel
        channel.session.close()
        if self._cleaning is not None and self._cleaning.active():
            self._cleaning.cancel()
        await channel.exchange.idle(_PATIENCE)
        await channel.session.end()
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()
        await channel.close()

    def _clean(self) -> None:
        channel = self._channel
        self._cleaning = channel.context.reactor.callLater(_CLEAN, self._clean)
        before = channel.context.clock.now().timestamp() - channel.settings.remember_for
        Deferred.fromCoroutine(channel.ledger.clean(before)).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._channel.context.log.error("treasury.clean_failed", error=type(failure.value).__name__)

"""Keeps every promise moving: what is due is taken up again, what was abandoned is found, what the bus lost
is published again. Everything it knows it reads from the store, so it may start at any moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import Deferred

from gateway.bus.contract import Bus, BusError, TopologyRefused
from gateway.contract import Log, Unknown
from gateway.engine.accept import milliseconds
from gateway.engine.clearance import Clearance
from gateway.engine.deliver import Courier
from gateway.engine.lifecycle import HELD, IN_DOUBT, PENDING, SENDING, WAITING, after_attempt
from gateway.engine.outbox import Outbox
from gateway.engine.recorder import Recorder, Work, unrecorded
from gateway.engine.resolve import Mediator
from gateway.store.api import Advance, DeliveryRow, Store

_PAGE = 200
#: Pending deliveries younger than this may still be on their way to the bus.
_GRACE_MS = 2_000


class Keeper:
    """The work of three duties; `assembly` gives them their intervals."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        recorder: Recorder,
        outbox: Outbox,
        couriers: Mapping[str, Courier],
        mediators: Mapping[str, Mediator],
        clearance: Clearance,
        live: Callable[[], Awaitable[list[str]]],
        log: Log,
    ) -> None:
        self._store = store
        self._bus = bus
        self._recorder = recorder
        self._outbox = outbox
        self._couriers = couriers
        self._mediators = mediators
        self._clearance = clearance
        self._live = live
        self._log = log
        self._resolving: dict[str, None] = {}

    async def take_up_due(self) -> None:
        """`waiting` deliveries whose time has come become `pending` again; doubts are settled."""
        now = milliseconds(self._recorder.clock.now())
        for delivery in await self._store.due(WAITING, now, _PAGE):
            await self._again(delivery, now)
        for delivery in await self._store.due(IN_DOUBT, now, _PAGE):
            self._resolve(delivery)
        for delivery in await self._store.due(HELD, now, _PAGE):
            row = await self._store.message(delivery.message_id)
            if row is not None:
                await self._clearance.look(self._recorder.vault.open_message(row.body, row.id))

    async def _again(self, delivery: DeliveryRow, now: int) -> None:
        row = await self._store.message(delivery.message_id)
        unit = Advance(delivery_id=delivery.id, before=WAITING, after=PENDING, at=now, reason=delivery.reason)
        if row is not None and await self._store.commit(unit):
            self._outbox.publish(delivery, row.body)

    def _resolve(self, delivery: DeliveryRow) -> None:
        """Side by side with others, never twice at once for the same delivery."""
        mediator = self._mediators.get(delivery.partner)
        if mediator is None or delivery.id in self._resolving:
            return
        self._resolving[delivery.id] = None
        done = Deferred.fromCoroutine(mediator.resolve(delivery))
        done.addErrback(
            lambda failure: self._log.error(
                "resolve.broken", delivery=delivery.id, traceback=failure.getTraceback()
            )
        )
        done.addBoth(lambda _: self._resolving.pop(delivery.id, None))

    async def find_abandoned(self) -> None:
        """Attempts whose process died in the middle have an unknown outcome, and are treated so."""
        for delivery in await self._store.abandoned(await self._live(), _PAGE):
            courier = self._couriers.get(delivery.partner)
            row = await self._store.message(delivery.message_id)
            if courier is None or row is None:
                continue
            message = self._recorder.vault.open_message(row.body, row.id)
            outcome = Unknown(reason="网关在投递中途停止 / the gateway stopped in the middle of the attempt")
            operation = courier.to.operations[delivery.operation]
            standing = self._recorder.standing(operation, delivery, message)
            step = after_attempt(outcome, standing, courier.to.policy)
            work = Work(delivery, message, unrecorded(delivery))
            await self._recorder.end(work, SENDING, outcome, step, self._log)

    async def publish_lost(self) -> None:
        """Where the store owes more than the partner's queue holds, everything owed is published again.

        What is in the queue twice does no harm: only one of the copies can claim the delivery.
        """
        if not self._bus.status.usable:
            return
        # It is not their turn: they are not on the bus, and need not be.
        blocked = await self._store.blocked()
        pending = {
            partner: number - blocked.get(partner, 0)
            for (partner, state), number in (await self._store.counts()).items()
            if state == PENDING
        }
        lacking = {partner for partner, owed in pending.items() if await self._lacks(partner, owed)}
        if lacking:
            await self._publish_again(lacking)

    async def _lacks(self, partner: str, owed: int) -> bool:
        courier = self._couriers.get(partner)
        if courier is None:
            return False
        try:
            queued = await self._bus.depth(courier.to.queue)
        except TopologyRefused:  # somebody removed the queue: declare it again, and everything is lacking
            await courier.declare()
            return True
        except BusError:
            return False
        return owed > queued + len(courier.in_flight)

    async def _publish_again(self, partners: set[str]) -> None:
        before = milliseconds(self._recorder.clock.now()) - _GRACE_MS
        last, count = "", 0
        while self._bus.status.usable:
            page = await self._store.owed(before, _PAGE, last)
            for delivery, row in page:
                if (
                    delivery.partner in partners
                    and delivery.id not in self._couriers[delivery.partner].in_flight
                ):
                    self._outbox.publish(delivery, row.body)
                    count += 1
            if len(page) < _PAGE:
                break
            last = page[-1][0].id
            await self._recorder.sleep(0)
        if count:
            self._log.info("published.again", count=count)

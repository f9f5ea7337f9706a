"""The bus on RabbitMQ: keeps a session open, and what was declared and consumed alive across sessions.

                  ┌────────────── pause, with back-off and jitter ──────────────┐
                  ▼                                                             │
start() ──►  down: connecting ──► topology and consumers restored ──► connected ─┤ lost
                  │ stop()                                             ▲    │   │
                  ▼                                                    │    ▼   │
               stopped                                                blocked ──┘
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gateway.bus.consuming import QueueReader
from gateway.bus.contract import (
    BusDown,
    BusError,
    BusStatus,
    Consumer,
    Handler,
    State,
    TopologyRefused,
)
from gateway.bus.listeners import Listeners
from gateway.bus.session import Session
from gateway.bus.settings import BusSettings
from gateway.transports.amqp.connection import describe

log = structlog.get_logger("gateway.bus")

_FIRST_PAUSE = 0.2


class RabbitMqBus:
    """See `gateway.bus.contract.Bus`, whose promises these methods keep.

    Args:
        reactor: Twisted's reactor.
        clock: Seconds since 1970, for the status.
        jitter: A number between 0 and 1: when the broker returns, not all gateways come at the same moment.
    """

    def __init__(
        self,
        settings: BusSettings,
        reactor: Any,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clock = clock
        self._jitter = jitter
        self._queues: dict[str, set[str]] = {}
        self._consumptions: list[_Consumption] = []
        self._session: Session | None = None
        self._listeners = Listeners()
        self._state: State = "down"
        self._since = clock()
        self._last_error: str | None = None
        self._work: Deferred[None] | None = None
        # Who hears of a new state may stop the bus at that very moment, while the work is not waiting for
        # anything and so cannot be cancelled: it looks here whether it still is what was started last.
        self._run: object | None = None

    @property
    def status(self) -> BusStatus:
        waiting = 0 if self._session is None else len(self._session.publisher.confirms)
        return BusStatus(self._state, self._since, waiting, self._last_error)

    def on_status(self, callback: Callable[[BusStatus], None]) -> Callable[[], None]:
        return self._listeners.add(callback)

    async def start(self) -> None:
        usable: Deferred[None] = Deferred()

        def look(status: BusStatus) -> None:
            if status.state != "down" and not usable.called:
                usable.callback(None)

        forget = self._listeners.add(look)
        usable.addTimeout(self._settings.connect_timeout, self._reactor)
        self._run = run = object()
        self._work = Deferred.fromCoroutine(self._keep_connected(run))
        self._work.addErrback(_end_quietly)
        try:
            await usable
        except DeferredTimeout:
            raise BusDown(self._last_error or "no broker answered in time") from None
        finally:
            forget()

    async def stop(self) -> None:
        session, self._session = self._session, None
        self._run = None
        self._become("stopped")
        if self._work is not None:
            self._work.cancel()
        if session is not None:
            await self._drain(session)
            session.close()
            await session.when_lost()

    def declare(self, queue: str, binding_keys: Sequence[str]) -> Deferred[None]:
        self._queues.setdefault(queue, set()).update(binding_keys)
        return Deferred.fromCoroutine(self._declare(queue, list(binding_keys)))

    def publish(
        self, routing_key: str, message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Deferred[None]:
        session = self._session
        if session is None:
            return fail(BusDown(self._last_error or "not connected to the broker"))
        return session.publisher.publish(routing_key, message_id, body, headers)

    def publish_many(
        self, queue: str, messages: Sequence[tuple[str, bytes]], headers: Mapping[str, str]
    ) -> Deferred[None]:
        session = self._session
        if session is None:
            return fail(BusDown(self._last_error or "not connected to the broker"))
        return session.publisher.publish_many(queue, messages, headers)

    def consume(self, queue: str, handler: Handler, prefetch: int) -> Deferred[Consumer]:
        consumption = _Consumption(self, queue, handler, prefetch)
        self._consumptions.append(consumption)
        return Deferred.fromCoroutine(self._consume(consumption))

    def depth(self, queue: str) -> Deferred[int]:
        session = self._session
        if session is None:
            return fail(BusDown(self._last_error or "not connected to the broker"))
        return Deferred.fromCoroutine(session.depth(queue))

    def forget(self, consumption: _Consumption) -> None:
        """Do not resume it any more."""
        if consumption in self._consumptions:
            self._consumptions.remove(consumption)

    async def _keep_connected(self, run: object) -> None:
        pause = _FIRST_PAUSE
        while self._run is run:
            try:
                session = await self._open_session()
            except BusError as error:
                self._fell(error)
            else:
                pause = _FIRST_PAUSE
                await self._stay(session, run)
            if self._run is run:
                await deferLater(self._reactor, pause * (0.5 + self._jitter() / 2))
                pause = min(pause * 2, self._settings.reconnect_max)

    async def _stay(self, session: Session, run: object) -> None:
        self._session = session
        self._blocking_changed()
        if self._run is run:
            reason = await session.when_lost()
            self._session = None
            self._fell(reason)

    async def _open_session(self) -> Session:
        """Connect and restore what was there, within the time-out."""
        session = Session(self._settings, self._reactor)
        opening = Deferred.fromCoroutine(self._restore(session))
        opening.addTimeout(self._settings.connect_timeout, self._reactor)
        try:
            await opening
        except Exception as error:
            session.abort(BusDown("connecting was given up"))
            if isinstance(error, (BusError, CancelledError)):
                raise
            # A certificate file that cannot be read, for example: it may be there at the next attempt.
            late = isinstance(error, DeferredTimeout)
            raise BusDown("the broker did not answer in time" if late else describe(error)) from error
        return session

    async def _restore(self, session: Session) -> None:
        await session.open(self._blocking_changed)
        for queue, keys in list(self._queues.items()):
            # One queue that the broker refuses must not keep all others from working.
            try:
                await session.declare(queue, sorted(keys))
            except TopologyRefused as refusal:
                self._refused(queue, refusal)
        for consumption in list(self._consumptions):
            # Not waited for: a quorum queue without a leader answers only when it has one again, and
            # publishing to the other queues must not wait for that.
            resumed = Deferred.fromCoroutine(consumption.attach(session))
            resumed.addErrback(self._not_resumed, consumption.queue)

    async def _declare(self, queue: str, keys: list[str]) -> None:
        if self._session is not None:
            try:
                await self._session.declare(queue, keys)
            except BusDown:
                return  # it is remembered, and the next session declares it

    async def _consume(self, consumption: _Consumption) -> Consumer:
        if self._session is not None:
            try:
                await consumption.attach(self._session)
            except BusDown:
                return consumption  # it is remembered, and the next session resumes it
            except TopologyRefused:
                self.forget(consumption)
                raise
        return consumption

    async def _drain(self, session: Session) -> None:
        deadline = self._reactor.seconds() + self._settings.drain_timeout
        while len(session.publisher.confirms) and self._reactor.seconds() < deadline:
            await deferLater(self._reactor, 0.02)

    def _not_resumed(self, failure: Failure, queue: str) -> None:
        if not isinstance(failure.value, BusDown):  # else the next session resumes it
            self._refused(queue, failure.value)

    def _refused(self, queue: str, refusal: BaseException | None) -> None:
        self._last_error = f"queue {queue}: {refusal}"
        log.error("bus.topology_refused", queue=queue, reason=str(refusal))

    def _blocking_changed(self) -> None:
        if self._session is not None:
            reason = self._session.publisher.blocked
            if reason is not None:
                self._last_error = f"blocked by the broker: {reason}"
            self._become("connected" if reason is None else "blocked")

    def _fell(self, error: BusError) -> None:
        self._last_error = str(error)
        self._become("down")

    def _become(self, state: State) -> None:
        if state != self._state:
            self._state, self._since = state, self._clock()
            log.info("bus.state", state=state, last_error=self._last_error)
        self._listeners.tell(self.status)


def _end_quietly(failure: Failure) -> None:
    failure.trap(CancelledError)  # type: ignore[no-untyped-call]


class _Consumption:
    """A consumer's wish, which outlives sessions."""

    def __init__(self, bus: RabbitMqBus, queue: str, handler: Handler, prefetch: int) -> None:
        self.queue = queue
        self._bus = bus
        self._handler = handler
        self._prefetch = prefetch
        self._reader: QueueReader | None = None

    async def attach(self, session: Session) -> None:
        """Begin to read in this session."""
        self._reader = await session.read(self.queue, self._handler, self._prefetch)

    def cancel(self) -> Deferred[None]:
        """See `gateway.bus.contract.Consumer.cancel`."""
        self._bus.forget(self)
        return Deferred.fromCoroutine(self._cancel())

    async def _cancel(self) -> None:
        if self._reader is not None:
            try:
                await self._reader.cancel()
            except BusDown:
                return  # the connection ended, and with it the consumption

"""The bus within one process: no set-up, no broker.

It hands what is published to consumers of the same process, in memory. What a crash drops is published again
from the store, which is the truth; so nothing here touches a disk.

    publish ─► topic match ─► queue.ready ─► (next reactor turn) handler ─► queue.unsettled ─► ack: forgotten
                                   ▲                                             │
                                   └────────────── nack(requeue=True) ◄──────────┘
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import structlog
from twisted.internet.defer import Deferred, fail, succeed

from gateway.bus.contract import (
    BusDown,
    BusError,
    BusStatus,
    Consumer,
    Delivered,
    Handler,
    Overloaded,
    State,
    TopologyRefused,
    Unroutable,
)
from gateway.bus.listeners import Listeners
from gateway.bus.settings import BusSettings
from gateway.bus.topics import matches
from gateway.transports.amqp.frames import short_string
from gateway.transports.amqp.reactor import Timers

log = structlog.get_logger("gateway.bus")

# Routing keys are made of message types, regions and partners: few thousand at most. The cache of where they
# lead is emptied when it grows past this, so that odd keys cannot fill the memory.
_MOST_ROUTES = 10_000

# What one queue may hand out before the reactor serves others.
_MOST_PER_TURN = 100


@dataclass(frozen=True, slots=True)
class _Message:
    message_id: str
    routing_key: str
    body: bytes
    headers: Mapping[str, str]
    redelivered: bool = False


@dataclass(eq=False, slots=True)
class _Queue:
    bindings: set[str] = field(default_factory=set)
    ready: deque[_Message] = field(default_factory=deque)
    consumers: deque[_Consumer] = field(default_factory=deque)
    held: int = 0
    """Messages ready or unsettled."""
    held_bytes: int = 0
    awake: bool = False
    """A dispatch is due in the next reactor turn."""

    def next_consumer(self) -> _Consumer | None:
        """Take the consumers in turn, passing over those that hold as much as they may."""
        for _ in range(len(self.consumers)):
            consumer = self.consumers[0]
            self.consumers.rotate(-1)
            if not consumer.full:
                return consumer
        return None


class EmbeddedBus:
    """See `gateway.bus.contract.Bus`, whose promises these methods keep."""

    def __init__(
        self, settings: BusSettings, reactor: Timers, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clock = clock
        self._queues: dict[str, _Queue] = {}
        self._routes: dict[str, list[_Queue]] = {}
        self._listeners = Listeners()
        self._state: State = "down"
        self._since = clock()

    @property
    def status(self) -> BusStatus:
        return BusStatus(self._state, self._since, unconfirmed=0, last_error=None)

    async def start(self) -> None:
        self._become("connected")
        for queue in self._queues.values():
            self._wake(queue)

    async def stop(self) -> None:
        self._become("stopped")
        self._queues.clear()
        self._routes.clear()

    def on_status(self, callback: Callable[[BusStatus], None]) -> Callable[[], None]:
        return self._listeners.add(callback)

    def declare(self, queue: str, binding_keys: Sequence[str]) -> Deferred[None]:
        self._queues.setdefault(queue, _Queue()).bindings.update(binding_keys)
        self._routes.clear()
        return succeed(None)

    def publish(
        self, routing_key: str, message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Deferred[None]:
        try:
            queues = self._routes.get(routing_key) or self._find_route(routing_key)
        except ValueError as error:
            return fail(error)
        return self._put(queues, routing_key, [(message_id, body)], headers)

    def _put(
        self,
        queues: list[_Queue],
        routing_key: str,
        messages: Sequence[tuple[str, bytes]],
        headers: Mapping[str, str],
    ) -> Deferred[None]:
        """All of them or none."""
        if self._state != "connected":
            return fail(BusDown("the bus is not running"))
        try:
            for message_id, _ in messages:
                short_string(message_id)  # what RabbitMQ could not carry is refused here too
        except ValueError as error:
            return fail(error)
        refusal = self._refusal(queues, routing_key, len(messages), sum(len(body) for _, body in messages))
        if refusal is not None:
            return fail(refusal)
        for message_id, body in messages:
            message = _Message(message_id, routing_key, body, dict(headers))
            for queue in queues:
                queue.held += 1
                queue.held_bytes += len(body)
                queue.ready.append(message)
        for queue in queues:
            self._wake(queue)
        return succeed(None)

    def publish_many(
        self, queue: str, messages: Sequence[tuple[str, bytes]], headers: Mapping[str, str]
    ) -> Deferred[None]:
        found = [self._queues[queue]] if queue in self._queues else []
        return self._put(found, queue, messages, headers)

    def consume(self, queue: str, handler: Handler, prefetch: int) -> Deferred[Consumer]:
        source = self._queues.get(queue)
        if source is None:
            return fail(TopologyRefused(f"queue {queue} was not declared"))
        consumer = _Consumer(self, source, handler, prefetch)
        source.consumers.append(consumer)
        self._wake(source)
        return succeed(consumer)

    def depth(self, queue: str) -> Deferred[int]:
        source = self._queues.get(queue)
        if source is None:
            return fail(TopologyRefused(f"queue {queue} was not declared"))
        return succeed(len(source.ready))

    def _find_route(self, routing_key: str) -> list[_Queue]:
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        short_string(routing_key)
        found = [q for q in self._queues.values() if any(matches(b, routing_key) for b in q.bindings)]
        self._routes[routing_key] = found
        return found

    def _refusal(self, queues: list[_Queue], routing_key: str, count: int, size: int) -> BusError | None:
        """Say why so many messages cannot be taken. They go to all of their queues or to none."""
        if not queues:
            return Unroutable(f"no queue is bound for {routing_key}")
        limits = self._settings
        for queue in queues:
            if queue.held + count > limits.embedded_queue_messages:
                return Overloaded(f"a queue for {routing_key} holds {queue.held} messages")
            # An empty queue takes any message, however large: otherwise that one could never be sent.
            if queue.held and queue.held_bytes + size > limits.embedded_queue_bytes:
                return Overloaded(f"a queue for {routing_key} holds {queue.held_bytes} bytes")
        return None

    def _wake(self, queue: _Queue) -> None:
        if not queue.awake and queue.ready and queue.consumers:
            queue.awake = True
            self._reactor.callLater(0, self._dispatch, queue)

    def _dispatch(self, queue: _Queue) -> None:
        """Hand out what is ready, to the consumers in turn, until none of them may hold more."""
        queue.awake = False
        for _ in range(_MOST_PER_TURN):
            if self._state != "connected" or not queue.ready:
                return
            consumer = queue.next_consumer()
            if consumer is None:
                return
            consumer.take(queue.ready.popleft())
        self._wake(queue)

    def _become(self, state: State) -> None:
        self._state, self._since = state, self._clock()
        self._listeners.tell(self.status)


class _Consumer:
    def __init__(self, bus: EmbeddedBus, queue: _Queue, handler: Handler, prefetch: int) -> None:
        self._bus = bus
        self._queue = queue
        self._handler = handler
        self._prefetch = prefetch
        self._tags = count(1)
        self._unsettled: dict[int, _Message] = {}

    @property
    def full(self) -> bool:
        return len(self._unsettled) >= self._prefetch

    def cancel(self) -> Deferred[None]:
        if self in self._queue.consumers:
            self._queue.consumers.remove(self)
        return succeed(None)

    def take(self, message: _Message) -> None:
        tag = next(self._tags)
        self._unsettled[tag] = message
        delivered = Delivered(
            message.message_id,
            message.routing_key,
            message.body,
            message.headers,
            message.redelivered,
            tag,
            self._settle,
        )
        try:
            self._handler(delivered)
        except Exception:
            log.exception("bus.handler_failed", message_id=message.message_id)
            if tag in self._unsettled:
                delivered.nack()

    def _settle(self, tag: int, accepted: bool, requeue: bool) -> None:
        message = self._unsettled.pop(tag)
        queue = self._queue
        if not accepted and requeue:
            queue.ready.appendleft(
                _Message(message.message_id, message.routing_key, message.body, message.headers, True)
            )
        else:
            queue.held -= 1
            queue.held_bytes -= len(message.body)
        self._bus._wake(queue)

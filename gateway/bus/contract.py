"""What a bus is: the one door between the engine and whatever distributes the work.

The store is the truth and the bus distributes work. A publish that fails is therefore not an emergency: the
message stays owed in the store and is published again when the bus says it is back (`Bus.on_status`).

Both back ends, RabbitMQ and the embedded one, keep the same promises, and the same tests run on both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from twisted.internet.defer import Deferred

from gateway.transports.amqp.errors import BrokerDown, BrokerError, BrokerRefused

State = Literal["down", "connected", "blocked", "stopped"]


BusError = BrokerError
"""Something the bus could not do. Its subclasses name what the caller does next."""

BusDown = BrokerDown
"""There is no broker, or it went away before it confirmed: publish again when the bus is back.

The broker may have the message nevertheless, so consumers see some messages twice.
"""

TopologyRefused = BrokerRefused
"""The broker refuses a queue or binding: a person must compare it with what exists on the broker."""


class Blocked(BusError):
    """The broker is short of memory or disk and takes nothing more: publish again when that has passed."""


class Overloaded(BusError):
    """More is under way than this process may hold: publish again after what is under way has ended."""


class Unroutable(BusError):
    """No queue is bound for this routing key: declare the partner's queue, then publish again."""


class Nacked(BusError):
    """The broker did not take responsibility, or not in time: publish again a little later.

    Should a late confirmation have been under way, consumers see the message twice.
    """


class AlreadySettled(BusError):
    """A delivery was acknowledged or handed back a second time: a mistake in the program."""


class Delivered:
    """One message handed to a consumer, to be settled exactly once from the reactor's thread."""

    __slots__ = ("_settle", "_tag", "body", "headers", "message_id", "redelivered", "routing_key")

    def __init__(
        self,
        message_id: str,
        routing_key: str,
        body: bytes,
        headers: Mapping[str, str],
        redelivered: bool,
        tag: int,
        settle: Settle,
    ) -> None:
        self.message_id = message_id
        self.routing_key = routing_key
        self.body = body
        self.headers = headers
        self.redelivered = redelivered
        self._tag = tag
        self._settle: Settle | None = settle

    def ack(self) -> None:
        """Tell the bus that the message is dealt with and may be forgotten."""
        self._once()(self._tag, True, False)

    def nack(self, requeue: bool = True) -> None:
        """Hand the message back, to be delivered again, or with `requeue=False` to be dropped."""
        self._once()(self._tag, False, requeue)

    def _once(self) -> Settle:
        settle, self._settle = self._settle, None
        if settle is None:
            raise AlreadySettled(f"message {self.message_id} was settled before")
        return settle


Settle = Callable[[int, bool, bool], None]
"""What a back end gives a `Delivered`: called with its tag, whether to acknowledge, whether to requeue."""

Handler = Callable[[Delivered], None]
"""Called for each message; must return soon, and must not raise: what it raises hands the message back."""


@dataclass(frozen=True, slots=True)
class BusStatus:
    """How the bus is doing, for readiness, metrics and the console."""

    state: State
    since: float
    """When it came into this state, in seconds since 1970."""
    unconfirmed: int
    """How many publishes are waiting for the broker's word."""
    last_error: str | None
    """What went wrong last, without addresses' passwords; kept after recovery."""

    @property
    def usable(self) -> bool:
        """Tell whether a publish has a chance now."""
        return self.state == "connected"


class Consumer(Protocol):
    """A running consumption of one queue."""

    def cancel(self) -> Deferred[None]:
        """Fire when no more messages will be handed out. Those already handed out can still be settled."""
        ...


class Bus(Protocol):
    """Carries messages to durable queues. All methods belong to the reactor's thread."""

    @property
    def status(self) -> BusStatus:
        """Say how the bus is doing at this moment."""
        ...

    async def start(self) -> None:
        """Return when the bus is usable.

        Raises:
            BusDown: It was not within the connect time-out. The bus goes on trying by itself nevertheless.
        """
        ...

    async def stop(self) -> None:
        """Stop for good, waiting a bounded time for outstanding confirmations."""
        ...

    def declare(self, queue: str, binding_keys: Sequence[str]) -> Deferred[None]:
        """Make a durable queue and bind it.

        The declaration is remembered first and repeated after each reconnect. Fires when the broker has it,
        or at once during an outage, since it will have it before anything else can happen.

        Fails with `TopologyRefused`.
        """
        ...

    def publish(
        self, routing_key: str, message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Deferred[None]:
        """Fire when the bus has taken responsibility for the message.

        Fails with `Unroutable`, `Nacked`, `BusDown`, `Blocked` or `Overloaded`; with `ValueError` for what
        can never be sent, such as a routing key of more than 255 bytes.
        """
        ...

    def publish_many(
        self, queue: str, messages: Sequence[tuple[str, bytes]], headers: Mapping[str, str]
    ) -> Deferred[None]:
        """Put several (message id, body) into one queue at once, at least one, in their order; nothing is routed.

        Fires when the bus has taken responsibility for all of them. Fails as `publish` does, with the first
        refusal, when the bus has answered for each: some of the others may have been taken. The routing key that
        consumers see is the queue's name.
        """
        ...

    def consume(self, queue: str, handler: Handler, prefetch: int) -> Deferred[Consumer]:
        """Hand messages of the queue to `handler`, at most `prefetch` unsettled at a time.

        Like declarations, consumption is remembered, and resumed after each reconnect. A message that was
        handed out before a reconnect is delivered again; settling the old one has no effect.

        Fails with `TopologyRefused`, also when the queue was not declared.
        """
        ...

    def depth(self, queue: str) -> Deferred[int]:
        """Fire with the number of messages that wait in the queue; those handed out do not count.

        Fails with `BusDown` or `TopologyRefused`.
        """
        ...

    def on_status(self, callback: Callable[[BusStatus], None]) -> Callable[[], None]:
        """Call back at each change of state. Returns what ends that."""
        ...

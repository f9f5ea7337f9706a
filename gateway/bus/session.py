"""One stay with the broker: two connections that live and die together.

Publishing has a connection to itself. An alarm makes the broker stop reading from connections that publish,
and the acknowledgements that would relieve it must not be stuck behind that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pika.connection
from twisted.internet.defer import Deferred

from gateway.bus.consuming import QueueReader
from gateway.bus.contract import BusDown, Handler, Nacked
from gateway.bus.publisher import Publisher
from gateway.bus.settings import BusSettings
from gateway.transports.amqp.connection import AmqpConnection
from gateway.transports.amqp.dialing import dial, limited
from gateway.transports.http.tls import ClientTls

_CLOSING = 2.0  # seconds for the broker to answer our leave-taking


class Session:
    """Two open connections, what is declared over them, and when they are lost.

    Args:
        reactor: Twisted's reactor: connections and timers.
    """

    def __init__(self, settings: BusSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor
        self._connections: list[AmqpConnection] = []
        self._readers: list[QueueReader] = []
        self._timer: Any = None
        self._closing = False
        self._lost: BusDown | None = None
        self._waiting: list[Deferred[BusDown]] = []
        self._publisher: Publisher | None = None

    async def open(self, blocking_changed: Callable[[], None]) -> None:
        """Connect, and make ready to publish.

        Raises:
            BusDown: There is no broker, or it does not let us in.
        """
        publishing = await self._connect()
        consuming = await self._connect()
        for connection in (publishing, consuming):
            connection.on_lost = self._end
        channel = await publishing.open_channel()
        settings = self._settings
        publisher = Publisher(publishing, channel, settings.exchange, settings.max_unconfirmed)
        self._publisher = publisher
        channel.on_closed.append(lambda error: publishing.abort(BusDown(f"publishing was refused: {error}")))
        await self._declare_exchange()
        await publisher.open(blocking_changed)
        self._timer = self._reactor.callLater(settings.confirm_timeout, self._watch_confirms)

    async def declare(self, queue: str, binding_keys: Iterable[str]) -> None:
        """Declare a quorum queue and its bindings.

        Raises:
            TopologyRefused: What exists on the broker is different.
        """
        channel = await self._consuming.open_channel()
        await channel.call("queue_declare", queue=queue, durable=True, arguments={"x-queue-type": "quorum"})
        for key in binding_keys:
            await channel.call("queue_bind", queue=queue, exchange=self._settings.exchange, routing_key=key)
        channel.close()

    async def depth(self, queue: str) -> int:
        """Say how many messages wait in the queue.

        Raises:
            TopologyRefused: There is no such queue. Asking must not make one: it would have no bindings.
        """
        channel = await self._consuming.open_channel()
        found = await channel.call("queue_declare", queue=queue, passive=True)
        channel.close()
        return int(found.method.message_count)

    async def read(self, queue: str, handler: Handler, prefetch: int) -> QueueReader:
        """Begin to consume a queue.

        Raises:
            TopologyRefused: There is no such queue.
        """
        channel = await self._consuming.open_channel()
        reader = QueueReader(self._consuming, channel, self._reactor, handler)
        await reader.open(queue, prefetch)
        self._readers.append(reader)
        return reader

    def abort(self, error: BusDown) -> None:
        """Let go of both connections at once."""
        for connection in self._connections:
            connection.abort(error)

    def close(self) -> None:
        """Say what is still to be said, and take leave; a broker that does not answer is left."""
        if self._lost is not None:
            return
        for reader in self._readers:
            reader.flush()
        for connection in self._connections:
            connection.close()
        self._closing = True
        self._cancel_timer()
        self._timer = self._reactor.callLater(_CLOSING, self.abort, BusDown("the bus was stopped"))

    def when_lost(self) -> Deferred[BusDown]:
        """Fire with the reason when the session is over."""
        waiter: Deferred[BusDown] = Deferred()
        if self._lost is not None:
            waiter.callback(self._lost)
        else:
            self._waiting.append(waiter)
        return waiter

    @property
    def publisher(self) -> Publisher:
        """What publishes, once the session is open."""
        assert self._publisher is not None
        return self._publisher

    @property
    def _consuming(self) -> AmqpConnection:
        return self._connections[1]

    async def _declare_exchange(self) -> None:
        channel = await self._consuming.open_channel()
        await channel.call(
            "exchange_declare", exchange=self._settings.exchange, exchange_type="topic", durable=True
        )
        channel.close()

    async def _connect(self) -> AmqpConnection:
        settings = self._settings
        connection = await dial(
            connection_parameters(settings), _tls(settings), settings.connect_timeout, self._reactor
        )
        self._connections.append(connection)
        await connection.ready
        return connection

    def _watch_confirms(self) -> None:
        """Give up what is not confirmed in time, as when a queue has lost its majority: others go on."""
        timeout = self._settings.confirm_timeout
        self._timer = self._reactor.callLater(timeout, self._watch_confirms)
        if self.publisher.blocked is None:
            self.publisher.confirms.fail_overdue(Nacked(f"not confirmed within {timeout:g} s"))

    def _end(self, error: BusDown) -> None:
        """One connection is gone, which ends the other one too: at once, or when it has said all it had to."""
        if self._lost is not None:
            return
        if self._closing and not all(connection.gone for connection in self._connections):
            return
        self._lost = error
        self._cancel_timer()
        self.abort(error)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(error)
        if self._publisher is not None:
            self._publisher.lost(error)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def connection_parameters(settings: BusSettings) -> pika.connection.Parameters:
    """Read the address; the limits are ours."""
    return limited(pika.connection.URLParameters(settings.url.get_secret_value()), settings.heartbeat)


def _tls(settings: BusSettings) -> ClientTls | None:
    if not settings.url.get_secret_value().startswith("amqps"):
        return None
    tls = settings.tls
    return ClientTls(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file or tls.cert_file)

"""Consuming one queue over one channel."""

from __future__ import annotations

import structlog

from gateway.bus.acks import AckBatch
from gateway.bus.contract import BusDown, Delivered, Handler
from gateway.transports.amqp.connection import AmqpConnection, RpcChannel
from gateway.transports.amqp.frames import DELIVER, HEADER, METHOD, read_deliver, read_header
from gateway.transports.amqp.reactor import Timers

log = structlog.get_logger("gateway.bus")


class QueueReader:
    """Hands the messages of a queue to a handler, and says together what is settled in one reactor turn."""

    def __init__(
        self, connection: AmqpConnection, channel: RpcChannel, timers: Timers, handler: Handler
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._timers = timers
        self._handler = handler
        self._batch = AckBatch(channel.number)
        self._flush_due = False
        self._cancelled = False
        self._gone = False
        self._coming: tuple[int, bool, str] = (0, False, "")
        self._identity: tuple[str, dict[str, str]] = ("", {})
        self._pieces: list[bytes] = []
        self._missing = 0
        self._tag = ""

    async def open(self, queue: str, prefetch: int) -> None:
        """Begin to consume.

        Raises:
            TopologyRefused: There is no such queue, or it may not be read.
        """
        self._connection.sinks[self._channel.number] = self._sink
        self._channel.on_closed.append(self._closed)
        self._channel.pika.add_on_cancel_callback(lambda _: self._broken(queue))
        await self._channel.call("basic_qos", prefetch_count=prefetch)
        self._tag = f"tongqu.{self._channel.number}"
        await self._channel.call(
            "basic_consume", queue=queue, on_message_callback=_never, consumer_tag=self._tag
        )
        # From here on, a channel that ends without our asking means that the session no longer works.
        self._channel.on_closed.append(self._lost_unless_cancelled)

    async def cancel(self) -> None:
        """Take no more messages. The channel ends when those handed out are settled."""
        self._cancelled = True
        if not self._gone:
            await self._channel.call("basic_cancel", consumer_tag=self._tag)
            self._flush()

    def flush(self) -> None:
        """Say now what is settled, instead of at the end of the reactor's turn."""
        if not self._gone:
            self._flush()

    def _sink(self, kind: int, data: bytes, at: int, end: int) -> bool:
        if kind == METHOD:
            if data[at : at + 4] != DELIVER:
                return False
            self._coming = read_deliver(data, at)
            return True
        if kind == HEADER:
            self._missing, message_id, headers = read_header(data, at, end)
            self._identity = (message_id, headers)
        elif not self._missing:
            return False  # a heartbeat or something unknown
        elif not self._pieces and end - at == self._missing:
            self._missing = 0
            self._hand_out(data[at:end])
            return True
        else:
            self._pieces.append(data[at:end])
            self._missing -= end - at
        if not self._missing:
            pieces, self._pieces = self._pieces, []
            self._hand_out(b"".join(pieces))
        return True

    def _hand_out(self, body: bytes) -> None:
        if self._gone:
            return
        tag, redelivered, routing_key = self._coming
        message_id, headers = self._identity
        self._batch.delivered(tag)
        delivered = Delivered(message_id, routing_key, body, headers, redelivered, tag, self._settle)
        if self._cancelled:
            delivered.nack()  # it was on its way when the consumption was cancelled
            return
        try:
            self._handler(delivered)
        except Exception:
            log.exception("bus.handler_failed", message_id=message_id)
            if self._batch.holds(tag):
                delivered.nack()

    def _settle(self, tag: int, accepted: bool, requeue: bool) -> None:
        if self._gone:
            return  # the broker delivers it again
        if accepted:
            self._batch.ack(tag)
        else:
            self._batch.nack(tag, requeue)
        if not self._flush_due:
            self._flush_due = True
            self._timers.callLater(0, self._flush_in_time)

    def _flush_in_time(self) -> None:
        self._flush_due = False
        self.flush()

    def _flush(self) -> None:
        if self._batch.due:
            self._connection.write(self._batch.frames())
        if self._cancelled and not self._batch:
            self._channel.close()

    def _broken(self, queue: str) -> None:
        # A new session declares the queue again, which is all that can be done about it here.
        self._connection.abort(BusDown(f"queue {queue} was deleted on the broker"))

    def _closed(self, _: Exception) -> None:
        self._gone = True
        self._connection.sinks.pop(self._channel.number, None)

    def _lost_unless_cancelled(self, error: Exception) -> None:
        if not self._cancelled:
            self._connection.abort(BusDown(f"a consuming channel was closed: {error}"))


def _never(*_: object) -> None:
    raise AssertionError("deliveries are taken by the sink before pika sees them")

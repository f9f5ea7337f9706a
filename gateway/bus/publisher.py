"""Publishing over one connection, with confirmations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail

from gateway.bus.contract import Blocked, BusDown, BusError, Nacked, Overloaded, Unroutable
from gateway.transports.amqp.confirms import Confirms
from gateway.transports.amqp.connection import AmqpConnection, RpcChannel
from gateway.transports.amqp.frames import ACK, METHOD, NACK, PUBLISH_TAG, PublishWriter, read_settle


class Publisher:
    """The publishing channel of one session.

    Args:
        connection: Used for publishing only: an alarm makes the broker stop reading from connections that
            publish, and acknowledgements must not be stuck behind that.
        channel: Open, and not used by anybody else.
        most: How many publishes may wait for confirmation. The transport buffers without limit, so this is
            what bounds the memory.
    """

    def __init__(self, connection: AmqpConnection, channel: RpcChannel, exchange: str, most: int) -> None:
        self.confirms = Confirms()
        self.blocked: str | None = None
        self._connection = connection
        self._channel = channel
        self._writer = PublishWriter(channel.number, exchange, connection.frame_max)
        self._most = most
        self._down: BusDown | None = None

    async def open(self, blocking_changed: Callable[[], None]) -> None:
        """Have the broker confirm what is published here."""
        self._connection.sinks[self._channel.number] = self._sink
        self._channel.pika.add_on_return_callback(self._returned)
        await self._channel.call("confirm_delivery", ack_nack_callback=lambda _: None)

        def changed(reason: str | None) -> None:
            self.blocked = reason
            self.confirms.forget_watch()
            blocking_changed()

        self._connection.watch_blocking(changed)

    def publish(
        self, routing_key: str, message_id: str, body: bytes, headers: Mapping[str, str]
    ) -> Deferred[None]:
        """See `gateway.bus.contract.Bus.publish`."""
        confirms = self.confirms
        refusal = self._refusal(1)
        if refusal is not None:
            return fail(refusal)
        try:
            frames = self._writer.write(confirms.last_tag + 1, routing_key, message_id, body, headers)
        except ValueError as error:
            return fail(error)
        confirmed = confirms.expect()
        self._connection.write(frames)
        return confirmed

    def publish_many(
        self, queue: str, messages: Sequence[tuple[str, bytes]], headers: Mapping[str, str]
    ) -> Deferred[None]:
        """See `gateway.bus.contract.Bus.publish_many`."""
        refusal = self._refusal(len(messages))
        if refusal is not None:
            return fail(refusal)
        try:
            frames = self._writer.write_many(self.confirms.last_tag + 1, queue, messages, headers)
        except ValueError as error:
            return fail(error)
        confirmed = self.confirms.expect_many(len(messages))
        self._connection.write(frames)
        return confirmed

    def _refusal(self, count: int) -> BusError | None:
        """Why so many cannot be published now."""
        if self._down is not None:
            return self._down
        if self.blocked is not None:
            return Blocked(f"the broker takes no messages: {self.blocked}")
        if len(self.confirms) + count > self._most:
            return Overloaded(f"{self._most} publishes wait for confirmation")
        return None

    def lost(self, error: BusDown) -> None:
        """Fail everything unanswered: whether the broker has it cannot be known any more."""
        self._down = error
        self.confirms.fail_all(error)

    def _sink(self, kind: int, data: bytes, at: int, _end: int) -> bool:
        if kind != METHOD:
            return False
        method = data[at : at + 4]
        if method == ACK:
            self.confirms.confirmed(*read_settle(data, at))
            return True
        if method == NACK:
            self.confirms.failed(*read_settle(data, at), Nacked("the broker could not keep the message"))
            return True
        return False

    def _returned(self, _channel: object, method: Any, properties: Any, _body: bytes) -> None:
        tag = int((properties.headers or {})[PUBLISH_TAG])
        reason = f"no queue is bound for {method.routing_key} ({method.reply_text})"
        self.confirms.failed(tag, False, Unroutable(reason))

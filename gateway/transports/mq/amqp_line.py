"""A line by AMQP 0-9-1. Messages go to the default exchange, whose routing keys are queues' names.

The frames are pika's: a partner's queues carry messages by the hundred a second, not by the ten thousand as the bus.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pika
import pika.exceptions
from twisted.internet.defer import TimeoutError as DeferredTimeout

from gateway.transports.amqp.confirms import Confirms
from gateway.transports.amqp.connection import AmqpConnection, RpcChannel, describe
from gateway.transports.amqp.dialing import dial, limited
from gateway.transports.amqp.errors import BrokerDown, BrokerError, BrokerRefused
from gateway.transports.amqp.frames import PUBLISH_TAG
from gateway.transports.mq.contract import Arrived
from gateway.transports.mq.lines import Ending, Taken, down, unknown
from gateway.transports.mq.settings import AmqpSettings

_CLOSING = 2.0  # seconds for the broker to answer our leave-taking
_PERSISTENT = 2
#: Reply codes that a broker gives before it looks for a queue: no right, no exchange, larger than it allows.
_BEFORE_ROUTING = (403, 404, 406)


class _Refused(BrokerError):
    """No queue of that name, or not ours to put into."""


class _Nacked(BrokerError):
    """The broker could not say that it keeps the message."""


async def open_line(settings: AmqpSettings, reactor: Any) -> AmqpLine:
    """Connect, log in, and have the broker confirm what is put. Raises PartnerDown."""
    try:
        connection = await dial(_parameters(settings), _tls(settings), settings.connect_timeout, reactor)
        try:
            await connection.ready
            line = AmqpLine(connection, await connection.open_channel(), settings, reactor)
            await line.begin()
        except BaseException:
            connection.abort(BrokerDown("connecting was given up"))
            raise
    except BrokerError as error:
        raise down(str(error)) from error
    return line


class AmqpLine:
    """See `gateway.transports.mq.lines.Line`."""

    def __init__(
        self, connection: AmqpConnection, channel: RpcChannel, settings: AmqpSettings, reactor: Any
    ) -> None:
        self.ending = Ending()
        self._connection = connection
        self._channel = channel
        self._settings = settings
        self._reactor = reactor
        self._confirms = Confirms()
        self._blocked: str | None = None
        connection.on_lost = self._lost
        channel.on_closed.append(self._channel_closed)

    async def begin(self) -> None:
        """Have the broker confirm."""
        self._channel.pika.add_on_return_callback(self._returned)
        self._connection.watch_blocking(self._blocking)
        await self._channel.call("confirm_delivery", ack_nack_callback=self._answered)

    async def put(self, queue: str, body: bytes, message_id: str, correlation_id: str | None) -> None:
        if self._blocked is not None:
            raise down(f"the broker takes nothing: {self._blocked}")
        properties = pika.BasicProperties(
            message_id=message_id,
            correlation_id=correlation_id,
            delivery_mode=_PERSISTENT,
            headers={PUBLISH_TAG: self._confirms.last_tag + 1},
        )
        try:
            self._channel.pika.basic_publish("", queue, body, properties, mandatory=True)
        except pika.exceptions.AMQPError as error:
            raise down(describe(error)) from error
        confirmed = self._confirms.expect()
        confirmed.addTimeout(self._settings.confirm_timeout, self._reactor)
        try:
            await confirmed
        except _Refused as error:
            raise down(str(error)) from error
        except DeferredTimeout:
            raise unknown(f"no confirmation within {self._settings.confirm_timeout:g} s") from None
        except BrokerError as error:
            raise unknown(str(error)) from error

    async def read(self, queue: str, at_once: int, arrived: Callable[[Taken], None]) -> None:
        def delivered(_channel: object, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
            message = Arrived(
                body, queue, properties.message_id, properties.correlation_id, bool(method.redelivered)
            )
            arrived(_Held(self, message, int(method.delivery_tag)))

        deleted = BrokerDown(f"queue {queue} was deleted on the broker")
        self._channel.pika.add_on_cancel_callback(lambda _: self._connection.abort(deleted))
        try:
            await self._channel.call("basic_qos", prefetch_count=max(self._settings.prefetch, at_once))
            await self._channel.call("basic_consume", queue=queue, on_message_callback=delivered)
        except BrokerError as error:
            raise down(str(error)) from error

    async def look(self, queue: str) -> None:
        try:
            channel = await self._connection.open_channel()
            await channel.call("queue_declare", queue=queue, passive=True)
        except BrokerError as error:
            raise down(str(error)) from error
        channel.close()

    async def close(self) -> None:
        if self.ending.reason is not None:
            return
        lost = self.ending.wait()
        self._connection.close()
        late = self._reactor.callLater(_CLOSING, self._connection.abort, BrokerDown("closed"))
        await lost
        if late.active():
            late.cancel()

    def acknowledge(self, tag: int) -> None:
        """The message was dealt with; over a lost line this has no effect."""
        if self.ending.reason is None and self._channel.pika.is_open:
            self._channel.pika.basic_ack(tag)

    def _answered(self, frame: Any) -> None:
        method = frame.method
        if isinstance(method, pika.spec.Basic.Ack):
            self._confirms.confirmed(method.delivery_tag, method.multiple)
        else:
            # A full queue, or a broken one: the protocol does not tell them apart.
            refusal = _Nacked("the broker did not say that it keeps the message")
            self._confirms.failed(method.delivery_tag, method.multiple, refusal)

    def _returned(
        self, _channel: object, method: Any, properties: pika.BasicProperties, _body: bytes
    ) -> None:
        tag = int((properties.headers or {})[PUBLISH_TAG])
        refusal = _Refused(f"no queue {method.routing_key} ({method.reply_text})")
        self._confirms.failed(tag, False, refusal)

    def _channel_closed(self, error: BrokerError) -> None:
        # What is refused is not named, and ends the channel. Where one alone waits, it is that one.
        refused = isinstance(error, BrokerRefused) and error.code in _BEFORE_ROUTING
        if refused and len(self._confirms) == 1:
            self._confirms.failed(self._confirms.last_tag, True, _Refused(str(error)))
        self._connection.abort(BrokerDown(str(error)))

    def _blocking(self, reason: str | None) -> None:
        self._blocked = reason

    def _lost(self, error: BrokerDown) -> None:
        self.ending.end(down(str(error)))
        self._confirms.fail_all(error)


class _Held:
    """A message that stays ours until it is dealt with: handing it back would wear out the broker's delivery limit."""

    def __init__(self, line: AmqpLine, arrived: Arrived, tag: int) -> None:
        self.arrived = arrived
        self.failures = 0
        self._line = line
        self._tag = tag

    @property
    def gone(self) -> bool:
        return self._line.ending.reason is not None

    async def done(self) -> None:
        self._line.acknowledge(self._tag)

    async def failed(self, pause: Callable[[], Awaitable[None]]) -> bool:
        await pause()
        return True


def _parameters(settings: AmqpSettings) -> pika.ConnectionParameters:
    host, port = settings.place
    credentials = pika.PlainCredentials(settings.user, settings.password.get_secret_value())
    parameters = pika.ConnectionParameters(host, port, settings.vhost, credentials=credentials)
    return limited(parameters, settings.heartbeat)


def _tls(settings: AmqpSettings) -> Any:
    return None if settings.tls is None else settings.tls.made

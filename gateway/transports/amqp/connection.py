"""One AMQP connection: pika's protocol engine on a Twisted transport, with our own codec on the hot path.

pika does the handshake, heartbeats, channels and every method that occurs rarely. The frames that occur once
per message never reach it: a `Sink` registered for a channel sees them first.

    transport ─► frames ─► sink of the channel ─► confirmations, deliveries
                              │ not wanted
                              ▼
                             pika

pika's own Twisted adapter is not used: on a frozen peer it waits for unsent bytes before it lets go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pika.channel
import pika.connection
import pika.exceptions
from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from gateway.transports.amqp.errors import BrokerDown, BrokerError, BrokerRefused
from gateway.transports.amqp.frames import FRAME_OVERHEAD, read_head
from gateway.transports.amqp.reactor import Timers

# pika reports every lost connection several times, with tracebacks; we report it once.
logging.getLogger("pika").setLevel(logging.CRITICAL)

Sink = Callable[[int, bytes, int, int], bool]
"""Given a frame's type, the data and the payload's bounds in it; returns whether it took the frame."""


class AmqpConnection(Protocol):
    """A connection to the broker, for the life of one TCP connection."""

    transport: Any  # TCP or TLS; Twisted's interfaces do not name all that both offer

    def __init__(self, parameters: pika.connection.Parameters, timers: Timers) -> None:
        self.ready: Deferred[AmqpConnection] = Deferred()
        """Fires when channels can be opened; fails with `BrokerDown`."""
        self.on_lost: Callable[[BrokerDown], None] = lambda _: None
        """Called once when the connection, after having been ready, is gone."""
        self.sinks: dict[int, Sink] = {}
        self._rest = b""
        self._why: BrokerDown | None = None
        self.gone = False
        self._pika = _Pika(parameters, timers, self)

    @property
    def frame_max(self) -> int:
        """The largest frame that both sides agreed upon."""
        return int(self._pika.params.frame_max)

    def watch_blocking(self, changed: Callable[[str | None], None]) -> None:
        """Call back with the reason when the broker blocks publishing, and with None when it ends that."""
        self._pika.add_on_connection_blocked_callback(
            lambda _, frame: changed(str(frame.method.reason or "resource alarm"))
        )
        self._pika.add_on_connection_unblocked_callback(lambda *_: changed(None))

    def open_channel(self) -> Deferred[RpcChannel]:
        """Open another channel."""
        opened: Deferred[RpcChannel] = Deferred()
        channel = RpcChannel()
        if not self._pika.is_open:
            opened.errback(self._why or BrokerDown("the connection is closed"))
            return opened
        channel.adopt(self._pika.channel(on_open_callback=lambda _: _fire(opened, channel)))
        channel.on_closed.append(lambda error: _fire(opened, error))
        return opened

    def write(self, frames: bytes) -> None:
        """Send frames that are already encoded."""
        if not self.gone and self.transport is not None:
            self._pika.bytes_sent += len(frames)
            self.transport.write(frames)

    def abort(self, error: BrokerDown) -> None:
        """Let go at once, without waiting for anything unsent."""
        self._why = self._why or error
        if self.transport is not None and not self.gone:
            self.transport.abortConnection()

    def close(self) -> None:
        """Take leave in an orderly way; `on_lost` tells when it is done. A frozen peer never answers."""
        if self._pika.is_open:
            self._pika.close()

    def connectionMade(self) -> None:  # noqa: N802 (Twisted's name)
        self.transport.setTcpNoDelay(True)
        self._pika.begin()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 (Twisted's name)
        if not self._pika.is_open:
            # The handshake. What it leaves over is the beginning of a frame, kept in pika's buffer.
            self._pika.feed(data)
            return
        data = self._pika.take_rest() + self._rest + data
        at, length = 0, len(data)
        while length - at >= FRAME_OVERHEAD:
            kind, channel, size = read_head(data, at)
            end = at + 7 + size
            if end >= length:
                break
            sink = self.sinks.get(channel)
            if sink is None or not sink(kind, data, at + 7, end):
                self._pika.feed(data[at : end + 1])
            else:
                self._pika.bytes_received += size + FRAME_OVERHEAD
            at = end + 1
        self._rest = data[at:]

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 (Twisted's name)
        self.gone = True
        lost = BrokerDown(f"connection lost: {reason.getErrorMessage()}")
        if not self._pika.knows_why:
            self._why = self._why or lost
        # Channels learn of it here, and so does who waits for an answer on one.
        self._pika.end()
        error = self._why = self._why or lost
        if not _fire(self.ready, error):
            self.on_lost(error)

    def opened(self) -> None:
        """The handshake is complete."""
        _fire(self.ready, self)

    def let_go(self, error: BaseException | None) -> None:
        """pika is done with the connection."""
        self.explained(error)
        if self.transport is not None and not self.gone:
            self.transport.abortConnection()

    def explained(self, error: BaseException | None) -> None:
        """Keep pika's reason: what the broker said, or that it was silent for too long."""
        if error is not None and self._why is None:
            self._why = BrokerDown(describe(error))


class _Pika(pika.connection.Connection):  # type: ignore[misc]  # pika tells no types
    """pika's engine, told how to use a Twisted transport."""

    def __init__(self, parameters: pika.connection.Parameters, timers: Timers, owner: AmqpConnection) -> None:
        self._owner = owner
        self._timers = timers
        super().__init__(
            parameters,
            on_open_callback=lambda _: owner.opened(),
            on_open_error_callback=lambda _, error: owner.explained(_as_error(error)),
            on_close_callback=lambda _, error: owner.explained(error),
            internal_connection_workflow=False,
        )

    _frame_buffer: bytes

    @property
    def knows_why(self) -> bool:
        return self._error is not None

    def begin(self) -> None:
        self._on_stream_connected()

    def feed(self, data: bytes) -> None:
        self._on_data_available(data)

    def take_rest(self) -> bytes:
        rest, self._frame_buffer = bytes(self._frame_buffer), b""
        return rest

    def end(self) -> None:
        self._on_stream_terminated(self._error or pika.exceptions.StreamLostError("connection lost"))

    def _adapter_call_later(self, delay: float, callback: Callable[..., object]) -> Any:
        return self._timers.callLater(delay, callback)

    def _adapter_remove_timeout(self, timeout_id: Any) -> None:
        try:
            timeout_id.cancel()
        except (AlreadyCalled, AlreadyCancelled):
            return

    def _adapter_add_callback_threadsafe(self, callback: Callable[..., object]) -> None:
        raise NotImplementedError("connections live in the reactor's thread only")

    def _adapter_connect_stream(self) -> None:
        raise NotImplementedError("Twisted connects")

    def _adapter_disconnect_stream(self) -> None:
        # Not loseConnection(): that waits until unsent bytes are gone, which a frozen peer never allows.
        self._owner.let_go(self._error)

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._owner.transport is not None:
            self._owner.transport.write(data)


class RpcChannel:
    """One channel, whose methods are answered by Deferreds.

    When the broker closes the channel, because it refuses what was asked, every unanswered call fails with
    `BrokerRefused`; when the connection ends, with `BrokerDown`.
    """

    def __init__(self) -> None:
        self.on_closed: list[Callable[[BrokerError], object]] = []
        self.pika: Any = None
        self._waiting: list[Deferred[Any]] = []
        self._closed: BrokerError | None = None

    @property
    def number(self) -> int:
        """The channel's number within its connection."""
        return int(self.pika.channel_number)

    def adopt(self, channel: pika.channel.Channel) -> None:
        """Take over pika's channel."""
        self.pika = channel
        channel.add_on_close_callback(lambda _, reason: self._close(reason))

    def call(self, method: str, **arguments: Any) -> Deferred[Any]:
        """Call one of pika's channel methods; fires with the broker's answer."""
        answer: Deferred[Any] = Deferred()
        if self._closed is not None:
            answer.errback(self._closed)
            return answer
        self._waiting.append(answer)
        try:
            getattr(self.pika, method)(callback=lambda frame: self._answer(answer, frame), **arguments)
        except pika.exceptions.AMQPError as error:
            self._waiting.remove(answer)
            answer.errback(BrokerDown(describe(error)))
        return answer

    def close(self) -> None:
        """Close the channel if it is open; nothing waits for that."""
        if self._closed is None and self.pika.is_open:
            self.pika.close()

    def _answer(self, answer: Deferred[Any], frame: Any) -> None:
        if answer in self._waiting:
            self._waiting.remove(answer)
            _fire(answer, frame)

    def _close(self, reason: Exception) -> None:
        if isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            self._closed = BrokerRefused(describe(reason), int(reason.reply_code))
        else:
            self._closed = BrokerDown(describe(reason))
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            _fire(answer, self._closed)
        for callback in self.on_closed:
            callback(self._closed)


def describe(error: BaseException) -> str:
    """Say what happened, in the broker's words where there are any."""
    said = getattr(error, "reply_text", None) or str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _as_error(error: BaseException | str) -> BaseException:
    return error if isinstance(error, BaseException) else BrokerDown(error)


def _fire(deferred: Deferred[Any], result: object) -> bool:
    """Fire unless that happened before, or the one waiting has given up; tell whether it did."""
    if deferred.called:
        return False
    if isinstance(result, BaseException):
        deferred.errback(result)
    else:
        deferred.callback(result)
    return True

"""A line by STOMP 1.2.

    SEND receipt, persistent ──► RECEIPT: the broker has it
    SUBSCRIBE ack:client-individual ──► MESSAGE … ──► ACK after the work

STOMP has no frame that asks for a queue, and RabbitMQ answers a SEND to a queue that is not there with a receipt and
throws the message away. So before the first put to a queue a connection of its own subscribes to it for a moment: what
the broker hands out meanwhile goes back to its place when that connection ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from stomp.exception import ConnectFailedException, NotConnectedException  # type: ignore[import-untyped]
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.python.failure import Failure

from gateway.contract import PartnerDown
from gateway.transports.mq.contract import Arrived
from gateway.transports.mq.lines import Ending, Taken, down, unknown
from gateway.transports.mq.settings import StompSettings
from gateway.transports.mq.stomp_wire import Frame, StompWire
from gateway.transports.mq.worker import Worker

_CLOSING = 2.0  # seconds for the broker to answer our leave-taking
_MESSAGE_ID = "amqp-message-id"  # `message-id` is the broker's own; RabbitMQ makes a property of this header
_SUBSCRIPTION = "reading"


async def open_line(settings: StompSettings, reactor: Any) -> StompLine:
    """Connect and log in. Raises PartnerDown."""
    line = StompLine(settings, reactor)
    try:
        await line.begin()
    except BaseException:
        line.abandon()
        raise
    return line


class StompLine:
    """See `gateway.transports.mq.lines.Line`."""

    def __init__(self, settings: StompSettings, reactor: Any) -> None:
        self.ending = Ending()
        self._settings = settings
        self._reactor = reactor
        self._wire = StompWire(settings, self._heard, reactor)
        self._worker = Worker("stomp", reactor)
        self._connected: Deferred[None] = Deferred()
        self._receipts: dict[str, Deferred[None]] = {}
        self._numbers = 0
        self._known: set[str] = set()
        self._looking: dict[str, list[Deferred[None]]] = {}
        self._arrived: Callable[[Taken], None] = lambda _: None
        self._queue = ""
        self._said: str | None = None

    async def begin(self) -> None:
        """Connect and wait until the broker has let us in."""
        password = self._settings.password.get_secret_value()
        try:
            await self._worker.do(lambda: self._wire.connect(self._settings.user, password))
        except (ConnectFailedException, NotConnectedException, OSError) as error:
            host, port = self._settings.place
            raise down(f"{host}:{port} cannot be reached ({type(error).__name__})") from error
        await self._connected

    async def put(self, queue: str, body: bytes, message_id: str, correlation_id: str | None) -> None:
        await self._see(queue)
        if self.ending.reason is not None:
            raise self.ending.reason
        headers = {"persistent": "true", _MESSAGE_ID: message_id, "correlation-id": correlation_id}
        destination = self._destination(queue)
        try:
            await self._confirmed(
                lambda receipt: self._wire.send(destination, body, headers=headers, receipt=receipt)
            )
        except NotConnectedException as error:
            raise down("not connected") from error
        except DeferredTimeout:
            self.abandon()  # a peer that is silent for so long may block the thread, too
            raise unknown(f"no receipt within {self._settings.confirm_timeout:g} s") from None
        except (PartnerDown, OSError, AttributeError) as error:
            # Lost while it was written: AttributeError is stomp.py's, whose socket another thread has just closed.
            raise unknown(self._said or f"connection lost ({type(error).__name__})") from error

    async def read(self, queue: str, at_once: int, arrived: Callable[[Taken], None]) -> None:
        self._queue, self._arrived = queue, arrived
        await self._subscribe(queue, max(self._settings.prefetch, at_once))

    async def look(self, queue: str) -> None:
        line = await open_line(self._settings, self._reactor)
        try:
            await line._subscribe(queue, 1)
        finally:
            await line.close()

    async def close(self) -> None:
        if self.ending.reason is None:
            ended = self.ending.wait()
            late = self._reactor.callLater(_CLOSING, self.abandon)
            self._worker.do(lambda: self._wire.disconnect("bye")).addErrback(lambda _: self.abandon())
            await ended
            if late.active():
                late.cancel()

    def abandon(self) -> None:
        """Let go at once."""
        self._wire.shut()
        self._lost("the connection was given up")
        self._connected.addErrback(lambda _: None)

    def acknowledge(self, ack: str) -> None:
        """The message was dealt with; over a lost line this has no effect."""
        if self.ending.reason is None:
            self._worker.do(lambda: self._wire.ack(ack)).addErrback(lambda _: None)

    async def _see(self, queue: str) -> None:
        """Once for each line and queue, whoever asks: is it there? Those who wait go on in their order."""
        if queue in self._known:
            return
        waiter: Deferred[None] = Deferred()
        self._looking.setdefault(queue, []).append(waiter)
        if len(self._looking[queue]) == 1:
            looking = Deferred.fromCoroutine(self.look(queue))
            looking.addBoth(self._seen, queue)
        await waiter

    def _seen(self, result: Failure | None, queue: str) -> None:
        if result is None:
            self._known.add(queue)
        for waiter in self._looking.pop(queue):
            if not waiter.called:
                waiter.callback(result)  # a Failure is an errback

    async def _subscribe(self, queue: str, prefetch: int) -> None:
        destination = self._destination(queue)
        headers = {self._settings.prefetch_header: str(prefetch)}
        try:
            await self._confirmed(
                lambda receipt: self._wire.subscribe(
                    destination, _SUBSCRIPTION, "client-individual", headers, receipt=receipt
                )
            )
        except DeferredTimeout:
            raise down(f"queue {queue}: no answer") from None
        except (NotConnectedException, PartnerDown, OSError, AttributeError) as error:
            raise down(self._said or "connection lost") from error

    async def _confirmed(self, send: Callable[[str], None]) -> None:
        """Send a frame with a receipt and wait for it; what the sending or the loss of the line raises comes out."""
        self._numbers += 1
        receipt = f"r{self._numbers}"
        confirmed: Deferred[None] = Deferred()
        self._receipts[receipt] = confirmed
        try:
            sent = self._worker.do(lambda: send(receipt))
            await sent.addTimeout(self._settings.confirm_timeout, self._reactor)
            await confirmed.addTimeout(self._settings.confirm_timeout, self._reactor)
        finally:
            self._receipts.pop(receipt, None)
            confirmed.addErrback(lambda _: None)  # the line was lost while sending failed by itself

    def _destination(self, queue: str) -> str:
        return self._settings.destination.format(queue=queue)

    def _heard(self, what: str, frame: Frame | None) -> None:
        if what == "message" and frame is not None:
            self._arrived(_Held(self, frame, self._queue))
        elif what == "receipt" and frame is not None:
            confirmed = self._receipts.pop(frame.headers["receipt-id"], None)
            if confirmed is not None and not confirmed.called:
                confirmed.callback(None)
        elif what == "connected" and not self._connected.called:
            self._connected.callback(None)
        elif what == "error" and frame is not None:
            self._said = _words(frame)  # the broker ends the connection now
            self._lost(self._said)
            self._wire.shut()
        elif what == "disconnected":
            self._lost(self._said or "connection lost")

    def _lost(self, why: str) -> None:
        reason = down(why)
        self.ending.end(reason)
        receipts, self._receipts = self._receipts, {}
        for waiting in (self._connected, *receipts.values()):
            if not waiting.called:
                waiting.errback(reason)
        # Behind what the thread is at: a connect that is under way ends with a connection that nobody wants.
        self._worker.do(self._wire.shut).addErrback(lambda _: None)
        self._worker.stop()


class _Held:
    """A message that stays ours until it is dealt with: handing it back would wear out the broker's delivery limit."""

    def __init__(self, line: StompLine, frame: Frame, queue: str) -> None:
        headers = frame.headers
        self.arrived = Arrived(
            frame.body,
            queue,
            headers.get(_MESSAGE_ID),
            headers.get("correlation-id"),
            headers.get("redelivered") == "true",
        )
        self.failures = 0
        self._line = line
        self._ack = str(headers.get("ack"))

    @property
    def gone(self) -> bool:
        return self._line.ending.reason is not None

    async def done(self) -> None:
        self._line.acknowledge(self._ack)

    async def failed(self, pause: Callable[[], Awaitable[None]]) -> bool:
        await pause()
        return True


def _words(frame: Frame) -> str:
    """What the broker says: its header, and the first line of its body."""
    body = bytes(frame.body or b"").decode(errors="replace").strip().partition("\n")[0]
    return ": ".join(part for part in (frame.headers.get("message", "error"), body) if part)[:200]

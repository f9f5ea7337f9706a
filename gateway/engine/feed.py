"""A feed: what the gateway accepts, put on a durable queue of the bus for a system of the house (EIP Splitter).

    delivery of `feed-<name>` ─► windows, made in a thread ─► publish_many ─► confirmed ─► position committed
                                        ▲                                                        │
                                        └──── after a restart, from the record behind it ◄───────┘

At least once, and in order within one message: what was published and not yet committed as reached goes out again, with
the same ids and the same bytes in it. Consumers know repetitions by the id. Where the consumer does not keep up, nothing
more is published until the queue is short again: the records wait in the chest, not in the broker's memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from gateway.bus.contract import Blocked, Bus, BusError, Overloaded, TopologyRefused, Unroutable
from gateway.canonical import BODIES, Message
from gateway.canonical.splitting import record_type
from gateway.contract import (
    Accepted,
    Attachments,
    ConfigError,
    Operation,
    Outcome,
    PartnerDown,
    Prepared,
    RetryLater,
    Title,
)
from gateway.engine.feed_windows import Seal, Window, count, split, whole
from gateway.engine.house import feed_target
from gateway.store.api import Store

#: Windows that wait for confirmation at the same time: the broker works on one while the next is written.
_UNDER_WAY: Final = 2
#: Seconds between looks at a queue that is too long, or a bus that has too much under way.
_PAUSE: Final = 0.25
#: Published messages after which the queue's length is asked for again.
_LOOK_AFTER: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOf:
    """What one feed is about."""

    name: str
    queue: str  #: of the consumer, on the bus
    types: tuple[str, ...]  #: globs of the message types its consumer wants
    max_waiting: int  #: messages the queue may hold

    def wants(self, message_type: str | None) -> bool:
        """Whether the consumer gets messages of that type."""
        return message_type is not None and any(fnmatchcase(message_type, glob) for glob in self.types)

    @property
    def target(self) -> str:
        """Its name among the receivers of messages."""
        return feed_target(self.name)

    def operations(self) -> tuple[Operation, ...]:
        """One for each type of which something is published: the type itself, or its records."""
        return tuple(
            _publishing(kind) for kind in BODIES if self.wants(kind) or self.wants(record_type(kind))
        )


def _publishing(message_type: str) -> Operation:
    title = Title(zh="发布到内部系统", en="publish to a system of the house")
    return Operation(
        name=message_type,
        title=title,
        direction="out",
        request=message_type,
        style="one-way",
        on_unknown="resend",
    )


class Stopped(PartnerDown):
    """The gateway stops; the rest follows after the next start."""


class Feed:
    """The `Sender` of one feed."""

    def __init__(
        self,
        of: FeedOf,
        bus: Bus,
        store: Store,
        attachments: Attachments,
        seal: Seal,
        progress: Callable[[str, int, int], None],
        reactor: Any,
    ) -> None:
        self._of = of
        self._bus = bus
        self._store = store
        self._attachments = attachments
        self._seal = seal
        self._progress = progress
        self._reactor = reactor
        self._one_file = DeferredLock()
        self._until_look = 0  #: messages that may be published before the queue's length is asked for
        self._stopping = False

    async def declare(self) -> None:
        """The consumer's queue; what is published before it first comes waits there."""
        await self._bus.declare(self._of.queue, [])

    def stop(self) -> None:
        """What is under way ends after the windows that are out."""
        self._stopping = True

    async def prepare(self, message: Message) -> Prepared:
        """Nothing is made beforehand: everything follows from the message."""
        return Prepared(operation=message.type, reference=f"{self._of.target}/{message.id}", content=b"")

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """Publishes what the consumer wants of a message; Accepted when the broker has all of it."""
        try:
            if self._of.wants(message.type):
                await self._publish(message, whole(message, self._seal), prepared)
            if self._of.wants(record_type(message.type)):
                await self._one_file.run(lambda: Deferred.fromCoroutine(self._split(message, prepared)))
        except (Unroutable, TopologyRefused) as error:
            await self.declare()  # somebody removed the queue
            raise PartnerDown("消费队列不存在，已重新声明", f"the queue was gone: {error}") from None
        except BusError as error:
            raise PartnerDown("消息总线不可用", f"the bus: {error}") from None
        except ConfigError as error:
            return RetryLater(reason=error.en)
        return Accepted()

    async def _split(self, message: Message, prepared: Prepared) -> None:
        start = await self._store.reached(prepared.reference)
        windows = split(message, self._attachments, self._seal, start)
        await self._publish(message, windows, prepared)

    async def _publish(self, message: Message, windows: Iterator[Window], prepared: Prepared) -> None:
        """Windows one after the other: while one is under way the next is made, in a thread."""
        out: deque[tuple[Window, Deferred[None]]] = deque()
        making = self._next(windows)
        try:
            while (window := await making) is not None:
                making = self._next(windows)
                while len(out) >= _UNDER_WAY or (out and self._until_look <= 0):
                    await self._confirmed(message, out, prepared)
                await self._room()
                out.append((window, await self._write(window)))
            while out:
                await self._confirmed(message, out, prepared)
        finally:
            making.addErrback(lambda _: None)
            if not making.called:
                await making  # the thread must let go of the records first
            with suppress(BusError):
                while out:  # what is on its way when the rest is put off need not go out twice
                    await self._confirmed(message, out, prepared)

    def _next(self, windows: Iterator[Window]) -> Deferred[Window | None]:
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, lambda: next(windows, None))

    async def _write(self, window: Window) -> Deferred[None]:
        """Returns when the window is on its way; what it returns fires when it is confirmed."""
        headers = {"type": window.message_type}
        while True:
            confirmed = self._bus.publish_many(self._of.queue, window.messages, headers)
            refusal = getattr(confirmed, "result", None)  # what the bus cannot take now it refuses at once
            if not (isinstance(refusal, Failure) and isinstance(refusal.value, Overloaded | Blocked)):
                self._until_look -= len(window.messages)
                return confirmed
            confirmed.addErrback(lambda _: None)
            await self._pause()

    async def _confirmed(
        self, message: Message, out: deque[tuple[Window, Deferred[None]]], prepared: Prepared
    ) -> None:
        """Waits for the oldest window. Where that fails, those behind it count for nothing: the position may not
        pass records that the broker does not have."""
        window, confirmed = out.popleft()
        try:
            await confirmed
        except BusError:
            for _, behind in out:
                behind.addErrback(lambda _: None)
            out.clear()
            raise
        if window.reached:
            await self._store.reach(prepared.reference, window.reached)
            self._progress(prepared.reference, window.reached, count(message))

    async def _room(self) -> None:
        """Returns when the consumer's queue is short enough."""
        while self._until_look <= 0:
            if await self._bus.depth(self._of.queue) < self._of.max_waiting:
                self._until_look = _LOOK_AFTER
            else:
                await self._pause()
        self._heed()

    async def _pause(self) -> None:
        self._heed()
        rest: Deferred[None] = Deferred()
        self._reactor.callLater(_PAUSE, rest.callback, None)
        await rest

    def _heed(self) -> None:
        if self._stopping:
            raise Stopped("网关正在停止", "the gateway stops")

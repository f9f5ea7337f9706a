"""Takes the first messages of a feed's queue in hand, and puts them back where they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.bus import BusError, Delivered, make_bus
from gateway.contract import ConfigError, Unavailable
from gateway.desk.masking import masked
from gateway.engine.config import Configuration
from gateway.engine.config_feeds import FeedSettings
from gateway.engine.feed_seal import FeedKey
from gateway.transports.process import install_reactor

_LOOK = 0.05


def waiting(configuration: Configuration, feed: FeedSettings, count: int, timeout: float) -> list[Any]:
    """The first messages that wait, opened and masked; at most `count`, those that come within `timeout` seconds.

    Raises:
        Unavailable: the broker cannot be reached, or has no such queue.
        ConfigError: a message does not open under the feed's key.
    """
    reactor = install_reactor()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # what it says is said here
    bus = make_bus(configuration.gateway.bus, reactor)
    queue = configuration.gateway.bus.feed_queue_of(feed.name)
    taken: list[Delivered] = []

    async def look() -> None:
        await bus.start()
        try:
            await bus.consume(queue, taken.append, count)
            end = reactor.seconds() + timeout
            while len(taken) < count and reactor.seconds() < end:
                pause: Deferred[None] = Deferred()
                reactor.callLater(_LOOK, pause.callback, None)
                await pause
        finally:
            await bus.stop()  # nothing was acknowledged: the broker puts everything back

    _turn(reactor, look)
    opened = _in_the_clear if feed.key_file is None else FeedKey.load(feed.key_file).open
    try:
        return [masked("", msgspec.json.decode(opened(d.message_id, d.body))) for d in taken]
    except ValueError as error:
        zh = "队列中的报文打不开：密钥不符，或不是本馈送的报文"
        raise ConfigError(zh, f"what waits cannot be read: {error}", path="feeds.key_file") from None


def _turn(reactor: Any, work: Callable[[], Any]) -> None:
    """Turns the reactor until the work is done."""
    failures: list[Failure] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(work()).addErrback(failures.append)
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    for failure in failures:
        if isinstance(failure.value, BusError):
            raise Unavailable("消息总线不可用，或没有此队列", f"the bus: {failure.value}")
        failure.raiseException()


def _in_the_clear(_message_id: str, body: bytes) -> bytes:
    return body

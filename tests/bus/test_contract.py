"""What every bus promises; each test runs on both back ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred, gatherResults

from gateway.bus import AlreadySettled, BusDown, Delivered, Overloaded, TopologyRefused, Unroutable
from tests.bus.conftest import Buses
from tests.twisted_runner import sleep


class Inbox:
    """A handler that keeps what it is given, and settles it by `then`."""

    def __init__(self, then: Callable[[Delivered], None] | None = None) -> None:
        self.got: list[Delivered] = []
        self._then = then

    def __call__(self, delivered: Delivered) -> None:
        self.got.append(delivered)
        if self._then is not None:
            self._then(delivered)

    @property
    def ids(self) -> list[str]:
        return [one.message_id for one in self.got]

    async def wait(self, count: int) -> None:
        while len(self.got) < count:
            await sleep(0.01)


async def test_message_arrives_as_it_was_published(buses: Buses) -> None:
    bus = await buses.started()
    inbox = Inbox(Delivered.ack)
    queue = f"{bus_name(buses)}.a"
    await bus.declare(queue, ["#.医院"])
    await bus.consume(queue, inbox, 10)
    body = bytes(range(256)) * 1200  # more than two AMQP frames
    headers = {"traceparent": "00-ab-cd-01", "说明": "值", "empty": ""}
    await bus.publish("settlement.claim.v1.440300.医院", "id-1", body, headers)
    await bus.publish("settlement.claim.v1.440300.医院", "id-2", b"", {})
    await inbox.wait(2)
    first, second = inbox.got
    assert (first.message_id, first.routing_key) == ("id-1", "settlement.claim.v1.440300.医院")
    assert first.body == body
    assert dict(first.headers) == headers
    assert not first.redelivered
    assert (second.message_id, second.body, dict(second.headers)) == ("id-2", b"", {})


def bus_name(buses: Buses) -> str:
    return f"q.{buses.name}"


async def test_unroutable_is_reported(buses: Buses) -> None:
    bus = await buses.started()
    await bus.declare(bus_name(buses), ["#.a"])
    with pytest.raises(Unroutable, match=r"x\.b"):
        await bus.publish("x.b", "id", b"", {})
    await bus.publish("x.a", "id", b"", {})


async def test_a_window_arrives_in_its_order(buses: Buses) -> None:
    bus = await buses.started()
    inbox = Inbox(Delivered.ack)
    await bus.declare(bus_name(buses), [])
    await bus.consume(bus_name(buses), inbox, 100)
    messages = [(f"id-{n}", bytes([n % 256]) * n * 40) for n in range(1500)]
    for start in range(0, len(messages), 300):
        await bus.publish_many(bus_name(buses), messages[start : start + 300], {"k": "v"})
    await inbox.wait(len(messages))
    assert [(one.message_id, one.body) for one in inbox.got] == messages
    assert all(one.headers == {"k": "v"} for one in inbox.got)


async def test_a_window_fails_as_its_messages_do(buses: Buses) -> None:
    bus = await buses.started(max_unconfirmed=10, embedded_queue_messages=10)
    await bus.declare(bus_name(buses), [])
    with pytest.raises(Unroutable, match=r"x\.b"):
        await bus.publish_many("x.b", [("1", b""), ("2", b"")], {})
    with pytest.raises(Overloaded):
        await bus.publish_many(bus_name(buses), [(str(n), b"") for n in range(11)], {})
    assert await bus.depth(bus_name(buses)) == 0, "what is written again would come twice, and fill the queue"
    await bus.stop()
    with pytest.raises(BusDown):
        await bus.publish_many(bus_name(buses), [("1", b"")], {})


async def test_each_bound_queue_gets_the_message(buses: Buses) -> None:
    bus = await buses.started()
    first, second = Inbox(Delivered.ack), Inbox(Delivered.ack)
    for suffix, inbox, key in (("1", first, "#.a"), ("2", second, "pay.#")):
        await bus.declare(bus_name(buses) + suffix, [key])
        await bus.consume(bus_name(buses) + suffix, inbox, 10)
    await bus.publish("pay.batch.a", "both", b"", {})
    await bus.publish("care.visit.a", "first", b"", {})
    await first.wait(2)
    await second.wait(1)
    await sleep(0.05)
    assert first.ids == ["both", "first"]
    assert second.ids == ["both"]


async def test_prefetch_is_the_most_that_is_held(buses: Buses) -> None:
    bus = await buses.started()
    inbox = Inbox()
    await bus.declare(bus_name(buses), ["k"])
    await gatherResults([bus.publish("k", str(n), b"x", {}) for n in range(10)])
    await bus.consume(bus_name(buses), inbox, 3)
    await inbox.wait(3)
    await sleep(0.1)
    assert inbox.ids == ["0", "1", "2"]
    inbox.got[1].ack()  # out of order
    await inbox.wait(4)
    await sleep(0.1)
    assert len(inbox.got) == 4
    for one in (inbox.got[0], inbox.got[2], inbox.got[3]):
        one.ack()
    await inbox.wait(7)


async def test_nack_delivers_again(buses: Buses) -> None:
    bus = await buses.started()
    inbox = Inbox()
    await bus.declare(bus_name(buses), ["k"])
    await bus.consume(bus_name(buses), inbox, 1)
    await bus.publish("k", "again", b"x", {"h": "v"})
    await inbox.wait(1)
    inbox.got[0].nack()
    await inbox.wait(2)
    assert inbox.ids == ["again", "again"]
    assert inbox.got[1].redelivered
    assert inbox.got[1].headers["h"] == "v"
    inbox.got[1].nack(requeue=False)
    await sleep(0.1)
    assert len(inbox.got) == 2


async def test_settling_twice_is_a_mistake(buses: Buses) -> None:
    bus = await buses.started()
    inbox = Inbox(Delivered.ack)
    await bus.declare(bus_name(buses), ["k"])
    await bus.consume(bus_name(buses), inbox, 1)
    await bus.publish("k", "once", b"x", {})
    await inbox.wait(1)
    with pytest.raises(AlreadySettled):
        inbox.got[0].nack()


async def test_handler_that_raises_hands_the_message_back(buses: Buses) -> None:
    bus = await buses.started()

    def fail_once(delivered: Delivered) -> None:
        if not delivered.redelivered:
            raise RuntimeError("not this time")
        delivered.ack()

    inbox = Inbox(fail_once)
    await bus.declare(bus_name(buses), ["k"])
    await bus.consume(bus_name(buses), inbox, 5)
    await bus.publish("k", "m", b"x", {})
    await inbox.wait(2)
    await sleep(0.1)
    assert len(inbox.got) == 2


async def test_cancelled_consumer_gets_nothing_more_and_may_still_settle(buses: Buses) -> None:
    bus = await buses.started()
    first, second = Inbox(), Inbox(Delivered.ack)
    await bus.declare(bus_name(buses), ["k"])
    consumer = await bus.consume(bus_name(buses), first, 2)
    await gatherResults([bus.publish("k", str(n), b"x", {}) for n in range(5)])
    await first.wait(2)
    await consumer.cancel()
    first.got[0].ack()
    first.got[1].nack()
    await sleep(0.1)
    assert len(first.got) == 2
    await bus.consume(bus_name(buses), second, 10)
    await second.wait(4)
    assert sorted(second.ids) == ["1", "2", "3", "4"]


async def test_two_consumers_share_a_queue(buses: Buses) -> None:
    bus = await buses.started()
    first, second = Inbox(Delivered.ack), Inbox(Delivered.ack)
    await bus.declare(bus_name(buses), ["k"])
    await bus.consume(bus_name(buses), first, 1)
    await bus.consume(bus_name(buses), second, 1)
    await gatherResults([bus.publish("k", str(n), b"x", {}) for n in range(40)])
    while len(first.got) + len(second.got) < 40:
        await sleep(0.01)
    assert first.got
    assert second.got
    assert len({*first.ids, *second.ids}) == 40


async def test_many_messages_none_lost_none_twice(buses: Buses) -> None:
    bus = await buses.started()
    pending: list[Delivered] = []

    def settle_in_odd_order(delivered: Delivered) -> None:
        pending.append(delivered)
        if len(pending) == 7:
            for index in (3, 0, 6, 1, 5, 2, 4):
                pending[index].ack()
            pending.clear()

    inbox = Inbox(settle_in_odd_order)
    await bus.declare(bus_name(buses), ["k.#"])
    await bus.consume(bus_name(buses), inbox, 50)
    await gatherResults([bus.publish(f"k.{n % 9}", str(n), b"x" * n, {}) for n in range(2100)])
    await inbox.wait(2100)
    await sleep(0.1)
    assert inbox.ids == [str(n) for n in range(2100)]
    assert all(len(one.body) == int(one.message_id) for one in inbox.got)


async def test_consuming_an_undeclared_queue_is_refused(buses: Buses) -> None:
    bus = await buses.started()
    with pytest.raises(TopologyRefused):
        await bus.consume("nobody.declared.this", Inbox(), 1)
    await bus.declare(bus_name(buses), ["k"])
    await bus.publish("k", "the bus still works", b"", {})


async def test_what_can_never_be_sent_is_a_value_error(buses: Buses) -> None:
    bus = await buses.started()
    with pytest.raises(ValueError, match="255"):
        await bus.publish("k" * 256, "id", b"", {})
    with pytest.raises(ValueError, match="255"):
        await bus.publish("k", "医" * 86, b"", {})


async def test_publish_before_start_and_after_stop_fails_at_once(buses: Buses) -> None:
    bus = buses.make()
    for _ in range(2):
        outcome: list[object] = []
        publish: Deferred[None] = bus.publish("k", "id", b"", {})
        publish.addBoth(outcome.append)
        assert isinstance(outcome[0].value, BusDown)  # type: ignore[attr-defined]
        await bus.start()
        assert bus.status.usable
        await bus.stop()
        assert bus.status.state == "stopped"


async def test_declared_and_consumed_before_start_takes_effect(buses: Buses) -> None:
    bus = buses.make()
    inbox = Inbox(Delivered.ack)
    await bus.declare(bus_name(buses), ["k"])
    await bus.consume(bus_name(buses), inbox, 5)
    await bus.start()
    await bus.publish("k", "id", b"x", {})
    await inbox.wait(1)


async def test_depth_counts_what_waits(buses: Buses) -> None:
    bus = await buses.started()
    await bus.declare(bus_name(buses), ["k"])
    await gatherResults([bus.publish("k", str(n), b"x", {}) for n in range(4)])
    while await bus.depth(bus_name(buses)) != 4:
        await sleep(0.05)  # RabbitMQ counts a moment later
    with pytest.raises(TopologyRefused):
        await bus.depth("nobody.declared.this")
    await bus.publish("k", "the bus still works", b"", {})


async def test_status_is_told_at_each_change(buses: Buses) -> None:
    bus = buses.make()
    heard: list[str] = []
    forget = bus.on_status(lambda status: heard.append(status.state))
    bus.on_status(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    await bus.start()
    assert heard == ["connected"]
    forget()
    await bus.stop()
    assert heard == ["connected"]

"""What a real broker can do to us: refuse, block, freeze, die, forget.

Each of these is done to the broker that the whole run shares; it is well again after each test.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from gateway.bus import (
    Blocked,
    Bus,
    BusDown,
    BusTls,
    Delivered,
    Nacked,
    Overloaded,
    TopologyRefused,
    Unroutable,
)
from tests.bus.conftest import Buses, TlsBroker
from tests.bus.test_contract import Inbox, bus_name
from tests.twisted_runner import sleep

pytestmark = pytest.mark.rabbitmq


class Outcomes:
    """Publishes, and keeps what became of each."""

    def __init__(self, bus: Bus) -> None:
        self.of: dict[str, object] = {}
        self._bus = bus
        self._waiting: list[Deferred[None]] = []

    def publish(self, key: str, message_id: str, body: bytes = b"x" * 500) -> None:
        def keep(result: object) -> None:
            self.of[message_id] = type(result.value) if isinstance(result, Failure) else "confirmed"

        self._waiting.append(self._bus.publish(key, message_id, body, {}).addBoth(keep))

    async def all(self) -> dict[str, object]:
        await DeferredList(self._waiting)
        return self.of

    def that_are(self, what: object) -> set[str]:
        return {message_id for message_id, outcome in self.of.items() if outcome == what}


async def until(bus: Bus, state: str) -> None:
    while bus.status.state != state:
        await sleep(0.02)


async def test_4000_in_flight_half_unroutable_none_is_swapped(rabbit: Buses) -> None:
    bus = await rabbit.started()
    await bus.declare(bus_name(rabbit), ["good.#"])
    outcomes = Outcomes(bus)
    for n in range(4000):
        # The same message goes to two keys at once: only the number of the publish tells them apart.
        outcomes.publish("good.k" if n % 2 else "bad.k", f"{n}", b"")
    assert bus.status.unconfirmed == 4000
    await outcomes.all()
    assert outcomes.that_are("confirmed") == {str(n) for n in range(1, 4000, 2)}
    assert outcomes.that_are(Unroutable) == {str(n) for n in range(0, 4000, 2)}
    assert bus.status.unconfirmed == 0


async def test_same_message_routable_and_not_at_the_same_time(rabbit: Buses) -> None:
    bus = await rabbit.started()
    await bus.declare(bus_name(rabbit), ["good.#"])
    good = [bus.publish("good.k", "same", b"", {}) for _ in range(300)]
    bad = [bus.publish("bad.k", "same", b"", {}) for _ in range(300)]
    assert all(ok for ok, _ in await DeferredList(good))
    for ok, failure in await DeferredList(bad, consumeErrors=True):
        assert not ok
        assert isinstance(failure, Failure)
        assert failure.check(Unroutable)


async def test_no_more_than_the_cap_waits_for_confirmation(rabbit: Buses) -> None:
    bus = await rabbit.started(max_unconfirmed=100)
    await bus.declare(bus_name(rabbit), ["k"])
    outcomes = Outcomes(bus)
    for n in range(150):
        outcomes.publish("k", str(n))
    assert outcomes.that_are(Overloaded) == {str(n) for n in range(100, 150)}
    await outcomes.all()
    await bus.publish("k", "room again", b"", {})


async def test_windows_in_flight_some_unroutable(rabbit: Buses, broker: TlsBroker) -> None:
    bus, other = await rabbit.started(), await rabbit.started()
    await bus.declare(bus_name(rabbit), [])
    good = [bus.publish_many(bus_name(rabbit), window(n), {}) for n in range(10)]
    bad = [bus.publish_many("nowhere", window(n), {}) for n in range(10)]
    good += [bus.publish_many(bus_name(rabbit), window(n), {}) for n in range(10, 20)]
    assert bus.status.unconfirmed == 3000
    for _, failure in await DeferredList(bad, consumeErrors=True):
        assert isinstance(failure, Failure)
        assert failure.check(Unroutable)
    assert all(ok for ok, _ in await DeferredList(good))
    assert bus.status.unconfirmed == 0
    inbox = Inbox(Delivered.ack)
    await other.consume(bus_name(rabbit), inbox, 500)
    await inbox.wait(2000)
    assert inbox.ids == [message_id for n in range(20) for message_id, _ in window(n)]


def window(number: int) -> list[tuple[str, bytes]]:
    return [(f"{number}-{n}", b"x" * 300) for n in range(100)]


async def test_different_queue_on_the_broker_is_refused(rabbit: Buses, broker: TlsBroker) -> None:
    first = await rabbit.started()
    await first.declare(bus_name(rabbit), ["k"])
    inbox = Inbox()
    await first.consume(bus_name(rabbit), inbox, 1)
    with pytest.raises(TopologyRefused):
        await first.declare("amq.forbidden", ["k"])
    await first.publish("k", "id", b"", {})
    await inbox.wait(1)
    assert first.status.usable


async def test_deleted_queue_comes_back(rabbit: Buses, broker: TlsBroker) -> None:
    bus = await rabbit.started()
    inbox = Inbox(Delivered.ack)
    await bus.declare(bus_name(rabbit), ["k"])
    await bus.consume(bus_name(rabbit), inbox, 1)
    broker.rabbitmqctl("delete_queue", bus_name(rabbit))
    await until(bus, "down")
    await until(bus, "connected")
    await bus.publish("k", "id", b"", {})
    await inbox.wait(1)


async def test_stop_waits_for_confirmations_and_says_the_acks(rabbit: Buses) -> None:
    bus = await rabbit.started()
    inbox = Inbox()
    await bus.declare(bus_name(rabbit), ["k"])
    await bus.consume(bus_name(rabbit), inbox, 1000)
    outcomes = Outcomes(bus)
    for n in range(500):
        outcomes.publish("k", str(n))
    await outcomes.all()
    await inbox.wait(500)
    for one in inbox.got[:499]:
        one.ack()
    for n in range(500, 800):
        outcomes.publish("other", str(n)) if n % 2 else outcomes.publish("k", str(n))
    await bus.stop()
    assert len(outcomes.that_are("confirmed")) == 650
    assert len(outcomes.that_are(Unroutable)) == 150
    again = await rabbit.started()
    rest = Inbox(Delivered.ack)
    await again.declare(bus_name(rabbit), ["k"])
    await again.consume(bus_name(rabbit), rest, 1000)
    await rest.wait(151)
    await sleep(0.1)
    assert sorted(rest.ids) == sorted(["499", *(str(n) for n in range(500, 800, 2))])


async def test_tls_with_the_right_authority_only(rabbit: Buses, broker: TlsBroker, tmp_path: Path) -> None:
    url = SecretStr(f"amqps://guest:guest@127.0.0.1:{broker.tls_port}/")
    bus = await rabbit.started(url=url, tls=BusTls(ca_file=broker.ca_file))
    inbox = Inbox(Delivered.ack)
    await bus.declare(bus_name(rabbit), ["k"])
    await bus.consume(bus_name(rabbit), inbox, 1)
    await bus.publish("k", "id", b"x" * 300_000, {})
    await inbox.wait(1)
    stranger = rabbit.make(url=url, connect_timeout=1.0)
    with pytest.raises(BusDown, match="certificate"):
        await stranger.start()


async def test_wrong_password_is_said_without_it(rabbit: Buses, broker: TlsBroker) -> None:
    url = SecretStr(broker.url.replace("guest:guest", "guest:geheim"))
    with pytest.raises(BusDown, match="ACCESS_REFUSED") as raised:
        await rabbit.started(url=url, connect_timeout=1.0)
    assert "geheim" not in str(raised.value)


async def test_blocked_broker(rabbit: Buses, broker: TlsBroker) -> None:
    bus = await rabbit.started(confirm_timeout=0.2)
    inbox = Inbox()
    await bus.declare(bus_name(rabbit), ["k"])
    await bus.consume(bus_name(rabbit), inbox, 10)
    await bus.publish("k", "before", b"", {})
    await inbox.wait(1)
    heard: list[str] = []
    bus.on_status(lambda status: heard.append(status.state))
    outcomes = Outcomes(bus)
    broker.rabbitmqctl("set_vm_memory_high_watermark", "0.0000001")
    try:
        await sleep(0.3)
        outcomes.publish("k", "first into the alarm")
        await until(bus, "blocked")
        outcomes.publish("k", "while blocked")
        assert outcomes.of == {"while blocked": Blocked}
        inbox.got[0].ack()  # consuming goes on
        await sleep(1.0)
        assert outcomes.of == {"while blocked": Blocked}
    finally:
        broker.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "512MiB")
    await until(bus, "connected")
    await outcomes.all()
    assert outcomes.of["first into the alarm"] == "confirmed"
    await inbox.wait(2)
    assert heard == ["blocked", "connected"]


async def test_frozen_broker(rabbit: Buses, broker: TlsBroker) -> None:
    by_heartbeat = await rabbit.started(heartbeat=1, confirm_timeout=60.0, max_unconfirmed=100_000)
    by_confirms = await rabbit.started(heartbeat=600, confirm_timeout=0.7, max_unconfirmed=100_000)
    await by_heartbeat.declare(bus_name(rabbit), ["k"])
    broker.freeze()
    try:
        begun = time.monotonic()
        floods = [Outcomes(by_heartbeat), Outcomes(by_confirms)]
        for outcomes in floods:
            for n in range(2000):  # more than the sockets hold: bytes stay unsent
                outcomes.publish("k", str(n), b"x" * 10_000)
        await floods[1].all()
        assert time.monotonic() - begun < 20
        await floods[0].all()
        assert time.monotonic() - begun < 40
        assert len(floods[0].that_are(BusDown)) == 2000
        assert len(floods[1].that_are(Nacked)) == 2000
        outcomes = Outcomes(by_heartbeat)
        outcomes.publish("k", "during the outage")
        assert outcomes.of == {"during the outage": BusDown}
    finally:
        broker.resume()
    for bus in (by_heartbeat, by_confirms):
        await until(bus, "connected")
        await confirmed_at_last(bus, "well again")


async def confirmed_at_last(bus: Bus, message_id: str) -> None:
    """Publish until it is confirmed, as the gateway does with what is owed."""
    while True:
        try:
            return await bus.publish("k", message_id, b"", {})
        except Nacked:
            await sleep(0.1)


async def test_killed_and_wiped_broker(rabbit: Buses, broker: TlsBroker) -> None:
    bus = await rabbit.started()
    inbox = Inbox()
    await bus.declare(bus_name(rabbit), ["k"])
    await bus.consume(bus_name(rabbit), inbox, 50)
    broker.sync()
    outcomes = Outcomes(bus)
    for n in range(2000):
        outcomes.publish("k", f"{n}")
    while len(outcomes.that_are("confirmed")) < 300:
        await sleep(0)
    broker.kill()
    await outcomes.all()
    confirmed = outcomes.that_are("confirmed")
    assert outcomes.that_are(BusDown) == {str(n) for n in range(2000)} - confirmed
    held = list(inbox.got)
    assert len(held) == 50
    broker.start()
    await until(bus, "connected")
    for one in held:
        one.ack()  # of the old session: has no effect
    for one in inbox.got[50:]:
        one.ack()
    seen = set(inbox.ids[50:])
    inbox._then = Delivered.ack
    while not confirmed <= seen:
        await sleep(0.01)
        seen = set(inbox.ids[50:])

    broker.wipe()
    await until(bus, "down")
    await until(bus, "connected")
    await bus.publish("k", "into a queue declared anew", b"", {})
    while inbox.ids[-1] != "into a queue declared anew":
        await sleep(0.01)

"""What only the embedded bus does: it has bounds of its own, and shares turns of the reactor."""

from __future__ import annotations

import pytest

from gateway.bus import Delivered, Overloaded
from tests.bus.conftest import Buses
from tests.bus.test_contract import Inbox
from tests.twisted_runner import sleep


async def test_full_queue_refuses_and_takes_again(embedded: Buses) -> None:
    bus = await embedded.started(embedded_queue_messages=3)
    await bus.declare("full", ["#.full", "both.#"])
    await bus.declare("other", ["#.other", "both.#"])
    for n in range(3):
        await bus.publish("k.full", str(n), b"", {})
    with pytest.raises(Overloaded):
        await bus.publish("k.full", "one too many", b"", {})
    with pytest.raises(Overloaded):
        await bus.publish("both.k", "to all of its queues or to none", b"", {})
    await bus.publish("k.other", "another partner is not affected", b"", {})
    other, full = Inbox(Delivered.ack), Inbox()
    await bus.consume("other", other, 10)
    await bus.consume("full", full, 10)
    await full.wait(3)
    assert other.ids == ["another partner is not affected"]
    with pytest.raises(Overloaded):  # handed out is not yet done
        await bus.publish("k.full", "still too many", b"", {})
    full.got[0].ack()
    await bus.publish("k.full", "fits", b"", {})


async def test_bytes_are_bounded_but_one_large_message_fits(embedded: Buses) -> None:
    bus = await embedded.started(embedded_queue_bytes=1000)
    await bus.declare("q", ["k"])
    await bus.publish("k", "large", b"x" * 5000, {})
    with pytest.raises(Overloaded):
        await bus.publish("k", "more", b"x", {})


async def test_handlers_run_in_a_later_turn(embedded: Buses) -> None:
    bus = await embedded.started()
    inbox = Inbox(Delivered.ack)
    await bus.declare("q", ["k"])
    await bus.consume("q", inbox, 1)
    await bus.publish("k", "id", b"", {})
    assert not inbox.got
    await sleep(0)
    assert inbox.ids == ["id"]


async def test_headers_changed_later_do_not_reach_the_consumer(embedded: Buses) -> None:
    bus = await embedded.started()
    inbox = Inbox(Delivered.ack)
    await bus.declare("q", ["k"])
    headers = {"a": "1"}
    await bus.publish("k", "id", b"", headers)
    headers["a"] = "2"
    await bus.consume("q", inbox, 1)
    await inbox.wait(1)
    assert inbox.got[0].headers == {"a": "1"}

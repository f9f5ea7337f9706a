"""What all three back ends promise: AMQP and STOMP on a real RabbitMQ, IBM MQ on a double of its client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from gateway.contract import GatewayError, PartnerDown, Reject
from gateway.transports.mq import Arrived, PutUnknown, pauses
from tests.transports.mq.conftest import Backend
from tests.twisted_runner import sleep

TIMEOUT = 40.0
GBK = "代扣回执：财税库银".encode("gbk") + b"\x00\x00\xce" + bytes(range(256))


class Inbox:
    """Takes messages, and fails or waits where the test wants it to."""

    def __init__(self) -> None:
        self.got: list[Arrived] = []
        self.under_way = self.most_at_once = 0
        self.fail: Callable[[Arrived], bool] = lambda _: False
        self.gate: Deferred[None] | None = None

    async def __call__(self, arrived: Arrived) -> None:
        self.got.append(arrived)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            if self.gate is not None:
                waiting: Deferred[None] = Deferred()
                self.gate.addCallback(lambda _: waiting.callback(None))
                await waiting
            if self.fail(arrived):
                raise RuntimeError("cannot be taken")
        finally:
            self.under_way -= 1

    @property
    def ids(self) -> list[str | None]:
        return [arrived.message_id for arrived in self.got]

    async def wait(self, count: int) -> None:
        while len(self.got) < count:
            await sleep(0.01)


def outcome(putting: Any) -> Deferred[str]:
    """What becomes of a put: `confirmed` or the error's name."""
    done: Deferred[Any] = Deferred.fromCoroutine(putting)

    def name(failure: Failure) -> str:
        failure.trap(GatewayError)  # type: ignore[no-untyped-call]
        return type(failure.value).__name__

    return done.addCallbacks(lambda _: "confirmed", name)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await sleep(0.02)


async def test_put_is_there_and_arrives_as_it_was(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.whole"), backend.link(), Inbox()
    await link.put(queue, GBK, message_id="20261122000000000001", correlation_id="C-1")
    assert backend.waiting(queue) == 1
    bodies = [GBK, b"", b"\x00", b"\n\x00\n", bytes(range(256)) * 4096]
    for number, body in enumerate(bodies[1:]):
        await link.put(queue, body, message_id=f"m:{number}\\")
    await link.consume(queue, inbox)
    await inbox.wait(len(bodies))
    assert [arrived.body for arrived in inbox.got] == bodies
    assert inbox.got[0] == Arrived(GBK, queue, "20261122000000000001", "C-1", False)
    assert inbox.ids[1:] == ["m:0\\", "m:1\\", "m:2\\", "m:3\\"]
    assert inbox.got[1].correlation_id is None


async def test_missing_queue_is_said_and_nothing_else_suffers(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.here"), backend.link(), Inbox()
    puts = [
        outcome(link.put("mq.nowhere", b"x", message_id="1")),
        outcome(link.put(queue, b"x", message_id="2")),
    ]
    assert await gatherResults(puts) == ["PartnerDown", "confirmed"]
    with pytest.raises(PartnerDown):
        await link.put("mq.nowhere", b"x", message_id="3")
    waiting = await link.consume("mq.nowhere", inbox)
    await link.consume(queue, inbox)
    await inbox.wait(1)
    await waiting.stop()


async def test_what_can_never_be_put_is_rejected(backend: Backend) -> None:
    queue, link = backend.make("mq.limits"), backend.link(largest_body=1024)
    await link.put(queue, bytes(1024), message_id="x" * 24)
    for changes in (
        {"body": bytes(1025)},
        {"message_id": ""},
        {"message_id": "x" * 25},
        {"correlation_id": "税"},
    ):
        with pytest.raises(Reject):
            await link.put(queue, **{"body": b"", "message_id": "1", **changes})  # type: ignore[arg-type]
    assert backend.waiting(queue) == 1


async def test_nobody_answers_then_somebody_does(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.later"), backend.link(), Inbox()
    backend.faults.refusing = True
    await link.consume(queue, inbox)
    for _ in range(3):
        with pytest.raises(PartnerDown):
            await link.put(queue, b"x", message_id="1")
    backend.faults.refusing = False
    await sleep(1.0)
    await link.put(queue, b"x", message_id="2")
    await inbox.wait(1)
    assert inbox.ids == ["2"]


async def test_lost_before_the_put(backend: Backend) -> None:
    queue, link = backend.make("mq.before"), backend.link()
    await link.put(queue, b"x", message_id="1")
    backend.faults.cut()
    await sleep(0.3)
    # What is lost between two puts is noticed: nothing was handed over that nobody confirmed.
    results = [await outcome(link.put(queue, b"x", message_id=str(n))) for n in (2, 3)]
    assert results[1] == "confirmed"
    assert backend.waiting(queue) == 1 + results.count("confirmed")


async def test_lost_while_putting_nothing_arrived(backend: Backend) -> None:
    queue, link = backend.make("mq.while"), backend.link()
    await link.put(queue, b"x", message_id="1")
    backend.faults.deaf = True
    putting = outcome(link.put(queue, b"x", message_id="2"))
    await sleep(0.3)
    assert not putting.called
    backend.faults.cut()
    assert await putting == "PutUnknown"
    assert backend.waiting(queue) == 1


async def test_lost_after_it_arrived_before_it_was_confirmed(backend: Backend) -> None:
    queue, link = backend.make("mq.after"), backend.link()
    await link.put(queue, b"x", message_id="1")
    backend.faults.mute = True
    putting = outcome(link.put(queue, b"x", message_id="2"))
    await until(lambda: backend.waiting(queue) == 2)
    assert not putting.called
    backend.faults.cut()
    assert await putting == "PutUnknown"
    backend.faults.mute = False
    await sleep(1.0)
    await link.put(queue, b"x", message_id="3")


async def test_confirmation_that_does_not_come_in_time(backend: Backend) -> None:
    queue, link = backend.make("mq.slow"), backend.link(confirm_timeout=0.5)
    await link.put(queue, b"x", message_id="1")
    backend.faults.mute = True
    with pytest.raises(PutUnknown):
        await link.put(queue, b"x", message_id="2")
    assert backend.waiting(queue) == 2


async def test_failed_take_is_repeated_after_pauses_and_the_order_kept(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.again"), backend.link(), Inbox()
    inbox.fail = lambda arrived: arrived.message_id == "1" and inbox.ids.count("1") < 4
    for n in range(4):
        await link.put(queue, b"x", message_id=str(n))
    await link.consume(queue, inbox)
    await inbox.wait(7)
    assert inbox.ids == ["0", "1", "1", "1", "1", "2", "3"]
    assert [arrived.again for arrived in inbox.got] == [False, False, True, True, True, False, False]
    assert inbox.most_at_once == 1
    await sleep(0.2)
    assert backend.waiting(queue) == 0


async def test_as_many_at_once_as_asked_for(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.many"), backend.link(), Inbox()
    for n in range(10):
        await link.put(queue, b"x", message_id=str(n))
    inbox.gate = Deferred()
    subscription = await link.consume(queue, inbox, at_once=3)
    await inbox.wait(3)
    await sleep(0.2)
    assert inbox.most_at_once == 3
    inbox.gate.callback(None)
    await inbox.wait(10)
    await subscription.stop()
    assert sorted(map(str, inbox.ids)) == [str(n) for n in range(10)]
    assert inbox.most_at_once == 3
    await until(lambda: backend.waiting(queue) == 0)


async def test_line_lost_while_taking_never_two_at_once(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.overlap"), backend.link(), Inbox()
    await link.put(queue, b"x", message_id="1")
    inbox.gate = gate = Deferred()
    await link.consume(queue, inbox)
    await inbox.wait(1)
    backend.faults.cut()
    await sleep(1.0)  # a new line has the message again by now
    assert len(inbox.got) == 1
    gate.callback(None)
    await inbox.wait(2)
    assert inbox.most_at_once == 1
    assert [arrived.again for arrived in inbox.got] == [False, True]
    await until(lambda: backend.waiting(queue) == 0)


async def test_stop_waits_for_the_one_under_way_and_leaves_the_rest(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.stop"), backend.link(), Inbox()
    for n in range(5):
        await link.put(queue, b"x", message_id=str(n))
    inbox.gate = gate = Deferred()
    subscription = await link.consume(queue, inbox)
    await inbox.wait(1)
    stopping = Deferred.fromCoroutine(subscription.stop())
    await sleep(0.3)
    assert not stopping.called
    gate.callback(None)
    await stopping
    assert inbox.ids == ["0"]
    await until(lambda: backend.waiting(queue) == 4)
    rest = Inbox()
    await link.consume(queue, rest)
    await rest.wait(4)
    assert rest.ids == ["1", "2", "3", "4"]


async def test_stop_does_not_wait_for_the_pause_after_a_failure(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.poison"), backend.link(), Inbox()
    inbox.fail = lambda _: True
    await link.put(queue, b"x", message_id="1")
    subscription = await link.consume(queue, inbox)
    await inbox.wait(3)
    await subscription.stop()
    await subscription.stop()
    count = len(inbox.got)
    await sleep(1.2)
    assert len(inbox.got) == count
    assert backend.waiting(queue) == 1


async def test_stop_makes_no_pause_after_a_failure_while_stopping(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "_FIRST", 25.0)
    queue, link, inbox = backend.make("mq.stopping"), backend.link(), Inbox()
    inbox.fail, inbox.gate = lambda _: True, Deferred()
    await link.put(queue, b"x", message_id="1")
    subscription = await link.consume(queue, inbox)
    await inbox.wait(1)
    stopping: Deferred[None] = Deferred.fromCoroutine(subscription.stop())
    inbox.gate.callback(None)
    await stopping.addTimeout(10, reactor)
    await until(lambda: backend.waiting(queue) == 1)


async def test_close_is_final(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.close"), backend.link(), Inbox()
    await link.consume(queue, inbox)
    putting = outcome(link.put(queue, b"x", message_id="1"))
    await inbox.wait(1)
    assert await putting == "confirmed"
    await link.close()
    await link.close()
    with pytest.raises(PartnerDown):
        await link.put(queue, b"x", message_id="2")
    with pytest.raises(PartnerDown):
        await link.consume(queue, inbox)
    await until(lambda: backend.waiting(queue) == 0)


async def test_larger_than_the_limit_stays_on_the_queue(backend: Backend) -> None:
    queue, inbox = backend.make("mq.large"), Inbox()
    await backend.link().put(queue, bytes(5000), message_id="1")
    subscription = await backend.link(largest_body=1024).consume(queue, inbox)
    await sleep(1.5)
    await subscription.stop()
    assert inbox.got == []
    await until(lambda: backend.waiting(queue) == 1)


async def test_reading_goes_on_after_a_restart(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.restart"), backend.link(), Inbox()
    await link.consume(queue, inbox)
    await link.put(queue, b"x", message_id="1")
    await inbox.wait(1)
    backend.restart()
    put = "no"
    while put != "confirmed":
        await sleep(0.2)
        put = await outcome(link.put(queue, b"x", message_id="2"))
    await inbox.wait(2)
    assert inbox.ids[-1] == "2"


async def test_check_says_each_step(backend: Backend) -> None:
    queue, link = backend.make("mq.check"), backend.link()
    if backend.kind == "ibmmq":
        backend.faults.unauthorized.add(queue)
    steps = [step async for step in link.check([queue])]
    assert all(step.ok for step in steps) == (backend.kind != "ibmmq")  # nobody listens on the double's port
    if backend.kind != "ibmmq":
        assert [step.name for step in steps] == ["dns", "tcp", "login", queue]
        steps = [step async for step in link.check([queue, "mq.nowhere", queue])]
        assert [step.ok for step in steps] == [True, True, True, True, False]
        assert backend.waiting(queue) == 0
        backend.faults.refusing = True
        steps = [step async for step in link.check([queue])]
        assert not steps[-1].ok
        assert steps[-1].name in ("tcp", "login")  # as soon as the proxy has ended it


async def test_thousands_at_once(backend: Backend) -> None:
    queue, link, inbox = backend.make("mq.crowd"), backend.link(prefetch=1000), Inbox()
    puts = [outcome(link.put(queue, b"x", message_id=str(n))) for n in range(2000)]
    assert set(await gatherResults(puts)) == {"confirmed"}
    await link.consume(queue, inbox)
    await inbox.wait(2000)
    assert inbox.ids == [str(n) for n in range(2000)]


async def test_one_failure_is_not_unhandled(backend: Backend) -> None:
    link = backend.link()
    backend.faults.refusing = True
    failures = [outcome(link.put("mq.any", b"x", message_id=str(n))) for n in range(5)]
    assert set(await gatherResults(failures)) == {"PartnerDown"}
    assert not isinstance(await link.close(), Failure)

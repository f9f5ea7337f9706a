"""What a real broker can do to us: be killed, freeze, block, delete, refuse; and a gateway that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pika
import pytest

from gateway.contract import PartnerDown
from gateway.transports.mq import PutUnknown
from tests.transports.mq.conftest import Brokered, PartnerBroker
from tests.transports.mq.test_contract import Inbox, outcome, until
from tests.twisted_runner import sleep

pytestmark = pytest.mark.rabbitmq
TIMEOUT = 40.0

# A process that takes one message, says so, and never gets any further.
_VICTIM = """
import sys
import threading
from tests.twisted_runner import reactor, run
import structlog
from pydantic import TypeAdapter
from twisted.internet.defer import Deferred
from gateway.transports.mq import MqSettings, connect

async def take(arrived):
    print("taken", arrived.message_id, arrived.again, flush=True)
    await Deferred()

async def main():
    settings = TypeAdapter(MqSettings).validate_json(sys.argv[1])
    await connect(settings, reactor, structlog.get_logger(wrapper_class=structlog.BoundLogger)).consume(sys.argv[2], take)
    await Deferred()

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
run(main(), timeout=60)
"""


def tls(brokered: Brokered, **changes: Any) -> dict[str, Any]:
    broker = brokered.broker
    brokered.proxy.target = broker.amqps_port if brokered.kind == "amqp" else broker.stomps_port
    return {"tls": {"ca_file": broker.ca_file, **changes}}


async def test_killed_between_take_and_acknowledgement(brokered: Brokered) -> None:
    queue, link, inbox = brokered.make("mq.killed"), brokered.link(), Inbox()
    await link.put(queue, b"x", message_id="1")
    settings = brokered.settings(address=f"127.0.0.1:{brokered.proxy.target}")
    values = {**settings.model_dump(mode="json", exclude_none=True), "password": "guest"}
    victim = subprocess.Popen(  # noqa: ASYNC220 (starting it takes no time)
        [sys.executable, "-c", _VICTIM, json.dumps(values), queue],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "taken 1 False\n"
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    await link.consume(queue, inbox)
    await inbox.wait(1)
    assert inbox.got[0].again
    assert inbox.ids == ["1"]


async def test_tls_with_the_right_authority_only(brokered: Brokered) -> None:
    queue, link, inbox = brokered.make("mq.tls"), brokered.link(**tls(brokered)), Inbox()
    assert [step.ok async for step in link.check([queue])] == [True] * 5
    for n in range(3):
        await link.put(queue, os.urandom(300_000), message_id=str(n))
    await link.consume(queue, inbox)
    await inbox.wait(3)
    brokered.proxy.cut()
    await sleep(0.5)
    while await outcome(link.put(queue, b"x", message_id="3")) != "confirmed":
        await sleep(0.1)
    await until(lambda: inbox.ids[-1] == "3")
    stranger = brokered.link(tls={})
    with pytest.raises(PartnerDown):
        await stranger.put(queue, b"x", message_id="4")
    steps = [step async for step in stranger.check([queue])]
    assert [(step.name, step.ok) for step in steps] == [("dns", True), ("tcp", True), ("tls", False)]
    assert "certificate" in steps[-1].en


async def test_a_lost_tls_connection_costs_no_processor_time(brokered: Brokered) -> None:
    queue, link = brokered.make("mq.spin"), brokered.link(**tls(brokered))
    await link.put(queue, b"x", message_id="1")
    brokered.proxy.refusing = True
    brokered.proxy.cut()
    before = os.times()
    await sleep(1.0)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.5


async def test_wrong_password_is_said_without_it(brokered: Brokered) -> None:
    link = brokered.link(password="geheim")
    with pytest.raises(PartnerDown) as raised:
        await link.put("mq.any", b"x", message_id="1")
    steps = [step async for step in link.check([])]
    assert [(step.name, step.ok) for step in steps][-1] == ("login", False)
    said = " ".join((raised.value.zh, raised.value.en, steps[-1].zh, steps[-1].en))
    assert "geheim" not in said
    assert "refused" in said.lower() or "bad connect" in said.lower()


async def test_unknown_vhost_and_unknown_host(brokered: Brokered) -> None:
    with pytest.raises(PartnerDown):
        await brokered.link(vhost="nowhere").put("mq.any", b"x", message_id="1")
    steps = [step async for step in brokered.link(address="nowhere.invalid:5672").check([])]
    assert [(step.name, step.ok) for step in steps] == [("dns", False)]
    steps = [step async for step in brokered.link(address="127.0.0.1:9").check([])]
    assert [(step.name, step.ok) for step in steps] == [("dns", True), ("tcp", False)]


async def test_frozen_broker(brokered: Brokered, partner_broker: PartnerBroker) -> None:
    queue, link = (
        brokered.make("mq.frozen"),
        brokered.link(confirm_timeout=1.0, connect_timeout=1.0, heartbeat=1),
    )
    await link.put(queue, b"x", message_id="1")
    partner_broker.freeze()
    try:
        with pytest.raises(PutUnknown):
            await link.put(queue, bytes(4 << 20), message_id="2")
        while await outcome(link.put(queue, b"x", message_id="3")) != "PartnerDown":
            await sleep(0.2)  # until heartbeats have told
    finally:
        partner_broker.resume()
    while await outcome(link.put(queue, b"x", message_id="4")) != "confirmed":
        await sleep(0.2)


async def test_killed_broker_keeps_what_it_confirmed(
    brokered: Brokered, partner_broker: PartnerBroker
) -> None:
    queue, link, inbox = brokered.make("mq.power"), brokered.link(), Inbox()
    partner_broker.sync()
    puts = {str(n): outcome(link.put(queue, b"x", message_id=str(n))) for n in range(300)}
    await until(lambda: sum(put.called for put in puts.values()) > 50)
    partner_broker.kill()
    confirmed = {name for name, put in puts.items() if await put == "confirmed"}
    partner_broker.start()
    await link.consume(queue, inbox)
    await until(lambda: confirmed <= set(map(str, inbox.ids)))


async def test_deleted_queue_is_read_again_when_it_is_back(brokered: Brokered) -> None:
    queue, link, inbox = brokered.make("mq.deleted"), brokered.link(), Inbox()
    await link.consume(queue, inbox)
    await sleep(0.5)
    with pika.BlockingConnection(pika.URLParameters(brokered.broker.url)) as connection:
        connection.channel().queue_delete(queue)
    await sleep(0.5)
    brokered.make(queue)
    while await outcome(link.put(queue, b"x", message_id="1")) != "confirmed":
        await sleep(0.2)
    await inbox.wait(1)


async def test_blocked_broker_takes_nothing(amqp: Brokered, partner_broker: PartnerBroker) -> None:
    queue, link = amqp.make("mq.blocked"), amqp.link(confirm_timeout=1.0)
    await link.put(queue, b"x", message_id="1")
    partner_broker.rabbitmqctl("set_vm_memory_high_watermark", "0.0000001")
    try:
        with pytest.raises(PutUnknown):
            await link.put(queue, b"x", message_id="2")  # the first one finds out
        with pytest.raises(PartnerDown, match="takes nothing"):
            await link.put(queue, b"x", message_id="3")
    finally:
        partner_broker.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "512MiB")
    while await outcome(link.put(queue, b"x", message_id="4")) != "confirmed":
        await sleep(0.2)


async def test_without_the_right_to_put_nothing_is_there(
    amqp: Brokered, partner_broker: PartnerBroker
) -> None:
    partner_broker.rabbitmqctl("add_user", "reader", "geheim")
    partner_broker.rabbitmqctl("set_permissions", "reader", "^$", "^$", ".*")
    queue, link = amqp.make("mq.forbidden"), amqp.link(user="reader", password="geheim")
    with pytest.raises(PartnerDown, match="ACCESS_REFUSED"):
        await link.put(queue, b"x", message_id="1")
    assert amqp.waiting(queue) == 0


async def test_lost_lines_leave_no_threads_behind(brokered: Brokered) -> None:
    queue, link, inbox = brokered.make("mq.threads"), brokered.link(), Inbox()
    await link.consume(queue, inbox)
    for n in range(4):
        while await outcome(link.put(queue, b"x", message_id=str(n))) != "confirmed":
            await sleep(0.2)
        await inbox.wait(n + 1)
        brokered.faults.cut()
        await sleep(0.3)
    await link.close()
    await until(lambda: not [one for one in threading.enumerate() if one.name == "stomp"])


async def test_full_queue_leaves_the_outcome_open(amqp: Brokered, partner_broker: PartnerBroker) -> None:
    queue, link = "mq.full", amqp.link()
    with pika.BlockingConnection(pika.URLParameters(partner_broker.url)) as connection:
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        connection.channel().queue_declare(queue, durable=True, arguments=full)
    assert await outcome(link.put(queue, b"x", message_id="1")) == "confirmed"
    assert await outcome(link.put(queue, b"x", message_id="2")) == "PutUnknown"

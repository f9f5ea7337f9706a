"""What is IBM MQ's own, on a double of its client: see `ibmmq_double` for what that proves."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
import structlog
from pydantic import TypeAdapter, ValidationError
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gateway.contract import ConfigError, PartnerDown
from gateway.transports.mq import MqSettings, connect
from tests.transports.mq.conftest import Doubled
from tests.transports.mq.ibmmq_double import Message
from tests.transports.mq.test_contract import Inbox, until
from tests.twisted_runner import sleep

TIMEOUT = 30.0


def test_missing_client_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ibmmq", None)
    settings: MqSettings = TypeAdapter(MqSettings).validate_python({"kind": "ibmmq", **Doubled().values()})
    with pytest.raises(ConfigError, match="not installed") as raised:
        connect(settings, reactor, structlog.get_logger())
    assert "未安装" in raised.value.zh


@pytest.mark.parametrize(
    "changes",
    [
        {"user": None},
        {"cipher": "ANY_TLS12_OR_HIGHER"},
        {"connection": "mq.example:1414"},
        {"queue_manager": "没有"},
    ],
)
def test_settings_that_cannot_be(ibmmq: Doubled, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ibmmq.settings(**changes)


async def test_how_it_connects(ibmmq: Doubled) -> None:
    queue = ibmmq.make("Q")
    link = ibmmq.link(
        connection="a.example(1414),b.example(1415)",
        cipher="ANY_TLS12_OR_HIGHER",
        key_repository="/etc/mq/key",
        certificate_label="tongqu",
    )
    await link.put(queue, b"x", message_id="1")
    (options,) = ibmmq.faults.connected
    assert vars(options["cd"]) == {
        "ChannelName": b"NODE.SVRCONN",
        "ConnectionName": b"a.example(1414),b.example(1415)",
        "ChannelType": 6,
        "TransportType": 2,
        "MaxMsgLength": 4 << 20,
        "HeartbeatInterval": 20,
        "SSLCipherSpec": b"ANY_TLS12_OR_HIGHER",
    }
    assert vars(options["sco"]) == {
        "KeyRepository": b"/etc/mq/key",
        "Version": 5,
        "CertificateLabel": b"tongqu",
    }
    assert options["user"] == options["password"] == "guest"


async def test_wrong_password(ibmmq: Doubled) -> None:
    with pytest.raises(PartnerDown, match="NOT_AUTHORIZED") as raised:
        await ibmmq.link(password="geheim").put("Q", b"x", message_id="1")
    assert "geheim" not in str(raised.value)


async def test_stopping_disconnects_without_committing(ibmmq: Doubled) -> None:
    queue, link, inbox = ibmmq.make("Q"), ibmmq.link(), Inbox()
    await link.put(queue, b"x", message_id="1")
    inbox.fail = lambda _: True
    await link.consume(queue, inbox)
    await inbox.wait(2)
    await link.close()
    assert ibmmq.waiting(queue) == 1
    await until(lambda: not ibmmq.faults.connections)


async def test_message_waits_in_the_unit_of_work_until_it_is_dealt_with(ibmmq: Doubled) -> None:
    queue, link, inbox = ibmmq.make("Q"), ibmmq.link(), Inbox()
    await link.put(queue, b"x", message_id="1")
    inbox.gate = gate = Deferred()
    await link.consume(queue, inbox)
    await inbox.wait(1)
    (reader,) = [connection for connection in ibmmq.faults.connections if connection.gots]
    gate.callback(None)
    await until(lambda: not reader.gots)
    assert ibmmq.waiting(queue) == 0


async def test_pauses_grow_by_the_queue_managers_own_count(ibmmq: Doubled) -> None:
    queue, link, inbox = ibmmq.make("Q"), ibmmq.link(), Inbox()
    ibmmq.faults.queues[queue].append(Message(b"x", b"1".ljust(24, b"\0"), bytes(24), backouts=6))
    inbox.fail = lambda _: True
    await link.consume(queue, inbox)
    await inbox.wait(1)
    await sleep(1.0)
    assert len(inbox.got) == 1
    assert inbox.got[0].again


async def test_ids_of_others_are_shown_as_digits(ibmmq: Doubled) -> None:
    queue, link, inbox = ibmmq.make("Q"), ibmmq.link(), Inbox()
    foreign = b"AMQ QM1         \x8b\x01\x02\x03\x04\x05\x06\x07"
    ibmmq.faults.queues[queue].append(Message(b"x", foreign, bytes(24)))
    await link.consume(queue, inbox)
    await inbox.wait(1)
    assert inbox.ids == [foreign.hex()]


async def test_commit_that_was_backed_out_put_nothing(
    ibmmq: Doubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.transports.mq import ibmmq_double as double

    queue, link = ibmmq.make("Q"), ibmmq.link()
    await link.put(queue, b"x", message_id="1")

    def backed_out(_: object) -> None:
        raise double.MQMIError(double.CMQC.MQRC_BACKED_OUT)

    with monkeypatch.context() as patch:
        patch.setattr(double.QueueManager, "commit", backed_out)
        with pytest.raises(PartnerDown, match="BACKED_OUT"):
            await link.put(queue, b"x", message_id="2")


async def test_lines_that_read_together_end_together(ibmmq: Doubled) -> None:
    queue, link, inbox = ibmmq.make("Q"), ibmmq.link(), Inbox()
    await link.put(queue, b"x", message_id="1")
    inbox.gate = gate = Deferred()
    await link.consume(queue, inbox, at_once=3)
    await inbox.wait(1)
    putting, *readers = tuple(ibmmq.faults.connections)
    assert len(readers) == 3
    with ibmmq.faults.changed:
        next(reader for reader in readers if not reader.gots).break_off()
        ibmmq.faults.changed.notify_all()
    # None of the old ones goes on holding the message: what was begun is begun anew.
    await until(lambda: all(reader.broken for reader in readers))
    gate.callback(None)
    await inbox.wait(2)
    assert inbox.got[1].again
    await until(lambda: len(ibmmq.faults.connections) == 4)
    assert putting in ibmmq.faults.connections
    await link.close()
    await until(lambda: not [one for one in threading.enumerate() if one.name == "ibmmq"])


async def test_an_error_of_the_client_itself_ends_the_line(
    ibmmq: Doubled, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.transports.mq import ibmmq_double as double

    queue, link, inbox = ibmmq.make("Q"), ibmmq.link(), Inbox()

    def broken(*_: object) -> bytes:
        raise double.PYIFError("not open")

    with monkeypatch.context() as patch:
        patch.setattr(double.Queue, "get", broken)
        await link.consume(queue, inbox)
        await sleep(0.3)
    with monkeypatch.context() as patch:
        patch.setattr(double.Queue, "put", broken)
        with pytest.raises(PartnerDown, match="PYIFError"):
            await link.put(queue, b"x", message_id="1")
    await link.put(queue, b"x", message_id="2")
    await inbox.wait(1)
    assert inbox.ids == ["2"]


async def test_check_where_inquiring_is_not_allowed(ibmmq: Doubled) -> None:
    import socket

    queue = ibmmq.make("Q")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = ibmmq.link(connection=f"127.0.0.1({listener.getsockname()[1]})")
        ibmmq.faults.unauthorized.add(queue)
        steps = [step async for step in link.check([queue, "NOWHERE"])]
    assert [(step.name, step.ok) for step in steps] == [
        ("dns", True),
        ("tcp", True),
        ("login", True),
        (queue, True),
        ("NOWHERE", False),
    ]
    assert "may not inquire" in steps[3].en

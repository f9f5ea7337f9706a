"""The broker that tests, demo and benchmark start, and which bus the settings choose."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from twisted.internet import reactor

from gateway.bus import BusDown, BusSettings, answers, make_bus
from gateway.bus.embedded import EmbeddedBus
from gateway.bus.private_broker import BrokerFailed, PrivateBroker, free_ports
from gateway.bus.rabbitmq import RabbitMqBus
from tests.bus.conftest import TlsBroker


def test_nothing_answers_where_nobody_listens() -> None:
    (port,) = free_ports(1)
    assert not answers(f"amqp://127.0.0.1:{port}/")
    assert not answers(f"amqps://127.0.0.1:{port}/")


def test_something_else_that_listens_is_no_broker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not answers(f"amqp://127.0.0.1:{port}/", timeout=0.1)


def test_auto_without_a_broker_is_embedded() -> None:
    (port,) = free_ports(1)
    settings = BusSettings(url=SecretStr(f"amqp://127.0.0.1:{port}/"))
    assert isinstance(make_bus(settings, reactor), EmbeddedBus)


async def test_start_without_a_broker_says_so_in_time() -> None:
    (port,) = free_ports(1)
    url = SecretStr(f"amqp://guest:geheim@127.0.0.1:{port}/")
    bus = make_bus(BusSettings(kind="rabbitmq", url=url, connect_timeout=1.0), reactor)
    with pytest.raises(BusDown, match="refused"):
        await bus.start()
    assert bus.status.state == "down"
    await bus.stop()


@pytest.mark.rabbitmq
def test_auto_with_a_broker_is_rabbitmq(broker: TlsBroker) -> None:
    assert isinstance(make_bus(BusSettings(url=SecretStr(broker.url)), reactor), RabbitMqBus)


def test_password_is_not_shown_and_unknown_settings_are_refused() -> None:
    assert "geheim" not in repr(BusSettings(url=SecretStr("amqp://u:geheim@h/")))
    with pytest.raises(ValidationError):
        BusSettings.model_validate({"heartbeatt": 1})
    assert BusSettings().queue_of("hospital-a") == "gateway.partner.hospital-a"


def test_a_thread_may_not_start_a_broker(tmp_path: Path) -> None:
    refused: list[BaseException] = []

    def start() -> None:
        try:
            PrivateBroker(tmp_path).start()
        except BrokerFailed as error:
            refused.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert refused


@pytest.mark.rabbitmq
def test_listens_on_loopback_only(broker: TlsBroker) -> None:
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    ours = [line.split()[3] for line in listening.splitlines() if f"pid={broker.pid}," in line]
    assert len(ours) >= 3  # AMQP, AMQP behind TLS, and Erlang's own
    assert all(address.startswith("127.0.0.1:") for address in ours)


@pytest.mark.rabbitmq
@pytest.mark.long
def test_killing_whoever_started_it_leaves_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        "from gateway.bus.private_broker import PrivateBroker\n"
        "broker = PrivateBroker(pathlib.Path(sys.argv[1]))\n"
        "broker.start()\n"
        "print(broker.port, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    assert processes_in(tmp_path)
    assert answers(f"amqp://127.0.0.1:{port}/")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while processes_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_in(tmp_path)


def processes_in(folder: Path) -> list[str]:
    """Find the processes whose home is the broker's folder; what has ended has no environment any more."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if f"HOME={folder.resolve()}\0".encode() in environment:
            found.append(pid)
    return found

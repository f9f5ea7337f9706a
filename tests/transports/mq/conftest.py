"""The three back ends: two on a broker of the test's own behind a proxy, one on a double."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
import structlog
import trustme
from pydantic import TypeAdapter
from twisted.internet import reactor

from gateway.bus.private_broker import PrivateBroker, free_ports, installed
from gateway.transports.mq import MqLink, MqSettings, connect
from tests.transports.mq import ibmmq_double
from tests.transports.mq.proxy import Proxy
from tests.twisted_runner import run

_SETTINGS: TypeAdapter[MqSettings] = TypeAdapter(MqSettings)


class PartnerBroker(PrivateBroker):
    """Speaks AMQP and STOMP, both also behind TLS, with certificates of the CA in `ca_file`."""

    def __init__(self, folder: Path) -> None:
        self.stomp_port, self.amqps_port, self.stomps_port = free_ports(3)
        self.ca_file, certificate, key = (folder / name for name in ("ca.pem", "server.pem", "server.key"))
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self.ca_file)
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        super().__init__(
            folder,
            f"stomp.listeners.tcp.1 = 127.0.0.1:{self.stomp_port}\n"
            f"stomp.listeners.ssl.1 = 127.0.0.1:{self.stomps_port}\n"
            f"listeners.ssl.1 = 127.0.0.1:{self.amqps_port}\n"
            f"ssl_options.cacertfile = {self.ca_file}\n"
            f"ssl_options.certfile = {certificate}\n"
            f"ssl_options.keyfile = {key}\n",
            ("rabbitmq_stomp",),
        )


@pytest.fixture(scope="session")
def partner_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerBroker]:
    if not installed():
        pytest.fail("RabbitMQ is missing: run scripts/install-rabbitmq")
    node = PartnerBroker(tmp_path_factory.mktemp("partner"))
    with node:
        yield node


class Backend(ABC):
    """A partner's queue manager, and what a test can do to it."""

    kind: str

    def __init__(self) -> None:
        self._links: list[MqLink] = []

    @abstractmethod
    def values(self) -> dict[str, Any]: ...
    @abstractmethod
    def make(self, queue: str) -> str:
        """An empty queue."""

    @abstractmethod
    def waiting(self, queue: str) -> int: ...
    @abstractmethod
    def restart(self) -> None: ...
    @property
    @abstractmethod
    def faults(self) -> Any:
        """Has `deaf`, `mute`, `refusing` and `cut()`."""

    def settings(self, **changes: Any) -> MqSettings:
        common = {"kind": self.kind, "reconnect_max": 0.5, "confirm_timeout": 20.0, "connect_timeout": 5.0}
        return _SETTINGS.validate_python({**common, **self.values(), **changes})

    def link(self, **changes: Any) -> MqLink:
        link = connect(self.settings(**changes), reactor, structlog.get_logger("tests.mq"))
        self._links.append(link)
        return link

    def stop(self) -> None:
        self.faults.deaf = self.faults.mute = self.faults.refusing = False
        self.faults.cut()
        for link in self._links:
            run(link.close())


class Brokered(Backend):
    def __init__(self, kind: str, broker: PartnerBroker) -> None:
        super().__init__()
        self.kind = kind
        self.broker = broker
        self.proxy = Proxy(broker.port if kind == "amqp" else broker.stomp_port)

    @property
    def faults(self) -> Proxy:
        return self.proxy

    def values(self) -> dict[str, Any]:
        return {"address": f"127.0.0.1:{self.proxy.port}", "user": "guest", "password": "guest"}

    def make(self, queue: str) -> str:
        with pika.BlockingConnection(pika.URLParameters(self.broker.url)) as connection:
            channel = connection.channel()
            channel.queue_delete(queue)
            channel.queue_declare(queue, durable=True)
        return queue

    def waiting(self, queue: str) -> int:
        with pika.BlockingConnection(pika.URLParameters(self.broker.url)) as connection:
            return int(connection.channel().queue_declare(queue, passive=True).method.message_count)

    def restart(self) -> None:
        self.broker.restart()

    def stop(self) -> None:
        super().stop()
        self.proxy.stop()


class Doubled(Backend):
    kind = "ibmmq"

    def __init__(self) -> None:
        super().__init__()
        ibmmq_double.server.__init__()  # type: ignore[misc]  # empty again

    @property
    def faults(self) -> ibmmq_double.Server:
        return ibmmq_double.server

    def values(self) -> dict[str, Any]:
        return {
            "queue_manager": "QM1", "channel": "NODE.SVRCONN", "connection": "127.0.0.1(1414)",
            "user": "guest", "password": "guest",
        }  # fmt: skip

    def make(self, queue: str) -> str:
        ibmmq_double.server.queues[queue] = []
        return queue

    def waiting(self, queue: str) -> int:
        return len(ibmmq_double.server.queues[queue])

    def restart(self) -> None:
        ibmmq_double.server.cut()


@pytest.fixture(
    params=[
        pytest.param("amqp", marks=pytest.mark.rabbitmq),
        pytest.param("stomp", marks=pytest.mark.rabbitmq),
        "ibmmq",
    ]
)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """For what all three promise."""
    made: Backend
    if request.param == "ibmmq":
        monkeypatch.setitem(sys.modules, "ibmmq", ibmmq_double)
        made = Doubled()
    else:
        made = Brokered(request.param, request.getfixturevalue("partner_broker"))
    yield made
    made.stop()


@pytest.fixture
def ibmmq(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doubled]:
    """For what is IBM MQ's own."""
    monkeypatch.setitem(sys.modules, "ibmmq", ibmmq_double)
    made = Doubled()
    yield made
    made.stop()


@pytest.fixture(params=["amqp", "stomp"])
def brokered(request: pytest.FixtureRequest, partner_broker: PartnerBroker) -> Iterator[Brokered]:
    """For what only a real broker can do."""
    made = Brokered(request.param, partner_broker)
    yield made
    made.stop()


@pytest.fixture
def amqp(partner_broker: PartnerBroker) -> Iterator[Brokered]:
    """For what only AMQP can say."""
    made = Brokered("amqp", partner_broker)
    yield made
    made.stop()

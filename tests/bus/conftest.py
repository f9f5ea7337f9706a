"""One broker of our own for the whole test run, and buses on it and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr
from twisted.internet import reactor

from gateway.bus import BusSettings, make_bus
from gateway.bus.contract import Bus
from gateway.bus.private_broker import PrivateBroker, free_ports, installed
from tests.twisted_runner import run


class TlsBroker(PrivateBroker):
    """A broker that also listens behind TLS, on `tls_port`, with a certificate of the CA in `ca_file`."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "ca.pem"
        certificate, key = folder / "server.pem", folder / "server.key"
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self.ca_file)
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        (self.tls_port,) = free_ports(1)
        super().__init__(
            folder,
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
            f"ssl_options.cacertfile = {self.ca_file}\n"
            f"ssl_options.certfile = {certificate}\n"
            f"ssl_options.keyfile = {key}\n",
        )


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBroker]:
    if not installed():
        pytest.fail("RabbitMQ is missing: run scripts/install-rabbitmq")
    node = TlsBroker(tmp_path_factory.mktemp("rabbitmq"))
    with node:
        yield node


class Buses:
    """Makes buses of one kind, each with an exchange of its own, and stops them after the test."""

    def __init__(self, kind: str, broker: PrivateBroker | None, name: str) -> None:
        self.kind = kind
        self.broker = broker
        self.name = name
        self._made: list[Bus] = []

    def settings(self, **changes: Any) -> BusSettings:
        url = self.broker.url if self.broker is not None else "amqp://127.0.0.1:1/"
        values = {
            "kind": self.kind,
            "url": SecretStr(url),
            "exchange": f"test.{self.name}",
            "reconnect_max": 0.5,
            "drain_timeout": 2.0,
        }
        return BusSettings(**{**values, **changes})

    def make(self, **changes: Any) -> Bus:
        bus = make_bus(self.settings(**changes), reactor)
        self._made.append(bus)
        return bus

    async def started(self, **changes: Any) -> Bus:
        bus = self.make(**changes)
        await bus.start()
        return bus

    def stop_all(self) -> None:
        for bus in self._made:
            run(bus.stop())


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def buses(request: pytest.FixtureRequest) -> Iterator[Buses]:
    """For what both back ends promise."""
    broker = request.getfixturevalue("broker") if request.param == "rabbitmq" else None
    made = Buses(request.param, broker, request.node.originalname)
    yield made
    made.stop_all()


@pytest.fixture
def rabbit(request: pytest.FixtureRequest, broker: TlsBroker) -> Iterator[Buses]:
    """For what only a real broker can do to us."""
    made = Buses("rabbitmq", broker, request.node.originalname)
    yield made
    made.stop_all()


@pytest.fixture
def embedded(request: pytest.FixtureRequest) -> Iterator[Buses]:
    made = Buses("embedded", None, request.node.originalname)
    yield made
    made.stop_all()

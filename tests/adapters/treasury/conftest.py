"""One broker for all tests of the treasury network; its queues are those of whoever runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.bus.private_broker import PrivateBroker, installed


@pytest.fixture(scope="session")
def queue_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    if not installed():
        pytest.fail("RabbitMQ is missing: run scripts/install-rabbitmq")
    with PrivateBroker(tmp_path_factory.mktemp("queue-manager")) as broker:
        yield broker

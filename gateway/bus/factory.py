"""Builds the bus that the settings ask for."""

from __future__ import annotations

from typing import Any

from gateway.bus.contract import Bus
from gateway.bus.embedded import EmbeddedBus
from gateway.bus.probe import answers
from gateway.bus.rabbitmq import RabbitMqBus
from gateway.bus.settings import BusSettings


def make_bus(settings: BusSettings, reactor: Any) -> Bus:
    """Return a bus, not started yet.

    With `kind: auto` this asks once whether a broker answers, which can block for two seconds: so it belongs
    before the reactor runs. Once chosen, the kind does not change until the next start.
    """
    kind = settings.kind
    if kind == "auto":
        kind = "rabbitmq" if answers(settings.url.get_secret_value()) else "embedded"
    return RabbitMqBus(settings, reactor) if kind == "rabbitmq" else EmbeddedBus(settings, reactor)

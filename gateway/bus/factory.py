"""Builds the bus that the settings ask for."""

from __future__ import annotations

from typing import Any

from gateway.bus.contract import Bus
from gateway.bus.probe import answers
from gateway.bus.settings import BusSettings


def make_bus(settings: BusSettings, reactor: Any) -> Bus:
    """Return a bus, not started yet.

    With `kind: auto` this asks once whether a broker answers, which can block for two seconds: so it belongs
    before the reactor runs. Once chosen, the kind does not change until the next start.
    """
    kind = settings.kind
    if kind == "auto":
        kind = "rabbitmq" if answers(settings.url.get_secret_value()) else "embedded"
    # Imported only here: every command reads settings of the bus, and most of them never open one.
    if kind == "rabbitmq":
        from gateway.bus.rabbitmq import RabbitMqBus  # noqa: PLC0415

        return RabbitMqBus(settings, reactor)
    from gateway.bus.embedded import EmbeddedBus  # noqa: PLC0415

    return EmbeddedBus(settings, reactor)

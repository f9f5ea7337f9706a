"""Distributes the work: one contract, two back ends, RabbitMQ and the embedded one."""

from gateway.bus.contract import (
    AlreadySettled,
    Blocked,
    Bus,
    BusDown,
    BusError,
    BusStatus,
    Consumer,
    Delivered,
    Handler,
    Nacked,
    Overloaded,
    TopologyRefused,
    Unroutable,
)
from gateway.bus.factory import make_bus
from gateway.bus.probe import answers
from gateway.bus.settings import BusSettings, BusTls

__all__ = [
    "AlreadySettled",
    "Blocked",
    "Bus",
    "BusDown",
    "BusError",
    "BusSettings",
    "BusStatus",
    "BusTls",
    "Consumer",
    "Delivered",
    "Handler",
    "Nacked",
    "Overloaded",
    "TopologyRefused",
    "Unroutable",
    "answers",
    "make_bus",
]

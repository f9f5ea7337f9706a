"""Hands what is owed to the bus. The store is the truth: whatever the bus loses is published again.

A failed publish is no error of anybody's: the delivery stays `pending` in the store, and the keeper
(`keeper.py`) publishes it again when the bus is back.
"""

from __future__ import annotations

from twisted.python.failure import Failure

from gateway.bus.contract import Bus
from gateway.contract import Log
from gateway.store.api import DeliveryRow


def binding_of(partner: str) -> str:
    """What the partner's queue is bound with: routing keys are `<type>.<region>.<partner>`."""
    return f"#.{partner}"


def routing_key(message_type: str, region: str, partner: str) -> str:
    """Type and region first, so that outside consumers can bind what they need; the partner last."""
    return f"{message_type}.{region}.{partner}"


class Outbox:
    """Publishes deliveries; what the bus does not take is logged, and published again by the keeper."""

    def __init__(self, bus: Bus, log: Log) -> None:
        self._bus = bus
        self._log = log

    def publish(self, delivery: DeliveryRow, sealed_body: bytes, *, fresh: bool = False) -> None:
        """Publishes one delivery; the sealed message travels with it.

        Args:
            fresh: nobody has worked on it yet, and it is published for the first time: whoever takes it need
                not read in the store what has become of it. Any other copy makes its taker look.
        """
        headers = {"message": delivery.message_id, "fresh": "1" if fresh else "0"}
        try:
            confirmed = self._bus.publish(delivery.routing_key, delivery.id, sealed_body, headers)
        except Exception as error:  # a back end may refuse at once
            self._note(error, delivery)
            return
        confirmed.addErrback(self._refused, delivery)

    def _refused(self, failure: Failure, delivery: DeliveryRow) -> None:
        self._note(failure.value, delivery)

    def _note(self, error: BaseException | None, delivery: DeliveryRow) -> None:
        self._log.warning(
            "publish.failed", delivery=delivery.id, partner=delivery.partner, error=type(error).__name__
        )

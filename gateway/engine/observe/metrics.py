"""Prometheus metrics: what is counted on the hot path, and what is asked for when somebody looks.

Counting costs well under a microsecond because the labelled children are looked up once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.engine.lifecycle import FINAL

# A second time series per counter that says when the process began: `process_start_time_seconds` says it once.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_GROUPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_LABELS: Final = 2000  #: combinations kept per counter; more than any configuration has

Ask = Callable[[], float]


class Metrics:
    """All metrics of one gateway. It is the engine's `Observer`.

    Args:
        registry: where they are registered; one of its own where None, so that tests do not meet.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._accepted = self._counter("messages_accepted", "Messages committed", "partner", "type")
        self._repeated = self._counter("messages_repeated", "Messages that came again", "partner", "type")
        self._refused = self._counter("messages_refused", "Input not accepted", "partner", "code")
        self._attempts = self._counter("delivery_attempts", "Attempts begun", "partner")
        self._ended = self._counter(
            "deliveries", "Ends of attempts and resolutions by state", "partner", "state"
        )
        self._accept_seconds = self._histogram(
            "accept_seconds", "Understood until committed", _SECONDS, "partner"
        )
        self._delivery_seconds = self._histogram(
            "delivery_seconds", "One attempt or resolution", _SECONDS, "partner"
        )
        self._group = self._histogram("store_group_size", "Units committed together", _GROUPS)
        self._backlog = self._gauge(
            "deliveries_now", "Deliveries in each state that is not final", "partner", "state"
        )
        self._up = self._gauge("partner_up", "1 where the partner is believed to be reachable", "partner")
        self._in_flight = self._gauge("deliveries_in_flight", "Deliveries under way", "partner")
        self._children: dict[tuple[str, str, str], tuple[Counter, Histogram | None]] = {}
        self._known: set[tuple[str, str]] = set()
        ProcessCollector(registry=self.registry)

    def accepted(self, partner: str, message_type: str, seconds: float) -> None:
        """A message was committed, `seconds` after it had been understood."""
        found = self._children.get(("accepted", partner, message_type))
        counter, histogram = found or self._child("accepted", partner, message_type)
        counter.inc()
        if histogram is not None:
            histogram.observe(seconds)

    def repeated(self, partner: str, message_type: str) -> None:
        """A message came again."""
        self._count("repeated", partner, message_type)

    def refused(self, partner: str, code: str) -> None:
        """Input was not accepted."""
        self._count("refused", partner, code)

    def attempted(self, partner: str) -> None:
        """An attempt is about to be made."""
        self._count("attempts", partner, "")

    def ended(self, partner: str, state: str, seconds: float) -> None:
        """An attempt or a resolution led to `state`, `seconds` after it began."""
        found = self._children.get(("ended", partner, state))
        counter, histogram = found or self._child("ended", partner, state)
        counter.inc()
        if histogram is not None:
            histogram.observe(seconds)

    def grouped(self, units: int) -> None:
        """The store committed so many units together."""
        self._group.observe(units)

    def backlog(self, counts: Mapping[tuple[str, str], int]) -> None:
        """What the store counted: (partner, state) → deliveries, final ones left out. What is gone becomes 0."""
        owed = {key: count for key, count in counts.items() if key[1] not in FINAL}
        for key in self._known - owed.keys():
            self._backlog.labels(*key).set(0)
        for key, count in owed.items():
            self._backlog.labels(*key).set(count)
        self._known |= owed.keys()

    def partner_up(self, partner: str, up: bool) -> None:
        """Whether the partner is believed to be reachable."""
        self._up.labels(partner).set(up)

    def watch_partner(self, partner: str, *, up: Ask | None = None, in_flight: Ask | None = None) -> None:
        """Asks for these values whenever somebody looks."""
        if up is not None:
            self._up.labels(partner).set_function(up)
        if in_flight is not None:
            self._in_flight.labels(partner).set_function(in_flight)

    def watch(self, name: str, help_text: str, ask: Ask) -> None:
        """One more gauge without labels, asked whenever somebody looks."""
        self._gauge(name, help_text).set_function(ask)

    def watch_bus(self, *, connected: Ask, unconfirmed: Ask) -> None:
        """The state of the bus."""
        self.watch("bus_connected", "1 while the bus can be used", connected)
        self.watch("bus_unconfirmed", "Publishes that wait for confirmation", unconfirmed)

    def watch_audit(self, *, size: Ask, backlog: Ask, checkpoint_age: Ask) -> None:
        """The state of the audit log."""
        self.watch("audit_entries", "Entries in the audit log", size)
        self.watch("audit_backlog", "Entries committed but not yet in the log", backlog)
        self.watch("audit_checkpoint_age_seconds", "Age of the last signed checkpoint", checkpoint_age)

    def build(self, **facts: str) -> None:
        """Which program this is: version, node, bus."""
        Info("tongqu_build", "Which gateway this is", registry=self.registry).info(facts)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _count(self, kind: str, partner: str, label: str) -> None:
        found = self._children.get((kind, partner, label))
        (found or self._child(kind, partner, label))[0].inc()

    def _child(self, kind: str, partner: str, label: str) -> tuple[Counter, Histogram | None]:
        """Looks up the labelled children once. Past the limit all further labels count as `other`."""
        if len(self._children) >= _LABELS:
            label = "other"
        counter = {
            "accepted": self._accepted,
            "repeated": self._repeated,
            "refused": self._refused,
            "attempts": self._attempts,
            "ended": self._ended,
        }[kind]
        histogram = {"accepted": self._accept_seconds, "ended": self._delivery_seconds}.get(kind)
        labels = (partner,) if kind == "attempts" else (partner, label)
        child = counter.labels(*labels), None if histogram is None else histogram.labels(partner)
        self._children[kind, partner, label] = child
        return child

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"tongqu_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"tongqu_{name}", help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"tongqu_{name}", help_text, labels, registry=self.registry, buckets=buckets)

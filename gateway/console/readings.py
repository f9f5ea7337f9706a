"""What the gateway tells of itself at `/metrics`, as figures: totals since its start, and what follows from two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_COUNTED: Final = {
    "tongqu_messages_accepted_total": "accepted",
    "tongqu_messages_refused_total": "refused",
}
_ASKED: Final = {"tongqu_partner_up": "up", "tongqu_deliveries_in_flight": "in_flight"}


@dataclass(slots=True)
class Flow:
    """One partner. Totals count since the gateway's start."""

    accepted: float = 0.0  #: messages from it
    refused: float = 0.0  #: inputs from it
    delivered: float = 0.0  #: deliveries to it that it accepted
    up: float | None = None  #: None: nothing is delivered to it
    in_flight: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at `/metrics`."""

    started: float = 0.0  #: of the process, seconds since 1970: another one means that totals began anew
    build: Mapping[str, str] = field(default_factory=dict)  #: version, node, bus
    flows: Mapping[str, Flow] = field(default_factory=dict)  #: by partner
    buckets: Mapping[float, float] = field(default_factory=dict)  #: seconds → accepted within that time


def read(exposition: str) -> Reading:
    """The figures in Prometheus' text format.

    Raises:
        ValueError: it is something else.
    """
    started, build = 0.0, dict[str, str]()
    flows: defaultdict[str, Flow] = defaultdict(Flow)
    buckets: defaultdict[float, float] = defaultdict(float)
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            name, labels, value = sample.name, sample.labels, sample.value
            if (total := _COUNTED.get(name)) is not None:
                flow = flows[labels["partner"]]
                setattr(flow, total, getattr(flow, total) + value)
            elif (gauge := _ASKED.get(name)) is not None:
                setattr(flows[labels["partner"]], gauge, value)
            elif name == "tongqu_deliveries_total" and labels["state"] == "accepted":
                flows[labels["partner"]].delivered += value
            elif name == "tongqu_accept_seconds_bucket":
                buckets[float(labels["le"])] += value
            elif name == "process_start_time_seconds":
                started = value
            elif name == "tongqu_build_info":
                build = dict(labels)
    return Reading(started, build, dict(flows), dict(buckets))


Total = Callable[[Reading], float]


def total(name: str, partner: str | None = None) -> Total:
    """Gives one of the totals of `Flow`: of one partner, or of all together."""

    def of(reading: Reading) -> float:
        flows = reading.flows.values() if partner is None else (reading.flows.get(partner, Flow()),)
        return float(sum(getattr(flow, name) for flow in flows))

    return of


def gained(before: Reading, after: Reading, what: Total) -> float:
    """How much a total grew; all of it where the gateway was started again in between."""
    return what(after) - (what(before) if before.started == after.started else 0.0)


def growth(readings: Sequence[Reading], what: Total) -> float:
    """How much a total grew over successive readings."""
    return sum(gained(before, after, what) for before, after in pairwise(readings))


def waiting_times(readings: Sequence[Reading]) -> dict[float, float]:
    """The histogram of what was accepted over successive readings: seconds → how many within that time."""
    edges = {edge for reading in readings for edge in reading.buckets}
    return {
        edge: growth(readings, lambda reading, at=edge: reading.buckets.get(at, 0.0))  # type: ignore[misc]
        for edge in sorted(edges)
    }


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """The time within which a share of all were done, in seconds; None where there were none.

    Within a bucket as if spread evenly, as Prometheus does; beyond the last edge: the last edge."""
    every = buckets.get(float("inf"), 0.0)
    if not every:
        return None
    rank, below, edge_below = share * every, 0.0, 0.0
    for edge, count in sorted(buckets.items()):
        if count >= rank:
            if edge == float("inf"):
                return edge_below
            inside = count - below
            return edge_below + (edge - edge_below) * ((rank - below) / inside if inside else 1.0)
        below, edge_below = count, edge
    return edge_below

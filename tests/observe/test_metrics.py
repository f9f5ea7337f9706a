"""What Prometheus sees."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.engine.observe.metrics import Metrics


def _samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_counts_and_spans() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.accepted("h", "claim", 0.003)
    metrics.repeated("h", "claim")
    metrics.refused("h", "malformed")
    metrics.attempted("c")
    metrics.ended("c", "accepted", 0.2)
    metrics.grouped(17)
    seen = _samples(metrics)
    assert seen["tongqu_messages_accepted_total", (("partner", "h"), ("type", "claim"))] == 3
    assert seen["tongqu_messages_repeated_total", (("partner", "h"), ("type", "claim"))] == 1
    assert seen["tongqu_messages_refused_total", (("code", "malformed"), ("partner", "h"))] == 1
    assert seen["tongqu_delivery_attempts_total", (("partner", "c"),)] == 1
    assert seen["tongqu_deliveries_total", (("partner", "c"), ("state", "accepted"))] == 1
    assert seen["tongqu_accept_seconds_count", (("partner", "h"),)] == 3
    assert seen["tongqu_accept_seconds_bucket", (("le", "0.005"), ("partner", "h"))] == 3
    assert seen["tongqu_delivery_seconds_count", (("partner", "c"),)] == 1
    assert seen["tongqu_store_group_size_sum", ()] == 17


def test_a_backlog_that_is_gone_is_zero() -> None:
    metrics = Metrics()
    metrics.backlog({("c", "in-doubt"): 2, ("c", "dead"): 1, ("c", "accepted"): 9})
    metrics.backlog({("c", "dead"): 4, ("c", "rejected"): 1, ("c", "reversed"): 1})
    seen = _samples(metrics)
    assert seen["tongqu_deliveries_now", (("partner", "c"), ("state", "in-doubt"))] == 0
    assert seen["tongqu_deliveries_now", (("partner", "c"), ("state", "dead"))] == 4
    states = {dict(labels)["state"] for name, labels in seen if name == "tongqu_deliveries_now"}
    assert states == {"in-doubt", "dead"}  # what is final only grows: that is counted elsewhere


def test_gauges_ask_when_somebody_looks() -> None:
    metrics = Metrics()
    state = {"up": 1.0}
    metrics.watch_partner("c", up=lambda: state["up"], in_flight=lambda: 5)
    metrics.watch_bus(connected=lambda: 1, unconfirmed=lambda: 9)
    metrics.watch_audit(size=lambda: 100, backlog=lambda: 3, checkpoint_age=lambda: 0.5)
    metrics.build(version="1", node="n")
    state["up"] = 0.0
    seen = _samples(metrics)
    assert seen["tongqu_partner_up", (("partner", "c"),)] == 0
    assert seen["tongqu_deliveries_in_flight", (("partner", "c"),)] == 5
    assert seen["tongqu_bus_unconfirmed", ()] == 9
    assert seen["tongqu_audit_checkpoint_age_seconds", ()] == 0.5
    assert seen["tongqu_build_info", (("node", "n"), ("version", "1"))] == 1


def test_labels_from_outside_cannot_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(3000):
        metrics.refused("h", f"code-{number}")
    seen = _samples(metrics)
    assert seen["tongqu_messages_refused_total", (("code", "other"), ("partner", "h"))] == 1000
    assert len([name for name, _ in seen if name == "tongqu_messages_refused_total"]) <= 2001

"""How the console knows the gateway: a real one, killed and started again; and the arithmetic of its figures."""

from __future__ import annotations

import dataclasses
import http.server
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.console.pulse import Pulse, Snapshot
from gateway.console.readings import Flow, Reading, growth, quantile, read, total, waiting_times
from gateway.engine.config import Configuration
from gateway.engine.observe.metrics import Metrics
from tests.console.beside import beside, seen
from tests.console.conftest import STATES
from tests.twisted_runner import sleep


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that neither works nor ends."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def writer_of(gateway: int) -> int:
    """The process that writes the gateway's database: its only child."""
    return int(Path(f"/proc/{gateway}/task/{gateway}/children").read_text("ascii").split()[0])


async def test_a_gateway_that_is_killed_and_started_again(tmp_path: Path) -> None:
    with beside(tmp_path) as there:
        pulse = there.room.pulse
        first = pulse.look()
        assert first.answers
        assert first.ready
        assert first.silent_since is None
        assert [(part.name, part.ok) for part in first.parts] == [
            ("store", True),
            ("bus", True),
            ("audit", True),
            ("receivers", True),
        ]
        assert first.reading is not None
        assert first.reading.build["node"] == "gw-1"
        assert first.books.alive

        await there.settle(1, 2, 3)
        second = pulse.look()
        readings = [look.reading for look in (first, second) if look.reading is not None]
        assert growth(readings, total("accepted", "hospital-a")) == 3
        assert growth(readings, total("delivered", "province")) == 3
        assert growth(readings, total("accepted", "hospital-c")) == 0
        assert readings[1].flows["province"].up == 1.0
        assert 0 < (quantile(0.5, waiting_times(readings)) or 0) < 5
        assert second.books.counts["province", "accepted"] == 3
        await sleep((second.books.day.took if second.books.day else 0) / 1000 * 60)
        day = pulse.look().books.day
        assert day is not None
        assert (day.messages, day.deliveries) == (3, {"accepted": 3})

        process = there.stage.gateway
        assert process is not None
        with stopped(writer_of(process.pid)):
            stuck = pulse.look()
        assert stuck.answers
        assert not stuck.ready
        assert [(part.zh, part.ok) for part in stuck.parts if part.name == "store"] == [
            ("2 秒内没有应答", False)
        ]
        with stopped(process.pid):
            hung = pulse.look()
        assert hung.hangs
        assert "进程可能卡住" in there.browser.get("/").text
        assert hung.silence == ("5 秒内没有应答", "no answer within 5 s")
        await seen(pulse, lambda look: look.ready and look.books.alive)

        there.stage.kill_gateway()
        last_answer = pulse.history()[-1].at
        silent = pulse.look()
        assert not silent.answers
        assert not silent.ready
        assert not silent.unseen
        assert not silent.hangs
        assert silent.silent_since == last_answer
        assert silent.silence == ("端口没有打开", "nothing listens there")
        assert silent.books.counts["province", "accepted"] == 3
        assert silent.books.problem is None
        assert silent.books.alive, "its lease lasts a few seconds"
        later = await seen(pulse, lambda look: not look.books.alive)
        assert later.silent_since == last_answer

        there.stage.start_gateway()
        await there.settle(4, 5)
        again = pulse.look()
        assert again.ready
        assert again.silent_since is None
        assert again.reading is not None
        assert growth([*readings, again.reading], total("accepted")) == 5, "totals began anew"


def test_what_waits_for_people(configuration: Configuration) -> None:
    seen = Pulse(configuration).look()
    assert seen.unseen
    assert not seen.answers
    assert seen.books.people == {"dead": 1, "in-doubt": 1, "held": 1}
    assert (seen.work, seen.proposals) == (3, 0)
    assert [seen.backlog("centre", state) for state in STATES] == [1] * len(STATES)
    assert seen.backlog("centre", "dead", "in-doubt", "sending") == 2


def test_a_store_that_goes_away_leaves_its_last_figures(configuration: Configuration) -> None:
    pulse = Pulse(configuration)
    before = pulse.look()
    path = configuration.gateway.store.sqlite_path
    assert path is not None
    Path(path).rename(Path(path).with_name("elsewhere.db"))
    after = pulse.look()
    assert after.books.problem is not None
    assert (after.books.people, after.books.at) == (before.books.people, before.books.at)


@contextmanager
def answering(status: int, ready: bytes, metrics: bytes = b"") -> Iterator[str]:
    """Something that listens where the gateway should; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 200)
            self.end_headers()
            self.wfile.write(ready if self.path == "/readyz" else metrics)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def at(configuration: Configuration, listen: str) -> Snapshot:
    """A look at a gateway that is said to listen there."""
    admin = configuration.gateway.admin.model_copy(update={"listen": listen})
    gateway = configuration.gateway.model_copy(update={"admin": admin})
    return Pulse(dataclasses.replace(configuration, gateway=gateway)).look()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"parts": 3}', b'{"parts": {"store": 1}}', b"\xff"])
def test_something_else_answers(configuration: Configuration, body: bytes) -> None:
    with answering(200, body) as listen:
        seen = at(configuration, listen)
    assert not seen.answers
    assert seen.silence is not None
    assert "admin.listen" in seen.silence[0]


def test_metrics_that_are_none(configuration: Configuration) -> None:
    with answering(200, b'{"ready": true, "parts": {}}', b"tongqu_messages_accepted_total{ 1") as listen:
        assert not at(configuration, listen).answers


def test_not_ready_says_which_part_and_why(configuration: Configuration) -> None:
    part = {"ok": False, "zh": "磁盘已满", "en": "disk full"}
    body = msgspec.json.encode({"ready": False, "parts": {"store": part}})
    with answering(503, body, Metrics().exposition()) as listen:
        seen = at(configuration, listen)
        everywhere = at(configuration, listen.replace("127.0.0.1", "0.0.0.0"))
    assert seen.answers
    assert not seen.ready
    assert seen.parts[0].zh == "磁盘已满"
    assert everywhere.answers, "where the gateway listens everywhere, it is asked at home"


def test_the_thread_goes_on_looking_until_it_is_stopped(configuration: Configuration) -> None:
    pulse = Pulse(configuration, interval=0.05)
    pulse.start()
    deadline = time.monotonic() + 20
    while len(pulse.history()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    pulse.stop()
    seen = len(pulse.history())
    assert seen >= 3
    time.sleep(0.3)
    assert len(pulse.history()) <= seen + 1, "a look under way may still end"


def test_figures_are_read_from_what_the_gateway_exposes() -> None:
    metrics = Metrics()
    metrics.build(version="1", node="n", bus="b")
    for kind in ("a.v1", "b.v1"):
        metrics.accepted("clinic", kind, 0.003)
    metrics.refused("clinic", "field")
    metrics.ended("centre", "accepted", 0.1)
    metrics.ended("centre", "dead", 0.1)
    metrics.watch_partner("centre", up=lambda: 0.0, in_flight=lambda: 7.0)
    found = read(metrics.exposition().decode())
    assert found.flows["clinic"] == Flow(accepted=2, refused=1)
    assert found.flows["centre"] == Flow(delivered=1, up=0.0, in_flight=7.0)
    assert found.build == {"version": "1", "node": "n", "bus": "b"}
    assert found.started > 0
    assert found.buckets[0.002] == 0
    assert found.buckets[0.005] == found.buckets[float("inf")] == 2


counted = some.lists(some.tuples(some.integers(0, 3), some.integers(0, 1000)), min_size=2, max_size=20)


@given(counted)
def test_growth_is_never_negative_and_never_more_than_was_counted(steps: list[tuple[int, int]]) -> None:
    """(whether the gateway was started again where 0, how much was counted): the sum of all that was counted since the
    first look, whatever happened in between."""
    started, value, readings, counted_since = 1.0, 0, [], 0
    for number, (again, more) in enumerate(steps):
        if again == 0 and number:
            started, value = started + 1, 0
        value += more
        counted_since += more if number else 0
        readings.append(Reading(started, flows={"p": Flow(accepted=value)}))
    assert growth(readings, total("accepted", "p")) == counted_since


times = some.lists(some.floats(0, 40), min_size=1, max_size=50)
EDGES = (0.002, 0.01, 0.1, 1.0, 10.0, float("inf"))


@given(times, some.floats(0.01, 1.0))
def test_a_quantile_is_not_beyond_the_bucket_of_its_rank(taken: list[float], share: float) -> None:
    buckets = {edge: float(sum(time <= edge for time in taken)) for edge in EDGES}
    found = quantile(share, buckets)
    assert found is not None
    rank = share * len(taken)
    below = [edge for edge in EDGES if edge < found]
    assert not below or buckets[below[-1]] <= rank
    above = next(edge for edge in EDGES if edge >= found)
    assert buckets[above] >= rank or found == 10.0, "beyond the last edge: the last edge"


@given(times, some.floats(0.01, 1.0), some.floats(0.01, 1.0))
def test_quantiles_rise(taken: list[float], one: float, other: float) -> None:
    buckets = {edge: float(sum(time <= edge for time in taken)) for edge in EDGES}
    low, high = (quantile(share, buckets) or 0.0 for share in sorted((one, other)))
    assert low <= high


def test_no_times_no_quantile() -> None:
    assert quantile(0.5, {}) is None
    assert quantile(0.5, {0.1: 0.0, float("inf"): 0.0}) is None

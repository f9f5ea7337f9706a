"""`make bench`: the reference job, its floor and a peer, measured in one run on one machine.

    SOAP in (3 KiB, 32 keep-alive connections, a load program of its own) → validated → canonical → committed
    → RabbitMQ → the partner's format → HTTP POST → acknowledged

Absolute figures drift with the machine; the ratios to the floor and the peer of the same run are what counts.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import gateway_config
from bench.processes import ask, drained, load, running, usage
from gateway.bus.private_broker import PrivateBroker

VAR = Path("var/bench")
LOG = VAR / "bench.log"


@dataclass(frozen=True, slots=True)
class Job:
    """A system under test: where to post to, and whose CPU to count."""

    url: str
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """What all runs share."""

    amqp: str
    sink: int
    seconds: float


@contextmanager
def floor(stage: Stage) -> Iterator[Job]:
    """The bare steps."""
    target = f"http://127.0.0.1:{stage.sink}/"
    with (
        running("-m", "bench.floor", "deliver", stage.amqp, target, log=LOG) as (far, _),
        running("-m", "bench.floor", "edge", stage.amqp, log=LOG) as (near, port),
    ):
        yield Job(f"http://127.0.0.1:{port}/soap", (near.pid, far.pid))


@contextmanager
def peer(stage: Stage) -> Iterator[Job]:
    """The same job in FastStream."""
    port = gateway_config.free_port()
    environment = {"PEER_AMQP": stage.amqp, "PEER_SINK": f"http://127.0.0.1:{stage.sink}/"}
    command = ("-m", "uvicorn", "bench.peer_faststream:app", "--port", str(port), "--log-level", "error")
    with running(*command, wait_line=False, log=LOG, environment=environment) as (process, _):
        time.sleep(4)
        yield Job(f"http://127.0.0.1:{port}/soap", (process.pid,))


@contextmanager
def gateway(stage: Stage, config: Path, url: str, admin: int) -> Iterator[Job]:
    """The gateway, everything on."""
    command = ("-m", "gateway", "run", "--config", str(config))
    with running(*command, wait_line=False, log=LOG) as (process, _):
        ready(admin, process)
        yield Job(url, (process.pid,))


def ready(admin: int, process: subprocess.Popen[str]) -> None:
    """Waits for `/readyz`."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            if ask(admin, path="/readyz").get("ready"):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the gateway did not become ready; see {LOG}")


def measure(stage: Stage, job: Job, series: str) -> dict[str, float]:
    """Warm up, load for a while, wait until everything has arrived."""
    load(job.url, "--seconds", "1.5", "--series", f"{series}w")
    time.sleep(0.5)
    ask(stage.sink, "DELETE")
    before = usage(*job.pids)
    result = load(job.url, "--seconds", str(stage.seconds), "--series", series)
    far = drained(stage.sink, int(result["accepted"]))
    after = usage(*job.pids)
    took = max(far["last"] - far["first"], 0.001)
    return {
        **result,
        "delivered": far["settled"],
        "delivered_per_s": far["settled"] / took,
        "cpu_s_per_1000": (after.cpu - before.cpu) / max(far["settled"], 1) * 1000,
        "peak_mb": after.peak_mb,
        "lost": result["accepted"] - far["settled"],
        "duplicates": far["second_effects"],
    }


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Of every figure; losses and duplicates add up."""
    result = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    for key in ("lost", "duplicates", "failed"):
        result[key] = sum(run[key] for run in runs)
    return result


def calm(stage: Stage, job: Job) -> dict[str, float]:
    """200 messages a second, as a working day has them."""
    return load(job.url, "--seconds", "5", "--rate", "200", "--connections", "32", "--series", "c")


def round_trip(stage: Stage, job: Job) -> dict[str, float]:
    """Requests that wait for the province's answer, at 100 a second."""
    return load(job.url, "--seconds", "4", "--rate", "100", "--wait", "--series", "r")


def killed(stage: Stage) -> dict[str, float]:
    """SIGKILL in mid-load, a restart, and then the count."""
    config, url, admin = gateway_config.write(VAR / "killed", sink=stage.sink, amqp=stage.amqp)
    ask(stage.sink, "DELETE")
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    loader = [sys.executable, "-m", "bench.load", url, "--seconds", "4", "--series", "k", "--survive"]
    with LOG.open("a") as log:
        first = subprocess.Popen(command, stdout=log, stderr=log)
        ready(admin, first)
        loading = subprocess.Popen(loader, stdout=subprocess.PIPE, text=True)
        time.sleep(2.5)
        first.send_signal(signal.SIGKILL)
        first.wait()
        accepted = json.loads(loading.communicate()[0])["accepted"]
        with gateway(stage, config, url, admin):
            far = drained(stage.sink, int(accepted), 60)
    return {
        "accepted": accepted,
        "lost": max(0, accepted - far["settled"]),
        "duplicates": far["second_effects"],
    }


def in_turns(
    stage: Stage, rounds: int, jobs: dict[str, Callable[[int], Any]]
) -> dict[str, list[dict[str, float]]]:
    """A B C, A B C …: drift of the machine meets all alike."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name, opened in jobs.items():
            ask(stage.sink, "DELETE")
            with opened(number) as job:
                runs[name].append(measure(stage, job, f"{number}{name[0]}"))
                one = runs[name][-1]
            print(
                f"  {name:<10} {one['accepted_per_s']:7.0f} accepted/s  {one['delivered_per_s']:7.0f} delivered/s"
                f"  p50 {one['p50_ms']:6.1f}  p99 {one['p99_ms']:6.1f} ms  {one['cpu_s_per_1000']:5.2f} CPU s/1000"
                f"  {one['peak_mb']:4.0f} MB",
                flush=True,
            )
    return runs


def reference(stage: Stage, rounds: int, *, with_peer: bool) -> dict[str, Any]:
    """All figures of the reference job."""

    def fresh(number: int) -> Any:
        written = gateway_config.write(VAR / f"run{number}", sink=stage.sink, amqp=stage.amqp)
        return gateway(stage, *written)

    jobs: dict[str, Callable[[int], Any]] = {"floor": lambda _: floor(stage), "gateway": fresh}
    if with_peer:
        jobs["faststream"] = lambda _: peer(stage)
    runs = in_turns(stage, rounds, jobs)
    ours, lowest = medians(runs["gateway"]), medians(runs["floor"])
    result: dict[str, Any] = {**ours, "floor_per_s": lowest["delivered_per_s"], "floor": lowest}
    result["ratio_to_floor"] = ours["delivered_per_s"] / lowest["delivered_per_s"]
    if with_peer:
        result["faststream"] = medians(runs["faststream"])
        result["ratio_to_faststream"] = ours["delivered_per_s"] / result["faststream"]["delivered_per_s"]
    with fresh(99) as job:
        load(job.url, "--seconds", "1", "--series", "w")
        result["calm"] = calm(stage, job)
        result["round_trip"] = round_trip(stage, job)
    result["killed"] = killed(stage)
    result["lost"] += result["killed"]["lost"]
    result["duplicates"] += result["killed"]["duplicates"]
    return result


def report(figures: dict[str, Any]) -> None:
    """The table."""
    rows = [
        ("delivered/s", figures["delivered_per_s"], "≥ 1000"),
        ("ratio to the floor", figures["ratio_to_floor"], "≥ 0.5"),
        ("ratio to FastStream", figures.get("ratio_to_faststream", float("nan")), "≥ 3"),
        ("accepted/s", figures["accepted_per_s"], ""),
        ("p50 of the acknowledgement, ms", figures["p50_ms"], ""),
        ("p99 of the acknowledgement, ms", figures["p99_ms"], "≤ 90"),
        ("p99 at 200/s, ms", figures["calm"]["p99_ms"], "≤ 25"),
        ("request/reply p50 at 100/s, ms", figures["round_trip"]["p50_ms"], "≤ 15"),
        ("CPU s per 1,000", figures["cpu_s_per_1000"], "≤ 1.0"),
        ("peak memory, MB", figures["peak_mb"], "≤ 150"),
        ("lost, SIGKILL included", figures["lost"], "0"),
        ("second effects, SIGKILL included", figures["duplicates"], "0"),
    ]
    print()
    for name, value, target in rows:
        print(f"  {name:<36}{value:>10.2f}   {target}")


def main() -> None:
    """Parses the arguments, measures, writes `var/bench/latest.json`."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--seconds", type=float, default=6, help="length of one load run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    VAR.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        broker = PrivateBroker(VAR / "broker")
        broker.start()
        stack.callback(broker.stop)
        _, sink = stack.enter_context(running("-m", "bench.sink", log=LOG))
        stage = Stage(broker.url, int(sink), options.seconds)
        figures = reference(stage, options.rounds, with_peer=not options.no_peer)
    report(figures)
    (VAR / "latest.json").write_text(json.dumps({"reference": figures}, indent=2) + "\n")
    print(f"\n  {VAR / 'latest.json'}")


if __name__ == "__main__":
    main()

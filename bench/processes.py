"""Starting, measuring and ending the processes of a run."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes have used so far."""

    cpu: float  #: seconds
    peak_mb: float


def family(pid: int) -> list[int]:
    """A process and its children."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(int(child) for task in tasks for child in task.read_text().split())]


def usage(*pids: int) -> Usage:
    """CPU and memory of running processes and their children, added up; memory as each one's proportional share.

    Taken at the end of a run, when it is at its highest: what Python has once taken it rarely gives back.
    """
    cpu, peak = 0.0, 0.0
    for pid in (member for head in pids for member in family(head)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / _TICK
        memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
        peak += int(memory.split("\nPss:")[1].split()[0]) / 1024
    return Usage(cpu, peak)


@contextlib.contextmanager
def running(
    *command: str, wait_line: bool = True, log: Path | None = None, environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process for the time of a block, and the first line it printed. It does not outlive the block."""
    errors = log.open("a") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE if wait_line else errors,
        stderr=errors,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        line = process.stdout.readline().strip() if wait_line and process.stdout else ""
        if wait_line and not line:
            raise RuntimeError(f"{command} did not start; see {log}")
        yield process, line
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def load(url: str, *arguments: str) -> dict[str, float]:
    """Runs the load program to its end."""
    command = [sys.executable, "-m", "bench.load", url, *arguments]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return result


def ask(port: int, method: str = "GET", path: str = "/stats") -> Any:
    """The far end's (or the gateway's) word, as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    return json.loads(connection.getresponse().read())


def drained(port: int, expected: int, seconds: float = 120) -> dict[str, Any]:
    """Waits until the far end has `expected` settlements, or nothing moves any more."""
    end = time.monotonic() + seconds
    quiet = 0
    stats = ask(port)
    while stats["settled"] < expected and time.monotonic() < end and quiet < 100:
        time.sleep(0.2)
        now = ask(port)
        quiet = quiet + 1 if now == stats else 0
        stats = now
    return dict(stats)

"""A program that is killed again and again, and goes on each time from where it was left."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path


def killed_again_and_again(module: str, function: str, folder: Path, *, kills: int, within: float) -> None:
    """Runs a coroutine function with the folder, in a process of its own that says when it is ready; kills that at most so
    many times, each `within` so many seconds, and returns when it has come to its end.

    Raises:
        AssertionError: it failed by itself, or was done before it could be killed more than twice.
    """
    chance = random.Random(20261122)
    program = (
        f"import sys; from pathlib import Path; from {module} import {function}\n"
        "from tests.twisted_runner import run, shut_down\n"
        f"run({function}(Path(sys.argv[1])), timeout=120); shut_down()"
    )
    killed = 0
    while True:
        child = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        if killed < kills:
            time.sleep(chance.uniform(0.0, within))
            child.kill()
        ended = child.wait(120)
        child.stdout.close()
        if ended == 0:
            break
        assert ended == -9
        killed += 1
    assert killed > 2

"""The writer in a process of its own: the same promises, and what is new, its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.contract import ConfigError
from gateway.store import FateUnknown, SqlStore, StoreSettings, open_store
from tests.store.opening import opened
from tests.store.samples import *  # noqa: F403
from tests.store.test_audit_source import *  # noqa: F403
from tests.store.test_reads import *  # noqa: F403
from tests.store.test_units import *  # noqa: F403
from tests.twisted_runner import run, sleep


@pytest.fixture
def settings(tmp_path: Path) -> StoreSettings:
    """Replaces the fixture of the shared suite for the tests imported above."""
    return StoreSettings.model_validate({"url": f"sqlite:///{tmp_path}/gateway.db", "writer": "process"})


def test_a_second_gateway_is_told_who_holds_the_database(settings: StoreSettings, store: SqlStore) -> None:
    from twisted.internet import reactor

    second = open_store(settings, reactor)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        run(second.start())
    assert f"pid {os.getpid()}" in caught.value.en


def test_its_death_is_noticed_and_nobody_is_told_that_nothing_happened(settings: StoreSettings) -> None:
    store = opened(settings)
    lost: list[bool] = []
    store.on_lost(lambda: lost.append(True))
    process = store._writer._process  # type: ignore[union-attr]
    os.kill(process.pid, signal.SIGSTOP)
    waiting = store.reserve("series", 1)
    run(sleep(0.1))
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(FateUnknown):
        run(waiting)
    assert lost == [True]
    process.wait()


def _ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie."""
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_it_dies_with_the_gateway(tmp_path: Path) -> None:
    program = f"""
import sys
from tests.store.opening import opened
from gateway.store import StoreSettings
store = opened(StoreSettings.model_validate({{"url": "sqlite:///{tmp_path}/gateway.db"}}))
print(store._writer._process.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(1500):
        if _ended(child):
            break
        time.sleep(0.02)
    else:
        pytest.fail("the store process outlived its gateway")
    store = opened(StoreSettings.model_validate({"url": f"sqlite:///{tmp_path}/gateway.db"}))
    run(store.stop())

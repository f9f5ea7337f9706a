"""Failures and kills at every file operation of a step; afterwards the log is what it would have been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.integrator import Integrator
from gateway.audit.verify import verify_log
from tests.audit.support import (
    SIGNER,
    BrokenDisk,
    MemorySource,
    QuickDisk,
    SqliteSource,
    contents,
    integrate,
    kill_self,
    make_log,
    needed,
    raise_error,
)

FIRST, SECOND = 250, 300
TOTAL = FIRST + SECOND


def expected(tmp_path: Path) -> dict[str, bytes]:
    """The folder if nothing had happened."""
    make_log(tmp_path / "expected", FIRST, SECOND)
    return contents(tmp_path / "expected")


def check_interrupted(path: Path, saved: bytes) -> None:
    """Whatever stands there is a whole log, either of the old size or of the new one."""
    report = verify_log(path, SIGNER.vkey, since=saved)
    assert report.ok, report.problems
    assert report.entries in (FIRST, TOTAL)


def each_operation(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A new folder and the number of the operation to strike, until a step has no more operations."""
    for number in range(200):
        yield tmp_path / str(number), number
    raise AssertionError("a step does not end")


@pytest.mark.parametrize("torn", [False, True])
def test_an_error_at_every_operation(tmp_path: Path, torn: bool) -> None:
    wanted = expected(tmp_path)
    for path, number in each_operation(tmp_path):
        source = make_log(path, FIRST)
        saved = (path / "checkpoint").read_bytes()
        source.commit(SECOND)
        disk = BrokenDisk(number, raise_error, torn)
        integrator = Integrator(source, path, SIGNER, disk=disk)
        try:
            integrator.step()
        except OSError:
            check_interrupted(path, saved)
        if number % 2:  # the same process tries again, or a new one
            integrator.drain()
            integrator.close()
        else:
            integrator.close()
            integrate(source, path)
        assert contents(path) == wanted, number
        if not disk.struck:
            break
    assert number > 30


def test_a_kill_at_every_operation(tmp_path: Path) -> None:
    wanted = expected(tmp_path)
    for path, number in each_operation(tmp_path):
        source = make_log(path, FIRST)
        saved = (path / "checkpoint").read_bytes()
        source.commit(SECOND)
        killed = step_and_die(source, path, number)
        source.indexed = TOTAL  # the child's store was a copy; a real one has the indices
        check_interrupted(path, saved)
        integrate(source, path)
        assert contents(path) == wanted, number
        if not killed:
            break
    assert number > 30


def step_and_die(source: MemorySource, path: Path, number: int) -> bool:
    """Run a step in a process of its own that kills itself; whether it did."""
    child = os.fork()
    if child == 0:
        try:
            Integrator(source, path, SIGNER, disk=BrokenDisk(number, kill_self)).step()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("committed", [False, True])
def test_an_error_of_the_store(tmp_path: Path, committed: bool) -> None:
    """Also when the transaction went through and only its answer was lost."""

    class LosingSource(MemorySource):
        lose = True

        def sequence(self, first_index: int, entry_ids: object) -> None:
            if committed or not self.lose:
                super().sequence(first_index, entry_ids)  # type: ignore[arg-type]
            if self.lose:
                self.lose = False
                raise ConnectionError

    source = LosingSource(400)
    integrator = Integrator(source, tmp_path, SIGNER, disk=QuickDisk())
    with pytest.raises(ConnectionError):
        integrator.step()
    source.commit(100)
    assert integrator.drain().size == 500
    integrator.close()
    make_log(tmp_path / "expected", 500)
    assert needed(tmp_path, 500) == needed(tmp_path / "expected", 500)


def test_entries_that_arrive_during_the_outage_come_after(tmp_path: Path) -> None:
    source = make_log(tmp_path, FIRST)
    source.commit(SECOND)
    with pytest.raises(OSError, match="injected"):
        integrate(source, tmp_path, BrokenDisk(5, raise_error))
    source.commit(1000)
    assert integrate(source, tmp_path, limit=77) == TOTAL + 1000
    make_log(tmp_path / "expected", TOTAL + 1000)
    assert needed(tmp_path, TOTAL + 1000) == needed(tmp_path / "expected", TOTAL + 1000)


def test_a_failing_first_start(tmp_path: Path) -> None:
    for path, number in each_operation(tmp_path):
        disk = BrokenDisk(number, raise_error, torn=True)
        try:
            integrate(MemorySource(), path, disk)
        except OSError:
            integrate(MemorySource(), path)
        assert verify_log(path, SIGNER.vkey).ok
        if not disk.struck:
            break


CHILD = """
import sys
from pathlib import Path
from gateway.audit.integrator import Integrator
from tests.audit.support import SIGNER, SqliteSource
folder = Path(sys.argv[1])
source = SqliteSource(folder / "store.db")
integrator = Integrator(source, folder / "log", SIGNER, limit=150)
while True:
    source.commit(100)
    print(integrator.step().size, flush=True)
"""


def test_kills_at_any_time(tmp_path: Path) -> None:
    """A real process with a real store and real syncs, killed three times wherever it happens to be."""
    saved, size = None, 0
    for delay in (0.11, 0.17, 0.05):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        assert child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        report = verify_log(tmp_path / "log", SIGNER.vkey, since=saved)
        assert report.ok, report.problems
        assert report.entries >= size
        saved, size = (tmp_path / "log" / "checkpoint").read_bytes(), report.entries
    source = SqliteSource(tmp_path / "store.db")
    total = integrate(source, tmp_path / "log")
    assert total == source.committed() >= 300
    source.close()
    make_log(tmp_path / "expected", total)
    assert needed(tmp_path / "log", total) == needed(tmp_path / "expected", total)

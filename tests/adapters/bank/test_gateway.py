"""The shipped example as processes of their own: a batch of the finance system, the bank, and a gateway that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.bank.simulator.books import Books
from demo.stage import free_port
from gateway.audit.verify import verify_log
from gateway.canonical.payment import BatchReturned
from gateway.store import StoreSettings, open_reader
from gateway.store.api import Filter
from mappings import SHIPPED, load
from tests.adapters.bank.bodies import batch

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "examples" / "bank-files"


class Place:
    """The example in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "config" / "examples" / "bank-files"
        self._data = folder / "var" / "bank-files"
        self.finance = self._data / "exchange" / "finance"
        self.bank = folder / "var" / "bank-simulator"
        self.books = Books(self.bank / "books.sqlite")
        shutil.copytree(EXAMPLE, self._config)
        os.chmod(self._config / "secrets" / "bank.password", 0o600)
        for name in ("in", "out"):
            (self.finance / name).mkdir(parents=True)
        self._admin, self._port = free_port(), free_port()
        self._write("gateway.yaml", "admin: {listen: 127.0.0.1:8098}", self._here())
        self._write("partners/bank.yaml", ":9122", f":{self._port}")
        self._write("partners/bank.yaml", "interval: 2s", "interval: 200ms")
        self._write("partners/finance.yaml", "interval: 1s", "interval: 200ms")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def run_bank(self, *faults: str) -> None:
        arguments = [f"--fault={fault}" for fault in faults]
        listen = f"127.0.0.1:{self._port}"
        self._run(
            "bank", "adapters.bank.simulator", "--folder", str(self.bank), "--listen", listen, *arguments
        )
        self.until((self.bank / "orders").exists)

    def run_gateway(self) -> None:
        self._run("gateway", "gateway", "run", "--config", str(self._config))
        self.until(self._ready)

    def kill(self) -> None:
        process = self._processes["gateway"]
        process.kill()
        process.wait()

    def order(self, name: str) -> None:
        (self.bank / "orders" / name).touch()

    def put(self, name: str, content: bytes) -> None:
        """As the finance system does it."""
        (self.finance / "in" / name).write_bytes(content)
        (self.finance / "in" / f"{name}.ok").touch()

    def results(self, kind: str = "result") -> list[Path]:
        return sorted((self.finance / "out").glob(f"{kind}-*.txt"))

    def states(self) -> dict[str, list[str]]:
        """The deliveries of each message, by its partner's number of it."""
        url = f"sqlite:///{self._data}/gateway.db"
        with open_reader(StoreSettings.model_validate({"url": url})) as reader:
            found = reader.find(Filter(limit=1000))
        return {str(one.message.partner_message_id): [d.state for d in one.deliveries] for one in found}

    def audited(self) -> bool:
        folder = self._data / "audit"
        return verify_log(folder, (folder / "vkey").read_text()).ok

    def until(self, true: Callable[[], object], seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return
            time.sleep(0.05)
        tail = (self._folder / "processes.log").read_text("utf-8", "replace")[-4000:]
        raise AssertionError(f"not in time; they said:\n{tail}")

    def stop(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30.0)

    def _run(self, name: str, *arguments: str) -> None:
        with (self._folder / "processes.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments], stdout=log, stderr=log, cwd=ROOT
            )

    def _here(self) -> str:
        """What is this gateway's own: where it listens, and that it looks sooner for what is due."""
        return f"admin: {{listen: 127.0.0.1:{self._admin}}}\nengine: {{sweep_interval: 100ms}}"

    def _ready(self) -> bool:
        assert self._processes["gateway"].poll() is None, (self._folder / "processes.log").read_text("utf-8")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _write(self, name: str, old: str, new: str) -> None:
        file = self._config / name
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.stop()


def payouts(digits: str) -> bytes:
    return load(SHIPPED / "bank" / "ybdf.request.yaml").encode(batch(digits))


def test_a_batch_its_results_and_the_days_reconciliation(place: Place) -> None:
    place.run_bank()
    place.run_gateway()
    place.put("YBDF_1.txt", payouts("14"))
    place.until(place.results)
    [result] = place.results()
    read = load(SHIPPED / "bank" / "ybdf.return.yaml").decode(result.read_bytes())
    assert isinstance(read, BatchReturned)
    assert [r.status for r in read.results] == ["settled", "rejected.no-account"]
    assert place.books.batches() == {"0001": (1, 1)}
    today = time.strftime("%Y%m%d", time.gmtime(time.time() + 8 * 3600))
    place.order(f"reconcile-{today}")
    place.until(lambda: place.results("reconciliation"))
    place.until(lambda: all(s == "accepted" for states in place.states().values() for s in states))
    assert place.audited()


def test_a_return_too_large_for_a_message_is_passed_on_whole(place: Place) -> None:
    place.run_bank()
    place.run_gateway()
    place.put("YBDF_1.txt", payouts("14" * 1250))
    place.until(place.results)
    [result] = place.results()
    read = load(SHIPPED / "bank" / "ybdf.return.yaml").decode(result.read_bytes())
    assert isinstance(read, BatchReturned)
    assert [r.status for r in read.results] == ["settled", "rejected.no-account"] * 1250
    place.until(lambda: all(s == "accepted" for states in place.states().values() for s in states))


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6, 1.0])
def test_a_gateway_killed_at_any_moment_pays_once(place: Place, moment: float) -> None:
    place.run_bank()
    place.run_gateway()
    place.put("YBDF_1.txt", payouts("1" * 500))
    # From when the batch was taken in; where it is then, is what the moments try.
    place.until(lambda: not (place.finance / "in" / "YBDF_1.txt").exists())
    time.sleep(moment)
    place.kill()
    place.run_gateway()
    place.until(place.results)
    assert place.books.batches() == {"0001": (1, 1)}
    place.until(lambda: all(s == "accepted" for states in place.states().values() for s in states))
    assert len(place.results()) == 1


def test_a_connection_lost_after_the_last_rename_pays_once(place: Place) -> None:
    place.run_bank("drop-after-rename", "drop-after-rename", "drop-after-rename")
    place.run_gateway()
    place.put("YBDF_1.txt", payouts("148"))
    place.until(place.results)
    assert place.books.batches() == {"0001": (1, 1)}
    place.until(lambda: all(s == "accepted" for states in place.states().values() for s in states))

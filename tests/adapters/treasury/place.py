"""The shipped example as processes of their own: the network on a real broker, and a gateway that can be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import yaml

from adapters.treasury.simulator import Options, declare, keys, queues
from adapters.treasury.simulator.accounts import Accounts
from adapters.treasury.simulator.books import Books
from demo.stage import free_port
from gateway.audit.verify import verify_log
from gateway.bus.private_broker import PrivateBroker
from gateway.store import StoreSettings, open_reader
from gateway.store.api import Filter
from tests.adapters.treasury.people import Person, write_accounts

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "examples" / "treasury"
WORK_DATE = "20261120"


class Wire:
    """The way to the broker, which can be cut at any moment; whoever connects again is carried again."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection ends now."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Place:
    """The example in a folder of its own, with these people's accounts."""

    def __init__(self, folder: Path, broker: PrivateBroker, people: list[Person]) -> None:
        self._folder = folder
        self._config = folder / "config" / "examples" / "treasury"
        self._data = folder / "var" / "treasury"
        self._network = folder / "network"
        self._broker = broker
        self.wire = Wire(broker.port)
        self.office = self._data / "exchange" / "levy-office"
        shutil.copytree(EXAMPLE, self._config)
        for secret in (self._config / "secrets").iterdir():
            secret.chmod(0o600)
        for name in ("in", "out"):
            (self.office / name).mkdir(parents=True)
        self._network.mkdir()
        write_accounts(folder / "accounts.csv", people)
        self._admin, self._http = free_port(), free_port()
        self.change("gateway.yaml", ":8120", f":{self._admin}")
        self.change("partners/treasury.yaml", "127.0.0.1:5672", f"127.0.0.1:{self.wire.port}")
        self.change("partners/levy-online.yaml", ":8121", f":{self._http}")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        declare(broker.url, queues(Options(work_date=WORK_DATE)), empty=True)

    def change(self, name: str, old: str, new: str) -> None:
        """In a file of the configuration, before the gateway runs."""
        file = self._config / name
        text = file.read_text("utf-8")
        assert old in text, f"{name} has no {old}"
        file.write_text(text.replace(old, new), "utf-8")

    def run_network(self, *arguments: str) -> None:
        self._run(
            "network", "adapters.treasury.simulator", "--mq", self._broker.url, "--folder", str(self._network),
            "--work-date", WORK_DATE, "--accounts", str(self._folder / "accounts.csv"), *arguments,
        )  # fmt: skip
        self.until((self._network / "orders").exists)

    def run_gateway(self) -> None:
        self._run("gateway", "gateway", "run", "--config", str(self._config))
        self.until(self._ready)

    def seal(self, kind: str) -> None:
        """Another one than the example's, by keys that the network makes; before anything runs."""
        if kind == "keyed-sm3":
            return
        settings = keys.seal_settings(kind, self._network / "keys", "node")
        file = self._config / "partners" / "treasury.yaml"
        partner = yaml.safe_load(file.read_text("utf-8"))
        partner["settings"]["seal"] = settings
        file.write_text(yaml.safe_dump(partner, allow_unicode=True), "utf-8")

    def kill(self) -> None:
        """SIGKILL to the gateway."""
        process = self._processes["gateway"]
        process.kill()
        process.wait()

    def order(self, *names: str) -> None:
        """Tells the network; returns when it has begun to obey."""
        orders = self._network / "orders"
        for name in names:
            (orders / name).touch()
        self.until(lambda: not any(orders.iterdir()))

    def ask(self, path: str, document: bytes) -> tuple[int, dict[str, Any]]:
        """As the enrolment system does it: status and body of the answer."""
        headers = {
            "Authorization": "Bearer DEMO-LEVY-ONLINE-TOKEN-0001",
            "Content-Type": "application/json",
        }
        url = f"http://127.0.0.1:{self._http}/levy/{path}"
        request = urllib.request.Request(url, document, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def put(self, name: str, content: bytes) -> None:
        """As the collection office does it."""
        (self.office / "in" / name).write_bytes(content)
        (self.office / "in" / f"{name}.ok").touch()

    def results(self) -> list[Path]:
        return sorted(
            file
            for file in (self.office / "out").glob("JG_*.txt")
            if file.with_name(f"{file.name}.ok").exists()
        )

    @property
    def accounts(self) -> Accounts:
        """The bank's books."""
        return Accounts(self._network / "bank.sqlite")

    @property
    def centre(self) -> Books:
        """The centre's books."""
        return Books(self._network / "centre.sqlite", WORK_DATE)

    def gateway(self, *arguments: str) -> Any:
        """A command of the gateway: what it prints as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "--config", str(self._config), "--json"],
            cwd=ROOT, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr.decode()[-2000:]
        return json.loads(done.stdout)

    def outcomes(self) -> dict[str, str]:
        """The states of all deliveries to the network, by the sender's number of the message: a debit's voucher."""
        url = f"sqlite:///{self._data}/gateway.db"
        with open_reader(StoreSettings.model_validate({"url": url})) as reader:
            found = reader.find(Filter(limit=1000))
        to_network = [(m.message, d) for m in found for d in m.deliveries if d.partner == "treasury"]
        return {str(message.partner_message_id): delivery.state for message, delivery in to_network}

    def book(self) -> dict[str, str]:
        """Of each voucher in our book its state."""
        return dict(self._query("SELECT voucher_no, state FROM levy_debits"))

    def differences(self) -> list[str]:
        """The kinds of those that are open."""
        return [kind for (kind,) in self._query("SELECT kind FROM levy_differences WHERE closed_at IS NULL")]

    def compared(self, day: str) -> bool:
        """Whether our book has compared a day (ISO)."""
        return bool(self._query("SELECT 1 FROM levy_days WHERE day = ? AND batch_no IS NOT NULL", day))

    def packages(self) -> list[tuple[int, str]]:
        """Count and state of each."""
        return self._query("SELECT count, state FROM levy_packages ORDER BY created, batch_no")

    def _query(self, question: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._data}/gateway.db?mode=ro", uri=True)) as store:
            return store.execute(question, values).fetchall()

    def audited(self) -> bool:
        folder = self._data / "audit"
        return verify_log(folder, (folder / "vkey").read_text()).ok

    def until(self, true: Callable[[], object], seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return
            time.sleep(0.05)
        raise AssertionError(f"not in time; they said:\n{self.said()}")

    def said(self) -> str:
        return (self._folder / "processes.log").read_text("utf-8", "replace")[-6000:]

    def stop(self) -> None:
        """In good order; the gateway first."""
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30.0) == 0, self.said()

    def end(self) -> None:
        """At once."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        self.wire.close()

    def _run(self, name: str, *arguments: str) -> None:
        with (self._folder / "processes.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments], stdout=log, stderr=log, cwd=ROOT, env=dict(os.environ)
            )

    def _ready(self) -> bool:
        assert self._processes["gateway"].poll() is None, self.said()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

"""The stage: the example configuration on ports of its own, the province's platform, the gateway as a process.

The tests that kill and cut play here too, so what they show is shown of the configuration people start with.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.bus.private_broker import free_ports
from gateway.store import StoreSettings

EXAMPLE = Path(__file__).parent.parent / "config"
HOSPITAL = "hospital-a"
NATIONAL = "hospital-c"
#: How a reader of the demonstration can call the command.
COMMAND = ".venv/bin/gateway" if Path(".venv/bin/gateway").exists() else "gateway"
PYTHON = ".venv/bin/python" if Path(".venv/bin/python").exists() else "python"


_given: set[int] = set()


def free_port(wanted: int = 0) -> int:
    """The wanted port where it is free, else another one; that is not given twice."""
    if wanted:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", wanted)):
            return wanted
    while (port := free_ports(1)[0]) in _given:
        pass
    _given.add(port)
    return port


class Stage:
    """Processes and files of one play, all under one folder."""

    def __init__(self, folder: Path, *, bus: str = "embedded", amqp: str = "", store: str = "") -> None:
        self.folder = folder.absolute()
        self.config = self.folder / "config"
        self.bus = bus
        self._amqp = amqp
        self._store = store
        #: This province answers a reversal of what it never received with success, and refuses it afterwards.
        self.platform_options: tuple[str, ...] = ("--not-found", "success")
        self.gateway: subprocess.Popen[bytes] | None = None
        self.platform: subprocess.Popen[bytes] | None = None
        self.desk: subprocess.Popen[bytes] | None = None
        self._agencies: list[subprocess.Popen[bytes]] = []
        #: Partners that were started and not yet seen: they begin beside each other and the gateway.
        self._coming: list[tuple[Callable[[], object], subprocess.Popen[bytes]]] = []

    # -- the configuration ---------------------------------------------------------------------------

    def prepare(self, *, usual_ports: bool = False, **changes: dict[str, Any]) -> None:
        """A fresh folder with the example configuration in it.

        Args:
            usual_ports: prefer the ports that the example names.
            changes: file stem → keys to change in that file, merged into what is there.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(EXAMPLE, self.config)
        names = ("hospital", "national", "admin", "console", "platform")
        self.ports = {
            name: free_port(port if usual_ports else 0)
            for name, port in zip(names, (8081, 8082, 8090, 8092, 9101), strict=True)
        }
        self.url = f"http://127.0.0.1:{self.ports['hospital']}/hospital"
        self.control = f"http://127.0.0.1:{self.ports['platform']}/_control"
        self.console = f"http://127.0.0.1:{self.ports['console']}"
        gateway: dict[str, Any] = {
            "data_dir": "..",
            "bus": {"kind": self.bus, **({"url": self._amqp} if self._amqp else {})},
            "admin": {"listen": f"127.0.0.1:{self.ports['admin']}"},
            "console": {"listen": f"127.0.0.1:{self.ports['console']}"},
            "engine": {"sweep_interval": "100ms"},
            "logs": {"file": "../gateway.log"},
        }
        if self._store:
            gateway["store"] = {"url": self._store}
        else:
            gateway["store"] = {"url": f"sqlite:///{self.folder}/gateway.db"}
        self._change("gateway", gateway)
        self._change(
            f"partners/{HOSPITAL}", {"settings": {"soap": {"listen": f"127.0.0.1:{self.ports['hospital']}"}}}
        )
        national = {"listen": f"127.0.0.1:{self.ports['national']}"}
        self._change(f"partners/{NATIONAL}", {"settings": {"national": national}})
        address = f"http://127.0.0.1:{self.ports['platform']}/fsi/api"
        self._change("partners/province", {"settings": {"base_url": address}})
        for stem, change in changes.items():
            self._change(stem if stem == "gateway" else f"partners/{stem}", change)

    def join(self, example: Path, changes: Mapping[str, Any], *, before: bool = False) -> None:
        """Adds the partners of another example by copying their files, as an operator would.

        Args:
            changes: partner → keys to change in its file.
            before: its routes decide before those that are there.
        """
        for part in ("partners", "mappings", "profiles", "secrets"):
            if (example / part).is_dir():
                shutil.copytree(example / part, self.config / part, dirs_exist_ok=True)
        routes = self.config / "routes.yaml"
        both = [file.read_text(encoding="utf-8") for file in (routes, example / "routes.yaml")]
        routes.write_text("\n".join(reversed(both) if before else both), encoding="utf-8")
        for name, part in (("payments.yaml", "accounts"), ("people.yaml", "people")):
            if (example / name).exists():
                _append(self.config / name, part, example / name)
        for partner, change in changes.items():
            self._change(f"partners/{partner}", change)

    @property
    def settings(self) -> StoreSettings:
        """Where the gateway keeps its messages, for looking in from outside."""
        return StoreSettings.model_validate({"url": self._store or f"sqlite:///{self.folder}/gateway.db"})

    def secret(self, partner: str) -> str:
        """A partner's token in the example."""
        return (self.config / "secrets" / f"{partner}.token").read_text(encoding="utf-8").strip()

    def account(self, partner: str, *place: str) -> str:
        """The account that goes with it."""
        content = yaml.load(
            (self.config / "partners" / f"{partner}.yaml").read_text(encoding="utf-8"), yaml.BaseLoader
        )
        block = content["settings"]
        for key in place:
            block = block[key]
        return str(block["paasid"])

    def _change(self, stem: str, change: dict[str, Any]) -> None:
        file = self.config / f"{stem}.yaml"
        content = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
        _merge(content, change)
        file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")

    # -- processes -----------------------------------------------------------------------------------

    def start_platform(self) -> None:
        """The province's platform."""
        account, token = self.account("province", "tif"), self.secret("province")
        listen = f"127.0.0.1:{self.ports['platform']}"
        self.platform = self._process(
            "-m",
            "adapters.settlement.simulator",
            "--listen",
            listen,
            "--paasid",
            account,
            "--token",
            token,
            *self.platform_options,
        )
        self._until(lambda: self.effects() is not None, self.platform, "the platform")

    def start_agency(self, url: str, *arguments: str) -> None:
        """A further simulated partner, which answers at the URL once it is there; see `start_partner`."""
        self.start_partner(lambda: get(url) is not None, *arguments)

    def start_partner(self, there: Callable[[], object], *arguments: str) -> None:
        """The same, for one that shows otherwise that it is there. Before the gateway, it is waited for with it."""
        process = self._process(*arguments)
        self._agencies.append(process)
        self._coming.append((there, process))
        if self.gateway is not None:
            self._await_partners()

    def _await_partners(self) -> None:
        for there, process in self._coming:
            self._until(there, process, "the partner")
        self._coming.clear()

    def start_gateway(self, *, wait: bool = True) -> None:
        """The gateway, and the partners that are on their way; with `wait`, ready to work."""
        self.gateway = self._process("-m", "gateway", "run", "--config", str(self.config))
        self._await_partners()
        if wait:
            self.await_ready()

    def await_ready(self, seconds: float = 40.0) -> None:
        """Waits for `/readyz`."""
        assert self.gateway is not None
        self._until(self.ready, self.gateway, "the gateway", seconds)

    def start_console(self, *, wait: bool = True) -> None:
        """The operators' console. After the gateway, which makes the store."""
        self.desk = self._process("-m", "gateway", "console", "--config", str(self.config))
        if wait:
            self.await_console()

    def await_console(self) -> None:
        """Waits until browsers may come."""
        assert self.desk is not None

        def there() -> bool:
            with urllib.request.urlopen(f"{self.console}/sign-in", timeout=5) as answer:
                return bool(answer.status == 200)

        self._until(there, self.desk, "the console")

    def kill_gateway(self) -> None:
        """SIGKILL: no time to say or write anything."""
        assert self.gateway is not None
        self.gateway.kill()
        self.gateway.wait()

    def stop(self) -> None:
        """Ends everything that still runs."""
        _end(self.desk)
        _end(self.gateway)
        _end(self.platform)
        for agency in self._agencies:
            _end(agency)

    def _process(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "processes.log").open("ab")
        return subprocess.Popen(
            [sys.executable, *arguments], stdout=log, stderr=log, start_new_session=True, cwd=EXAMPLE.parent
        )

    def _until(self, true: Any, process: subprocess.Popen[bytes], what: str, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                if true():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        tail = (self.folder / "processes.log").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise RuntimeError(f"{what} did not become ready (exit code {process.poll()}):\n{tail}")

    # -- what is known -------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether the gateway says so."""
        try:
            return bool(get(f"http://127.0.0.1:{self.ports['admin']}/readyz")["ready"])
        except urllib.error.HTTPError:
            return False

    def effects(self) -> dict[str, Any]:
        """The platform's books."""
        return get(f"{self.control}/effects")

    def fault(self, kind: str, infno: str = "2207", **more: Any) -> None:
        """Something to go wrong at the platform, once unless told otherwise."""
        post(f"{self.control}/faults", {"kind": kind, "infno": infno, "count": 1, **more})

    def clear_faults(self) -> None:
        """The platform behaves again."""
        post(f"{self.control}/faults", {"clear": True})


def _append(file: Path, part: str, addition: Path) -> None:
    """Adds the entries of a list to those of another file; where there is none, this is the first."""
    if not file.exists():
        shutil.copy(addition, file)
        return
    content, more = (yaml.load(one.read_text(encoding="utf-8"), yaml.BaseLoader) for one in (file, addition))
    content[part] += more[part]
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _merge(into: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _end(process: subprocess.Popen[bytes] | None) -> int:
    if process is None or process.poll() is not None:
        return 0 if process is None else int(process.returncode)
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def get(url: str) -> dict[str, Any]:
    """A JSON answer."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        result: dict[str, Any] = json.load(answer)
        return result


def post(url: str, content: dict[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A JSON answer to a JSON request."""
    body = json.dumps(content).encode()
    request = urllib.request.Request(url, body, {**(headers or {})}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        result: dict[str, Any] = json.load(answer)
        return result

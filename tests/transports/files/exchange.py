"""The file-exchange example at work, as processes: two agencies with their keys, and a gateway that can be killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import yaml

from demo.stage import free_port
from gateway.audit.verify import verify_log
from gateway.store import StoreSettings, open_reader
from gateway.store.api import Filter
from gateway.transports.sftp.server_hostkey import host_key

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "examples" / "file-exchange"
AGENCIES = ("civil-affairs", "federation")


class Exchange:
    """The example in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config" / "examples" / "file-exchange"
        self.data = folder / "var" / "file-exchange"
        self.port, self._admin = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(EXAMPLE, self.config)
        gateway = self.config / "gateway.yaml"
        gateway.write_text(gateway.read_text("utf-8").replace(":8099", f":{self._admin}"), "utf-8")
        for agency in AGENCIES:
            file = self.config / "partners" / f"{agency}.yaml"
            content = yaml.safe_load(file.read_text("utf-8"))
            public: bytes = host_key(folder / agency).public().toString("openssh")  # type: ignore[no-untyped-call]
            changes = {"listen": f"127.0.0.1:{self.port}", "keys": [public.decode()], "interval": "200ms"}
            content["settings"]["inbound"].update(changes)
            content["settings"]["inbound"].pop("closed", None)  # it may be Sunday night
            file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")

    # -- the gateway ---------------------------------------------------------------------------------

    def start(self, dies: str = "") -> None:
        """Args:
        dies: at which step it kills itself, see `dying.py`.
        """
        program = ["-m", "tests.transports.files.dying", dies] if dies else ["-m", "gateway"]
        with (self.folder / "processes.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *program, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )
        if not dies:
            self.until(self._ready, 40.0)

    def ended(self) -> int:
        """Waits for its end; the exit status."""
        assert self._process is not None
        return self._process.wait(40.0)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30.0)

    def peak(self) -> int:
        """Bytes of memory that the gateway's process has held at most."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) << 10

    def until(self, true: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return
            time.sleep(0.05)
        tail = (self.folder / "processes.log").read_text("utf-8", "replace")[-3000:]
        raise AssertionError(f"not in time; the gateway said:\n{tail}")

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "processes.log").read_text("utf-8")[-3000:]
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()  # listeners are last
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    # -- the agencies --------------------------------------------------------------------------------

    @contextmanager
    def logged_in(self, agency: str) -> Iterator[paramiko.SFTPClient]:
        with paramiko.Transport(("127.0.0.1", self.port)) as transport:
            key = paramiko.Ed25519Key.from_private_key_file(str(self.folder / agency))
            transport.connect(username=agency, pkey=key)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            yield client

    def upload(self, name: str, content: bytes) -> None:
        """As civil affairs does it: the file, then its .sm3."""
        with self.logged_in("civil-affairs") as sftp:
            for called, what in (
                (name, content),
                (f"{name}.sm3", hashlib.new("sm3", content).hexdigest().encode()),
            ):
                with sftp.open(f"in/{called}", "wb") as file:
                    file.write(what)

    def place(self, name: str, content: bytes) -> None:
        """The same without logging in, for a gateway that is not there."""
        arrived = self.data / "accounts" / "civil-affairs" / "in"
        arrived.mkdir(parents=True, exist_ok=True)
        (arrived / name).write_bytes(content)
        (arrived / f"{name}.sm3").write_text(hashlib.new("sm3", content).hexdigest())

    def names(self, agency: str, folder: str) -> list[str]:
        found = self.data / "accounts" / agency / folder
        return sorted(os.listdir(found)) if found.is_dir() else []

    def file(self, agency: str, folder: str, name: str) -> bytes:
        return (self.data / "accounts" / agency / folder / name).read_bytes()

    # -- what is known -------------------------------------------------------------------------------

    def states(self) -> dict[str, list[str]]:
        """The deliveries of each message, by its number."""
        with open_reader(
            StoreSettings.model_validate({"url": f"sqlite:///{self.data}/gateway.db"})
        ) as reader:
            found = reader.find(Filter(limit=1000))
        return {str(one.message.partner_message_id): [d.state for d in one.deliveries] for one in found}

    def audited(self) -> None:
        """The log verifies."""
        folder = self.data / "audit"
        assert verify_log(folder, (folder / "vkey").read_text()).ok

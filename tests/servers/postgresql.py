"""A private PostgreSQL for tests: own folder, own loopback port, gone when the tests are.

It listens on 127.0.0.1 at a free port and on a unix socket in its own folder. initdb refuses to run as root, so
that root hands everything to the system user `postgres`. However the test process ends, a small watcher notices,
stops the server and removes its folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway.bus.private_broker import free_ports

#: Waits on a pipe that only the test process holds; when that closes, stops the server and removes the folder.
WATCHER = """
import os, shutil, signal, sys
sys.stdin.buffer.read()
folder = sys.argv[1]
try:
    os.kill(int(open(folder + "/data/postmaster.pid").readline()), signal.SIGQUIT)
except (OSError, ValueError):
    pass
shutil.rmtree(folder, ignore_errors=True)
"""
SETTINGS = """
listen_addresses = '127.0.0.1'
shared_buffers = 64MB
max_connections = 40
autovacuum_naptime = 10s
log_min_messages = fatal
# Tests kill the server and never the machine: what was written is in the kernel's memory, and survives.
fsync = off
full_page_writes = off
"""


class Postgresql:
    """Use `start` first; `url(schema)` is what goes into the settings."""

    def __init__(self) -> None:
        self._bin = _programs()
        self._user = "postgres" if os.geteuid() == 0 else None
        self._as_user: dict[str, Any] = (
            {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        )
        self._folder = Path(tempfile.mkdtemp(prefix="tongqu-postgresql-"))
        (self._port,) = free_ports(1)  # it is the same after a restart: no connection may have taken it
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher = subprocess.Popen(
            [sys.executable, "-c", WATCHER, str(self._folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        self._give_away(self._folder)
        self._initialise()

    def url(self, schema: str = "public") -> str:
        return f"postgresql://gateway@127.0.0.1:{self._port}/postgres?options=-csearch_path%3D{schema}"

    def start(self) -> None:
        """Returns when connections are accepted."""
        self._server = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, "-p", str(self._port), "-k", self._folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **self._as_user,
        )
        self._wait()

    def stop(self) -> None:
        """An orderly stop that does not wait for clients."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """No process of the server finishes anything."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        self.kill()
        self.start()

    def remove(self) -> None:
        self.kill()
        self._watcher.kill()  # it has nothing left to do; thousands of files take as long as they take
        self._watcher.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _initialise(self) -> None:
        program: list[str | Path] = [self._bin / "initdb", "-D", self._data, "--no-sync"]
        subprocess.run(
            [*program, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--locale=C"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **self._as_user,
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)

    def _wait(self) -> None:
        assert self._server is not None
        until = time.monotonic() + 90  # recovery after a kill, on a disk that others use as well
        while time.monotonic() < until and self._server.poll() is None:
            if self._ready():
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def _ready(self) -> bool:
        check: list[str | Path] = [
            self._bin / "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self._port),
            "-U",
            "gateway",
        ]
        return subprocess.run(check, check=False).returncode == 0

    def _end(self, number: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            server.send_signal(number)
            server.wait(20)

    def _give_away(self, path: Path) -> None:
        if self._user is not None:
            shutil.chown(path, self._user, self._user)


def _programs() -> Path:
    """The newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    if elsewhere is None:
        raise RuntimeError("PostgreSQL is missing: run scripts/install-postgresql")
    return Path(elsewhere).resolve().parent

"""The store process: the writer, and services that work beside it, out of the gateway's interpreter lock.

Every statement of SQLite lets go of the interpreter lock, and a busy gateway makes the writer wait each time to
get it back. In a process of its own the writer costs a third, and neither waits for the other.

Started by `remote.RemoteWriter` as `python -m gateway.store FD PID`. It dies with the gateway, at once: what it
had not committed by then is as after any crash.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import Struct
from twisted.python.failure import Failure

from gateway.contract import GatewayError, Unavailable
from gateway.store.audit import AuditSource
from gateway.store.database import database_for
from gateway.store.settings import StoreSettings
from gateway.store.wire import Frames, decode_units, encode_results
from gateway.store.writer import Writer

_SET_PDEATHSIG = 1


class Open(Struct, frozen=True):
    """The first thing said: open the database. Answered with None, or with what went wrong."""

    settings: dict[str, Any]


class Host(Struct, frozen=True):
    """Make a service: `factory(audit_source, *arguments)`, a function that can be pickled."""

    name: str
    factory: Callable[..., Any]
    arguments: tuple[Any, ...]


class Invoke(Struct, frozen=True):
    """Call a method of a service, in the services' thread; answered with what it returns."""

    name: str
    method: str
    arguments: tuple[Any, ...] = ()


class Close(Struct, frozen=True):
    """Commit what was handed in, close, and answer."""


class Server:
    """Serves one gateway over one socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sending = threading.Lock()
        self._results: list[tuple[int, Any]] = []
        self._services: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(1, "service")
        self._writer: Writer | None = None

    def run(self) -> None:
        """Until the gateway closes or is gone."""
        frames = Frames()
        while data := self._link.recv(1 << 18):
            for frame in frames.feed(data):
                for number, unit in decode_units(frame):
                    self._take(number, unit)
        os._exit(0)  # the gateway is gone: nobody waits for anything any more

    def callFromThread(self, do: Callable[..., object], *arguments: object) -> None:  # noqa: N802
        """The writer's "reactor": its answers are given in its own thread, then sent in one piece."""
        do(*arguments)
        self._flush()

    def _take(self, number: int, unit: Any) -> None:
        if isinstance(unit, Open):
            self._answer_now(number, lambda: self._open(unit))
        elif isinstance(unit, Host | Invoke):
            self._pool.submit(self._answer_now, number, lambda: self._serve(unit))
        elif isinstance(unit, Close):
            self._answer_now(number, self._close)
            os._exit(0)  # all is committed and said
        else:
            assert self._writer is not None
            waiting = self._writer.commit(unit)
            waiting.addCallbacks(lambda result: self._note(number, result), lambda f: self._failed(number, f))

    def _open(self, unit: Open) -> None:
        settings = StoreSettings.model_validate(unit.settings)
        self._database = database_for(settings, holder=os.getppid())
        self._writer = Writer(self._database.open_writer, self, settings.group_window, settings.group_limit)
        self._writer.start()

    def _serve(self, unit: Host | Invoke) -> Any:
        if isinstance(unit, Host):
            assert self._writer is not None
            source = AuditSource(self._database, self._writer)
            self._services[unit.name] = unit.factory(source, *unit.arguments)
            return None
        return getattr(self._services[unit.name], unit.method)(*unit.arguments)

    def _close(self) -> None:
        self._pool.shutdown()
        if self._writer is not None:
            self._writer.stop()
            self._database.release()

    def _answer_now(self, number: int, work: Callable[[], Any]) -> None:
        try:
            result = work()
        except Exception as error:
            result = _sendable(error)
        self._note(number, result)
        self._flush()

    def _note(self, number: int, result: Any) -> None:
        with self._sending:
            self._results.append((number, result))

    def _failed(self, number: int, failure: Failure) -> None:
        self._note(number, _sendable(failure.value))

    def _flush(self) -> None:
        with self._sending:
            results, self._results = self._results, []
            if results:
                self._link.sendall(encode_results(results))


class Carried(Exception):
    """An error of the other process, of a kind that cannot be sent as it is."""


def _sendable(error: BaseException | None) -> Exception:
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, OSError):
        return Unavailable(f"磁盘错误：{error.strerror}", f"the disk: {error.strerror}")
    return Carried(f"{type(error).__name__}: {error}")


def main() -> None:
    """Serves the socket whose number is the first argument, for the process whose number is the second."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's business; it says when to close
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[2]):
        return  # the gateway died before it could be said to die with it
    # A service at work must not keep the writer waiting for the interpreter for long.
    sys.setswitchinterval(0.0005)
    Server(socket.socket(fileno=int(sys.argv[1]))).run()

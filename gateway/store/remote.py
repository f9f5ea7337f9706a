"""The writer in a process of its own, seen from the gateway: the same methods as `writer.Writer`.

    commit(unit) ─► gathered (a dozen, or to the end of the turn) ─► one frame ─► store process
                                     Deferreds fire ◄─ one frame a group ◄─────────┘

If the store process dies, nobody can say which units were committed: everything that waits fails with
`FateUnknown`, `on_lost` is called, and the gateway must end, as after a crash of its own.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from gateway.store import errors
from gateway.store.server import Close, Host, Invoke, Open
from gateway.store.session import Unit
from gateway.store.settings import StoreSettings
from gateway.store.wire import Frames, decode_results, encode_units, numbered

#: Units that are sent before the reactor's turn ends: the store begins with them while the turn goes on.
ENOUGH = 12


@implementer(IReadWriteDescriptor)
class RemoteWriter:
    """One store process. All methods but `commit_blocking` belong to the reactor's thread.

    It is its own descriptor in the reactor: a transport would write only when the reactor's turn is over, and
    the store is to work while the turn goes on.
    """

    def __init__(self, settings: StoreSettings, reactor: Any) -> None:
        self.on_group: Callable[[int], None] | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self._settings = settings
        self._reactor = reactor
        self._frames = Frames()
        self._numbers = count()
        self._waiting: dict[int, Deferred[Any]] = {}
        self._gathered: list[tuple[int, int, Any]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._unsent = bytearray()
        self._accepting = False
        self._closing = False

    def start(self) -> Deferred[None]:
        """Starts the process and opens the database; fails with what the opening raised."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "gateway.store", str(theirs.fileno()), str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        ours.setblocking(False)
        self._link = ours
        self._reactor.addReader(self)
        self._accepting = True
        plain = self._settings.model_dump(mode="python", exclude_unset=True)
        plain["url"] = self._settings.url.get_secret_value()
        return self._ask(Open(plain))

    def stop(self) -> Deferred[None]:
        """Everything handed in is committed, the database closed, the process gone."""
        self._accepting = False
        self._closing = True
        return self._ask(Close()).addCallback(self._ended)

    def commit(self, unit: Unit) -> Deferred[Any]:
        """Fires when the unit is durable."""
        if self._accepting:
            return self._ask(unit)
        refused: Deferred[Any] = Deferred()
        refused.errback(errors.stopped())
        return refused

    def commit_blocking(self, unit: Unit) -> Any:
        """From any other thread."""
        result: Future[Any] = Future()

        def begin() -> None:
            self.commit(unit).addCallbacks(result.set_result, lambda f: result.set_exception(f.value))

        self._reactor.callFromThread(begin)
        return result.result()

    def host(self, name: str, factory: Callable[..., Any], *arguments: Any) -> Deferred[None]:
        """Makes a service in the store process: `factory(audit_source, *arguments)`."""
        return self._ask(Host(name, factory, arguments))

    def invoke(self, name: str, method: str, *arguments: Any) -> Deferred[Any]:
        """Calls a service's method, in its own thread there."""
        return self._ask(Invoke(name, method, arguments))

    # -- the descriptor ------------------------------------------------------------------------------

    def fileno(self) -> int:
        return -1 if self._link is None else self._link.fileno()

    def logPrefix(self) -> str:
        return "store process"

    def doRead(self) -> None:
        assert self._link is not None
        try:
            data = self._link.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.connectionLost()
            return
        for frame in self._frames.feed(data):
            self._settle(decode_results(frame))

    def doWrite(self) -> None:
        """Sends what there is room for, and comes again when there is more."""
        if self._link is None:
            return
        try:
            sent = self._link.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.connectionLost()
            return
        del self._unsent[:sent]
        if self._unsent:
            self._reactor.addWriter(self)
        else:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._link is None:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._link.close()
        self._link, self._accepting = None, False
        unknown = errors.FateUnknown(
            "存储进程意外结束，提交结果未知", "the store process ended: the result is unknown"
        )
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.called:
                one.errback(unknown)
        if not self._closing:
            self.on_lost()

    def _settle(self, results: list[tuple[int, Any]]) -> None:
        units = 0
        for number, result in results:
            waiting = self._waiting.pop(number)
            failed = isinstance(result, Exception)
            units += not failed
            if waiting.called:
                continue  # cancelled by the caller; it is committed all the same
            if failed:
                waiting.errback(result)
            else:
                waiting.callback(result)
        if units and self.on_group is not None:
            self.on_group(units)

    def _ask(self, unit: Any) -> Deferred[Any]:
        number = next(self._numbers)
        entry = numbered(number, unit)
        waiting: Deferred[Any] = Deferred()
        self._waiting[number] = waiting
        self._gathered.append(entry)
        if len(self._gathered) == 1:
            self._reactor.callLater(0, self._send)
        elif len(self._gathered) >= ENOUGH:
            self._send()
        return waiting

    def _send(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            idle = not self._unsent
            self._unsent += encode_units(gathered)
            if idle:
                self.doWrite()

    def _ended(self, _: None) -> None:
        if self._process is not None:
            self._process.wait(10)  # it ends right after this answer

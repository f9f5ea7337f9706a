"""A thread of its own for a library that blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

T = TypeVar("T")


class Worker:
    """Does what it is given one after another, in its thread. A daemon: one that hangs keeps no process alive."""

    def __init__(self, name: str, reactor: Any) -> None:
        self._reactor = reactor
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._stopped = False
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def do(self, call: Callable[[], T]) -> Deferred[T]:
        """Fires in the reactor's thread with what the call returns or raises. Who waits may give up; it is done anyway.

        After `stop` it fails with OSError, and nothing is done.
        """
        if self._stopped:
            return fail(OSError("the thread has ended"))
        done: Deferred[T] = Deferred()

        def work() -> None:
            try:
                result: T | Failure = call()
            except Exception:
                result = Failure()  # type: ignore[no-untyped-call]
            self._reactor.callFromThread(_fire, done, result)

        self._work.put(work)
        return done

    def stop(self) -> None:
        """The thread ends after what it was given; nobody waits for that."""
        self._stopped = True
        self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _fire(done: Deferred[T], result: T | Failure) -> None:
    if not done.called:
        done.callback(result)

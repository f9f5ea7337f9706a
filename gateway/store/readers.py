"""Threads that read, each with a connection of its own, so that neither the reactor nor the writer waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred

from gateway.store import errors
from gateway.store.session import Session
from gateway.store.writer import Threads

T = TypeVar("T")


class _Question(NamedTuple):
    ask: Callable[[Session], Any]
    waiting: Deferred[Any]


class Readers:
    """A fixed number of reading threads. A connection that failed is replaced before the next question."""

    def __init__(
        self,
        open_session: Callable[[], Session],
        explain: Callable[[Exception], Exception],
        reactor: Threads,
        size: int,
    ) -> None:
        self._open_session = open_session
        self._explain = explain
        self._reactor = reactor
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"store-reader-{number}", daemon=True)
            for number in range(size)
        ]
        self._open = False

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._open = True

    def stop(self) -> None:
        """Answers what was asked, then closes; blocks."""
        if self._open:
            self._open = False
            for _ in self._threads:
                self._questions.put(None)
            for thread in self._threads:
                thread.join()

    def ask(self, question: Callable[[Session], T]) -> Deferred[T]:
        waiting: Deferred[T] = Deferred()
        if self._open:
            self._questions.put(_Question(question, waiting))
        else:
            waiting.errback(errors.stopped())
        return waiting

    def _run(self) -> None:
        session: Session | None = None
        while (question := self._questions.get()) is not None:
            try:
                session = session or self._open_session()
                answer = question.ask(session)
            except Exception as error:
                _close(session)
                session = None
                self._reactor.callFromThread(_fail, question.waiting, self._explain(error))
            else:
                self._reactor.callFromThread(_tell, question.waiting, answer)
        _close(session)


def _close(session: Session | None) -> None:
    if session is not None:
        try:
            session.close()
        except Exception:  # a connection that is gone cannot be closed properly
            return


def _tell(waiting: Deferred[Any], answer: Any) -> None:
    if not waiting.called:
        waiting.callback(answer)


def _fail(waiting: Deferred[Any], error: Exception) -> None:
    if not waiting.called:
        waiting.errback(error)

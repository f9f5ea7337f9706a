"""The one thread that changes the database: group commit.

    reactor thread   commit(unit) ─► queue ─────────────┐          ┌─► all Deferreds of the group fire
    writer thread        wait for one, gather more ◄────┘ … COMMIT ┘   (one callFromThread a group)

Units that arrive while a group is being committed make up the next one. Before that the writer waits for company:
the more units the last group had, the longer, up to `group_window`. So a lone request is committed at once, and
under load, where each group costs the same fsync and statements, fewer and larger groups are made. A group that fails because of one unit is run again one by one, each under a savepoint.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from gateway.contract import Unavailable
from gateway.store import errors
from gateway.store.group import apply
from gateway.store.session import CommitBroken, Unit, WriteSession

#: How often a database that took our COMMIT and fell silent is asked again.
RETRY_SECONDS = 0.2
#: Seconds of waiting for company, for each unit of the last group after its first.
WAIT_PER_UNIT = 0.0005


class Threads(Protocol):
    """The part of a reactor that other threads may use."""

    def callFromThread(self, callable: Callable[..., object], *args: object) -> None: ...  # noqa: N802


class _Item(NamedTuple):
    unit: Unit
    waiting: Deferred[Any] | Future[Any]
    since: float


class Writer:
    """Commits units in the order in which they were handed in."""

    def __init__(
        self, open_session: Callable[[], WriteSession], reactor: Threads, window: float, limit: int
    ) -> None:
        self._open_session = open_session
        self._reactor = reactor
        self._window = window
        self._limit = limit
        self._last = 1  #: units of the last group
        self.on_group: Callable[[int], None] | None = (
            None  #: told in the reactor thread how many were committed
        )
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._accepting = False
        self._stopping = threading.Event()
        self._opened: Future[None] = Future()

    def start(self) -> None:
        """Opens the database; blocks, and raises what the opening raised."""
        self._thread.start()
        self._opened.result()
        self._accepting = True

    def stop(self) -> None:
        """Commits what was handed in, then closes; blocks."""
        self._accepting = False
        self._stopping.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def commit(self, unit: Unit) -> Deferred[Any]:
        """From the reactor thread."""
        waiting: Deferred[Any] = Deferred()
        if self._accepting:
            self._queue.put(_Item(unit, waiting, time.monotonic()))
        else:
            waiting.errback(errors.stopped())
        return waiting

    def commit_blocking(self, unit: Unit) -> Any:
        """From any other thread."""
        if not self._accepting:
            raise errors.stopped()
        waiting: Future[Any] = Future()
        self._queue.put(_Item(unit, waiting, time.monotonic()))
        return waiting.result()

    def _run(self) -> None:
        try:
            session = self._open_session()
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        while group := self._gather():
            results = self._commit(session, group)
            self._answer(group, results)
            self._report(results)
        self._refuse_rest()
        session.close()

    def _gather(self) -> list[_Item]:
        """The next group; empty at the end."""
        first = self._queue.get()
        if first is None:
            return []
        patience = min(self._window, WAIT_PER_UNIT * (self._last - 1))
        wait = first.since + patience - time.monotonic()
        if wait > 0 and self._queue.qsize() < self._limit - 1:
            time.sleep(wait)
        group = [first, *self._take(self._limit - 1)]
        self._last = len(group)
        return group

    def _take(self, count: int) -> list[_Item]:
        taken: list[_Item] = []
        try:
            while len(taken) < count:
                item = self._queue.get_nowait()
                if item is None:
                    self._queue.put(None)  # the mark of the end is seen again after this group
                    break
                taken.append(item)
        except Empty:
            pass
        return taken

    def _commit(self, session: WriteSession, group: Sequence[_Item]) -> list[Any]:
        units = [item.unit for item in group]
        try:
            return self._transaction(session, lambda: apply(session, units))
        except Exception as error:
            known = session.explain(error)
        if isinstance(known, Unavailable | errors.FateUnknown) or len(units) == 1:
            return [known] * len(units)
        try:
            return self._transaction(session, lambda: [_alone(session, unit) for unit in units])
        except Exception as error:
            return [session.explain(error)] * len(units)

    def _transaction(self, session: WriteSession, work: Callable[[], list[Any]]) -> list[Any]:
        session.ready()
        try:
            session.begin()
            results = work()
            session.commit()
        except CommitBroken:
            return self._resolve(session, results)
        except BaseException:
            session.rollback()
            raise
        return results

    def _resolve(self, session: WriteSession, results: list[Any]) -> list[Any]:
        """Nobody may be told that nothing was committed before the database has said so."""
        while not self._stopping.is_set():
            self._turn_away()
            try:
                session.ready()
                if session.was_committed():
                    return results
            except Exception:
                self._stopping.wait(RETRY_SECONDS)
            else:
                raise errors.unavailable("rolled back")
        raise errors.FateUnknown("提交结果未知", "the result of the commit is unknown")

    def _turn_away(self) -> None:
        """While the database is away, newcomers learn it at once."""
        late = self._take(self._queue.qsize())
        if late:
            self._answer(late, [errors.unavailable("connection lost")] * len(late))

    def _refuse_rest(self) -> None:
        """What another thread handed in while the writer was ending."""
        while rest := self._take(self._queue.qsize()):
            self._answer(rest, [errors.stopped()] * len(rest))

    def _report(self, results: Sequence[Any]) -> None:
        on_group = self.on_group
        if on_group is not None:
            committed = sum(not isinstance(result, Exception) for result in results)
            if committed:
                self._reactor.callFromThread(on_group, committed)

    def _answer(self, group: Sequence[_Item], results: Sequence[Any]) -> None:
        """Threads that wait are told here, so that they do not depend on the reactor."""
        deferred: list[tuple[Deferred[Any], Any]] = []
        for item, result in zip(group, results, strict=True):
            if isinstance(item.waiting, Future):
                _settle(item.waiting, result)
            else:
                deferred.append((item.waiting, result))
        if deferred:
            self._reactor.callFromThread(_fire, deferred)


def _alone(session: WriteSession, unit: Unit) -> Any:
    """One unit whose failure leaves the transaction as it was."""
    session.run("SAVEPOINT unit")
    try:
        [result] = apply(session, [unit])
    except Exception as error:
        known = session.explain(error)
        if isinstance(known, Unavailable):
            raise
        session.run("ROLLBACK TO SAVEPOINT unit")
        result = known
    session.run("RELEASE SAVEPOINT unit")
    return result


def _fire(group: Sequence[tuple[Deferred[Any], Any]]) -> None:
    for waiting, result in group:
        if waiting.called:
            continue  # cancelled by the caller; it is committed all the same
        if isinstance(result, Exception):
            waiting.errback(result)
        else:
            waiting.callback(result)


def _settle(waiting: Future[Any], result: Any) -> None:
    if isinstance(result, Exception):
        waiting.set_exception(result)
    else:
        waiting.set_result(result)

"""A line to IBM MQ, by IBM's own client: everything in units of work, in a thread for each connection.

    put      MQPUT under syncpoint ──► MQCMIT: the message is there. Lost before the commit: certainly not there.
    take     MQGET under syncpoint ──► the work ──► MQCMIT; where the work fails MQBACK, then a pause

MQDISC commits what is open. So a line is always backed out before it is disconnected, and never disconnected by the
library itself when the process ends.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout

from gateway.contract import ConfigError, PartnerDown
from gateway.transports.mq.contract import Arrived
from gateway.transports.mq.ibmmq_calls import Calls, Got, NotPut
from gateway.transports.mq.lines import Ending, Taken, down, unknown
from gateway.transports.mq.settings import IbmMqSettings
from gateway.transports.mq.worker import Worker

_CLOSING = 3.0  # seconds: a get that is under way waits for one of them


def library() -> Any:
    """The package `ibmmq`. Raises ConfigError: it, or IBM's client libraries, are not installed."""
    try:
        return importlib.import_module("ibmmq")
    except (ImportError, OSError) as error:
        raise ConfigError(
            "未安装 IBM MQ 客户端：先装 IBM MQ 客户端库，再装 tongqu-gateway[ibmmq]",
            "the IBM MQ client is not installed: install IBM's client libraries, then tongqu-gateway[ibmmq]",
            path="kind",
        ) from error


async def open_line(mq: Any, settings: IbmMqSettings, reactor: Any) -> IbmMqLine:
    """Connect. Raises PartnerDown."""
    line = IbmMqLine(mq, settings, reactor)
    try:
        await line.begin()
    except BaseException:
        line.abandon("connecting was given up")
        raise
    return line


class IbmMqLine:
    """See `gateway.transports.mq.lines.Line`."""

    def __init__(self, mq: Any, settings: IbmMqSettings, reactor: Any) -> None:
        self.ending = Ending()
        self._mq = mq
        self._settings = settings
        self._reactor = reactor
        self._calls = Calls(mq, settings)
        self._worker = Worker("ibmmq", reactor)
        self._others: list[IbmMqLine] = []
        self._held: _Taken | None = None
        self._left = False

    async def begin(self) -> None:
        """Connect to the queue manager."""
        await self._do(self._calls.connect)

    async def put(self, queue: str, body: bytes, message_id: str, correlation_id: str | None) -> None:
        if self.ending.reason is not None:
            raise self.ending.reason
        putting = self._worker.do(lambda: self._calls.put(queue, body, message_id, correlation_id))
        try:
            await putting.addTimeout(self._settings.confirm_timeout, self._reactor)
        except NotPut as error:
            if not error.usable:
                self.abandon(str(error))
            raise down(str(error)) from error
        except DeferredTimeout:
            self.abandon("a put took too long")
            raise unknown(f"no commit within {self._settings.confirm_timeout:g} s") from None
        except CancelledError:
            raise
        except Exception as error:
            words = self._calls.words(error)
            self.abandon(words)
            raise unknown(words) from error

    async def read(self, queue: str, at_once: int, arrived: Callable[[Taken], None]) -> None:
        # A unit of work holds one message here, and a connection holds one unit of work.
        for _ in range(at_once - 1):
            other = await open_line(self._mq, self._settings, self._reactor)
            self._others.append(other)
            other.ending.wait().addCallback(self._lost)
            await other.read(queue, 1, arrived)
        await self._do(lambda: self._calls.open_for_getting(queue))
        Deferred.fromCoroutine(self._keep_getting(queue, arrived))

    async def look(self, queue: str) -> tuple[str, str] | None:
        try:
            await self._do(lambda: self._calls.look(queue))
        except PartnerDown as error:
            if self._calls.not_authorized(error.__cause__):
                words = self._calls.words(error.__cause__)
                return f"无查询权限，未能核实（{words}）", f"we may not inquire, so nobody knows ({words})"
            raise
        return None

    async def close(self) -> None:
        self._end(down("closed"))
        others = [Deferred.fromCoroutine(other.close()) for other in self._others]
        await gatherResults([self._leave(), *others])

    def abandon(self, why: str) -> None:
        """Let go at once: backed out and disconnected when the thread comes back."""
        self._lost(down(why))

    def _lost(self, reason: PartnerDown) -> None:
        """The lines that read one queue together end together: none may go on holding messages."""
        if self.ending.reason is None:
            self._end(reason)
            self._leave()
            for other in self._others:
                other._lost(reason)

    async def _settle(self, call: Callable[[], None]) -> None:
        """Commit or back out what was got. Where that fails, the line is over and the queue manager decides."""
        if self.ending.reason is None:
            try:
                await self._do(call)
            except PartnerDown as error:
                self._lost(error)

    async def done(self) -> None:
        """Commit."""
        await self._settle(self._calls.commit)

    async def back(self) -> None:
        """Back out."""
        await self._settle(self._calls.back_out)

    async def _keep_getting(self, queue: str, arrived: Callable[[Taken], None]) -> None:
        while self.ending.reason is None:
            try:
                got = await self._worker.do(self._calls.get)
            except Exception as error:
                self.abandon(self._calls.words(error))
                return
            if got is not None and self.ending.reason is None:
                self._held = _Taken(self, got, queue)
                arrived(self._held)
                await self._held.settled

    def _leave(self) -> Deferred[None]:
        """Once; fires when it is done, or has taken too long. What fails here is gone, and backed out, already."""
        if self._left:
            return succeed(None)
        self._left = True
        leaving = self._worker.do(self._calls.leave)
        self._worker.stop()
        return leaving.addTimeout(_CLOSING, self._reactor).addErrback(lambda _: None)

    def _end(self, reason: PartnerDown) -> None:
        self.ending.end(reason)
        if self._held is not None:
            self._held.settle()

    async def _do(self, call: Callable[[], None]) -> None:
        try:
            await self._worker.do(call).addTimeout(self._settings.confirm_timeout, self._reactor)
        except DeferredTimeout:
            raise down(f"no answer within {self._settings.confirm_timeout:g} s") from None
        except CancelledError:
            raise
        except Exception as error:
            raise down(self._calls.words(error)) from error


class _Taken:
    """A message in an open unit of work; the next one is got when it is settled."""

    def __init__(self, line: IbmMqLine, got: Got, queue: str) -> None:
        self.arrived = Arrived(got.body, queue, got.message_id, got.correlation_id, got.backouts > 0)
        self.failures = got.backouts
        self.settled: Deferred[None] = Deferred()
        self._line = line

    @property
    def gone(self) -> bool:
        return self._line.ending.reason is not None

    async def done(self) -> None:
        await self._line.done()
        self.settle()

    async def failed(self, pause: Callable[[], Awaitable[None]]) -> bool:
        await self._line.back()
        await pause()
        self.settle()
        return False

    def settle(self) -> None:
        """The unit of work is over, one way or the other."""
        if not self.settled.called:
            self.settled.callback(None)

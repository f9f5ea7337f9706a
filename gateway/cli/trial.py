"""Runs an adapter's connection test outside a gateway: with a context that can call out and accept nothing."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import structlog
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.python.failure import Failure

from gateway.contract import CheckStep, Context, Unavailable
from gateway.engine.config import Configuration, Partner
from gateway.transports.process import install_reactor

_SERIES = 1_000_000_000


class _TrialSerials:
    """Numbers from a random start: a test must not use up, nor meet, the numbers of real messages."""

    def __init__(self) -> None:
        self._next = _SERIES + secrets.randbelow(_SERIES)

    async def next(self, name: str) -> int:
        del name
        self._next += 1
        return self._next


class _Closed:
    """Stands where a running gateway has its inbox, listeners and replay guard: a test takes nothing in."""

    def __getattr__(self, name: str) -> Any:
        raise Unavailable("连接测试不接收报文", f"a connection test takes nothing in ({name})")


def run_check(configuration: Configuration, partner: Partner, timeout: float) -> list[CheckStep] | None:
    """The steps of the partner's test, failed ones included; None where its adapter has no test."""
    reactor = install_reactor()
    from gateway.engine.world import SystemClock  # noqa: PLC0415

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # the steps say it all
    with tempfile.TemporaryDirectory() as folder:
        closed: Any = _Closed()
        context = Context(
            partner=partner.name,
            region=partner.region,
            clock=SystemClock(),
            random=os.urandom,
            log=structlog.get_logger(),
            serials=_TrialSerials(),
            inbox=closed,
            replay=closed,
            listeners=closed,
            reactor=reactor,
            state_dir=Path(folder),
            mappings=configuration.gateway.mappings,
        )
        checker = partner.adapter.checker(partner.settings, context)
        if checker is None:
            return None
        steps: list[CheckStep] = []
        _turn(reactor, _collect(checker, steps), timeout, steps)
        return steps


async def _collect(checker: Any, steps: list[CheckStep]) -> None:
    async for step in checker.check():
        steps.append(step)


def _turn(reactor: Any, work: Any, timeout: float, steps: list[CheckStep]) -> None:
    """Turns the reactor until the work is done; whatever breaks it becomes a failed step."""

    def broken(failure: Failure) -> None:
        if isinstance(failure.value, Late):
            zh, en = f"{timeout:g} 秒内未完成", f"not done within {timeout:g} s"
        else:
            kind = type(failure.value).__name__
            zh, en = f"测试中断：{kind}", f"the test broke off: {kind}"
        steps.append(CheckStep(name="end", ok=False, zh=zh, en=en))

    def begin() -> None:
        done = Deferred.fromCoroutine(work).addTimeout(timeout, reactor)
        done.addErrback(broken).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()

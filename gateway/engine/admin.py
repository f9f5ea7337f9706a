"""What operators and orchestrators may ask a running gateway: health, readiness, metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway import __version__
from gateway.bus import Bus
from gateway.engine.deliver import Courier
from gateway.engine.observe.health import AdminHandler, LoopWatch, Probe, Verdict
from gateway.engine.observe.metrics import Metrics
from gateway.store.api import Store
from gateway.transports.http.listeners import Listeners, Mount
from scheduler import Duty

#: A checkpoint older than this many of its intervals, while entries wait, is a fault.
_LATE = 20


class AuditState(Protocol):
    """What is known of the audit log."""

    size: int
    checkpoint_at: float


class Admin:
    """The admin listener."""

    def __init__(
        self,
        *,
        node: str,
        store: Store,
        bus: Bus,
        audit: AuditState,
        audit_duty: Duty,
        checkpoint_interval: float,
        couriers: Mapping[str, Courier],
        taking: Callable[[], bool],
        metrics: Metrics,
        reactor: Any,
    ) -> None:
        self._store = store
        self._bus = bus
        self._audit = audit
        self._duty = audit_duty
        self._taking = taking
        self._latest = max(10.0, checkpoint_interval * _LATE)
        self._metrics = metrics
        self._loop = LoopWatch(reactor)
        parts: dict[str, Probe] = {"store": self._ask_store, "bus": self._ask_bus, "audit": self._ask_audit}
        parts["receivers"] = self._ask_receivers
        # Without the bus messages are accepted all the same: traffic need not go elsewhere.
        self._handler = AdminHandler(
            parts, metrics.exposition, reactor, self._loop, optional=frozenset({"bus"})
        )
        self._mounts: list[Mount] = []
        metrics.build(version=__version__, node=node, bus=type(bus).__name__)
        metrics.watch_bus(
            connected=lambda: float(bus.status.usable), unconfirmed=lambda: float(bus.status.unconfirmed)
        )
        self._backlog = 0
        metrics.watch_audit(
            size=lambda: float(audit.size),
            backlog=lambda: float(self._backlog),
            checkpoint_age=lambda: time.time() - audit.checkpoint_at,
        )
        for name, courier in couriers.items():
            metrics.watch_partner(name, up=_up(courier), in_flight=_in_flight(courier))

    async def start(self, listeners: Listeners, endpoint: str) -> None:
        """Opens the listener."""
        self._loop.start()
        self._mounts.append(await listeners.mount(endpoint, "/", self._handler))

    @property
    def port(self) -> int:
        """The real port."""
        return self._mounts[0].port

    async def stop(self) -> None:
        """Closes the listener."""
        self._loop.stop()
        for mount in self._mounts:
            await mount.unmount()

    async def count(self) -> None:
        """Counts the backlog, for metrics."""
        self._metrics.backlog(await self._store.counts())
        self._backlog = await self._store.audit_backlog()

    async def _ask_store(self) -> Verdict:
        await self._store.reserve("health", 1)  # a write, because reading would not notice a full disk
        return Verdict(True, "可读写", "readable and writable")

    def _ask_bus(self) -> Verdict:
        status = self._bus.status
        if status.usable:
            return Verdict(True, "已连接", "connected")
        return Verdict(
            False,
            f"{status.state}：{status.last_error or '尚未连接'}；报文照常接收，恢复后补发",
            f"{status.state}: {status.last_error or 'not connected yet'}; messages are accepted and follow later",
        )

    def _ask_receivers(self) -> Verdict:
        if self._taking():
            return Verdict(True, "已开始接收", "taking messages in")
        return Verdict(
            False, "正在启动或停止，接收端口没有全部打开", "starting or stopping: not all receivers are open"
        )

    def _ask_audit(self) -> Verdict:
        age = time.time() - self._audit.checkpoint_at
        if self._duty.failures or (self._audit.checkpoint_at and age > self._latest):
            return Verdict(
                False,
                f"审计日志 {age:.0f} 秒未推进，请查看日志 duty.failed",
                f"no step for {age:.0f} s: see duty.failed in the log",
            )
        return Verdict(True, f"{self._audit.size} 条", f"{self._audit.size} entries")


def _up(courier: Courier) -> Callable[[], float]:
    return lambda: float(courier.gate.open)


def _in_flight(courier: Courier) -> Callable[[], float]:
    return lambda: float(len(courier.in_flight))

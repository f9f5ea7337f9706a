"""Those who want to know how the bus is doing."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from gateway.bus.contract import BusStatus

log = structlog.get_logger("gateway.bus")


class Listeners:
    """Calls back at each change of state; one that fails does not keep the others from hearing."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[BusStatus], None]] = []

    def add(self, callback: Callable[[BusStatus], None]) -> Callable[[], None]:
        """Register; the returned function removes it again."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def tell(self, status: BusStatus) -> None:
        """Pass the news on."""
        for callback in tuple(self._callbacks):
            try:
                callback(status)
            except Exception:
                log.exception("bus.listener_failed", state=status.state)

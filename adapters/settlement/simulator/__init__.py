"""The province's platform on loopback: a real ledger behind the national interface, and switchable faults.

    simulator = await Simulator.start(reactor, Options(signature=False))
    …
    await simulator.stop()

In a process of its own: `python -m adapters.settlement.simulator --listen 127.0.0.1:0 --announce FILE`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint

from adapters.settlement.simulator.books import Options
from adapters.settlement.simulator.faults import KINDS, Fault, Faults
from adapters.settlement.simulator.ledger import Ledger, Settlement
from adapters.settlement.simulator.platform import Platform
from adapters.settlement.simulator.wire import SimulatorSite

__all__ = ["KINDS", "Fault", "Ledger", "Options", "Platform", "Settlement", "Simulator"]


class Simulator:
    """A running platform. Use `start`."""

    def __init__(self, platform: Platform, site: SimulatorSite, port: Any) -> None:
        self.platform = platform
        self._site = site
        self._listening = port
        self.port: int = port.getHost().port
        self.url = f"http://127.0.0.1:{self.port}/fsi/api/call"

    @classmethod
    async def start(
        cls,
        reactor: Any,
        options: Options | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> Simulator:
        """Listens; port 0 takes a free one."""
        options = options or Options()
        platform = Platform(options, now)
        site = SimulatorSite(options, reactor, platform, now)
        endpoint: Any = TCP4ServerEndpoint
        listening = await endpoint(reactor, port, interface=host, backlog=512).listen(site)
        return cls(platform, site, listening)

    @property
    def faults(self) -> Faults:
        return self._site.faults

    @property
    def ledger(self) -> Ledger:
        return self.platform.ledger

    def fault(self, kind: str, infno: str = "*", **more: Any) -> None:
        """Switches a fault on, once unless `count` says otherwise."""
        self.faults.active.append(Fault(kind, infno, **{"count": 1, **more}))

    async def stop(self) -> None:
        """Listens no more; open connections are the clients' to close."""
        await maybeDeferred(self._listening.stopListening)

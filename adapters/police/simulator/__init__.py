"""The police on loopback: a register of invented people behind three dialects, and switchable faults.

    simulator = await Simulator.start(reactor)
    …
    await simulator.stop()

In a process of its own: `python -m adapters.police.simulator --listen 127.0.0.1:9103 --announce FILE`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint

from adapters.police.simulator.faults import KINDS, Fault
from adapters.police.simulator.options import Options
from adapters.police.simulator.platform import Platform
from adapters.police.simulator.register import Person, invented, numbered
from adapters.police.simulator.wire import Site
from gateway.transports.http import HttpClient

__all__ = ["KINDS", "Fault", "Options", "Person", "Platform", "Simulator", "invented", "numbered"]


class Simulator:
    """A running partner. Use `start`."""

    def __init__(self, platform: Platform, http: HttpClient, port: Any) -> None:
        self.platform = platform
        self._http = http
        self._listening = port
        self.port: int = port.getHost().port
        self.url = f"http://127.0.0.1:{self.port}"

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
        http = HttpClient(reactor=reactor)

        def push(part: bytes) -> None:
            kind = ("Content-Type", "application/json; charset=utf-8")
            authorization = options.push_authorization
            headers = (kind, ("Authorization", authorization)) if authorization else (kind,)
            # Whether it arrives is the receiver's business: it may be down, and then the part is lost.
            http.request("POST", options.push_to, headers=headers, body=part).addErrback(lambda _: None)

        platform = Platform(options, now, push)
        endpoint: Any = TCP4ServerEndpoint
        listening = await endpoint(reactor, port, interface=host, backlog=512).listen(Site(platform, reactor))
        return cls(platform, http, listening)

    def fault(self, kind: str, **more: Any) -> None:
        """Switches a fault on for the next request."""
        self.platform.faults.add(Fault(kind, **more))

    async def stop(self) -> None:
        """Listens no more; open connections are the clients' to close."""
        self._http.close()
        await maybeDeferred(self._listening.stopListening)

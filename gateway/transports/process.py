"""A process with a reactor of its own: the gateway, and the simulators of partners."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any


def install_reactor() -> Any:
    """Twisted on an asyncio loop of uvloop; before anything imports a reactor."""
    import uvloop  # noqa: PLC0415 - a reactor must be chosen before it is imported
    from twisted.internet.main import installReactor  # noqa: PLC0415

    from gateway.transports.reactor import Reactor  # noqa: PLC0415

    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    installReactor(Reactor(loop))  # type: ignore[no-untyped-call]
    from twisted.internet import reactor  # noqa: PLC0415

    return reactor


def serve(start: Callable[[Any], Awaitable[object]]) -> None:
    """Runs a reactor of its own until SIGTERM. `start` is called with it; what it raises is said in one line,
    and ends the process."""
    reactor = install_reactor()
    from twisted.internet.defer import Deferred  # noqa: PLC0415

    def failed(failure: Any) -> None:
        sys.stderr.write(f"{failure.getErrorMessage()}\n")
        reactor.stop()

    async def started() -> None:
        await start(reactor)

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(started()).addErrback(failed))
    reactor.run()


def announce(port: int, url: str, file: Path | None) -> None:
    """Tells whoever started this process where it listens: one line of JSON, and the same in `file`."""
    text = json.dumps({"port": port, "url": url, "pid": os.getpid()}) + "\n"
    if file is not None:
        # Renamed into place, so that whoever waits for the file never reads half of it.
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(file)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(text)
        sys.stdout.flush()

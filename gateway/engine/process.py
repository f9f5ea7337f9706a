"""The gateway as a process: reactor, signals, exit code."""

from __future__ import annotations

import gc
from pathlib import Path

from gateway.transports.process import install_reactor


def run(folder: Path) -> int:
    """Runs the gateway until SIGTERM or SIGINT; returns the exit code.

    Raises:
        gateway.engine.config.ConfigurationError: with every problem of the configuration.
    """
    reactor = install_reactor()
    from twisted.internet.defer import Deferred  # noqa: PLC0415
    from twisted.python.failure import Failure  # noqa: PLC0415

    from gateway.engine import config  # noqa: PLC0415
    from gateway.engine.assembly import Gateway  # noqa: PLC0415
    from gateway.engine.observe import logs  # noqa: PLC0415

    configuration = config.load(folder)
    log = logs.configure(configuration.gateway.logs, later=reactor.callLater)
    gateway = Gateway(configuration, reactor)
    code = 0

    def failed(failure: Failure) -> None:
        nonlocal code
        code = 3
        gateway.log.error(
            "gateway.failed", error=type(failure.value).__name__, reason=failure.getErrorMessage()
        )
        gateway.store.on_lost(lambda: None)  # it ends with us, and that is not why we end
        failure.printTraceback()  # type: ignore[no-untyped-call]
        reactor.stop()

    def begin() -> None:
        Deferred.fromCoroutine(gateway.start()).addCallbacks(started, failed)

    def started(_: object) -> None:
        # What was built until here lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(gateway.stop()).addErrback(failed)
        )

    reactor.callWhenRunning(begin)
    reactor.run()
    log.stop()
    return code

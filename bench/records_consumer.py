"""A system of the house that reads a feed: `python -m bench.records_consumer AMQP QUEUE SPOOL COUNT`.

It writes what comes to a file, acknowledges it, and prints, as JSON, when the first came and when the last of COUNT
distinct messages did. What is in the file is looked at afterwards: the machine has few processors.
"""

from __future__ import annotations

import sys

from gateway.transports.process import install_reactor

reactor = install_reactor()

import json  # noqa: E402
import struct  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import structlog  # noqa: E402
from pydantic import SecretStr  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402

from gateway.bus import BusSettings, Delivered, make_bus  # noqa: E402

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
_HEAD = struct.Struct(">HI")


def spooled(path: Path) -> Iterator[tuple[str, bytes]]:
    """(message id, body) of everything that came."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            name, size = _HEAD.unpack(head)
            yield file.read(name).decode(), file.read(size)


async def consume(amqp: str, queue: str, spool: Path, expected: int) -> None:
    """Until the process is ended."""
    bus = make_bus(BusSettings(kind="rabbitmq", url=SecretStr(amqp)), reactor)
    await bus.start()
    out = spool.open("wb", buffering=1 << 20)
    seen: set[int] = set()
    first, total = 0.0, 0

    def take(delivered: Delivered) -> None:
        nonlocal first, total
        first = first or time.time()
        total += 1
        identity = delivered.message_id.encode()
        out.write(_HEAD.pack(len(identity), len(delivered.body)) + identity + delivered.body)
        seen.add(int(delivered.message_id.rpartition("-")[2]))
        delivered.ack()
        if len(seen) == expected:
            expected_all()

    def expected_all() -> None:
        out.flush()
        told = {"first": first, "last": time.time(), "total": total, "distinct": len(seen)}
        print(json.dumps(told), flush=True)

    await bus.declare(queue, [])
    await bus.consume(queue, take, 1000)
    print("ready", flush=True)


def main(amqp: str, queue: str, spool: str, count: str) -> None:
    """Runs until SIGTERM."""
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(consume(amqp, queue, Path(spool), int(count))))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

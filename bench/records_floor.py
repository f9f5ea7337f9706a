"""The floor of the records benchmark: `python -m bench.records_floor AMQP QUEUE FILE`.

Reads the lines, takes them apart, puts JSON together by hand, publishes it in confirmed windows. Nothing is checked,
kept, sealed, committed or audited, and a crash loses the place. Prints, as JSON, when the last was confirmed.
"""

from __future__ import annotations

import sys

from gateway.transports.process import install_reactor

reactor = install_reactor()

import json  # noqa: E402
import time  # noqa: E402
from collections import deque  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import structlog  # noqa: E402
from pydantic import SecretStr  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402

from gateway.bus import BusSettings, make_bus  # noqa: E402

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
_WINDOW = 2_000
_RECORD = (
    '{"id":"floor-%s","type":"payment.item.returned.v1","data":{"batch_id":"%s","result":{"sequence":%d,'
    '"account_no":"%s","name":"%s","amount":%d,"status":"%s","raw_text":"%s","settled_on":"%s-%s-%s",'
    '"bank_reference":"%s"}}}'
)


def windows(path: Path) -> Iterator[list[tuple[str, bytes]]]:
    """What is published together."""
    with path.open(encoding="gbk", newline="\r\n") as file:
        batch = file.readline().split("|")[3]
        window: list[tuple[str, bytes]] = []
        for line in file:
            number, account, name, amount, code, text, day, reference, _ = line.split("|")
            record = (
                number, batch, int(number), account, name, int(amount.replace(".", "")), code, text,
                day[:4], day[4:6], day[6:], reference,
            )  # fmt: skip
            window.append((f"floor-{number}", (_RECORD % record).encode()))
            if len(window) == _WINDOW:
                yield window
                window = []
        if window:
            yield window


async def publish(amqp: str, queue: str, path: Path) -> None:
    """All of it, two windows under way at a time."""
    bus = make_bus(BusSettings(kind="rabbitmq", url=SecretStr(amqp)), reactor)
    await bus.start()
    await bus.declare(queue, [])
    began, out, count = time.time(), deque[Deferred[None]](), 0
    for window in windows(path):
        out.append(bus.publish_many(queue, window, {}))
        count += len(window)
        if len(out) == 2:
            await out.popleft()
    for confirmed in out:
        await confirmed
    print(json.dumps({"records": count, "began": began, "ended": time.time()}), flush=True)
    await bus.stop()


def main(amqp: str, queue: str, path: str) -> None:
    """Runs to its end."""

    def begin() -> None:
        Deferred.fromCoroutine(publish(amqp, queue, Path(path))).addErrback(
            lambda failure: failure.printTraceback()
        ).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

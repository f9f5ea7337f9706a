"""A gateway with one bank that gives one file: `python -m bench.records_gateway FOLDER AMQP FILE [feed|book]`.

Engine, store process, audit log, chest and bus are the real ones; the bank is a receiver of a few lines, which does what
the bank adapter does with a return file: map it row by row, check its totals, keep it, accept it. Prints, as JSON, the
message's id and the seconds of each stage, then goes on until it is ended.
"""

from __future__ import annotations

import sys

from gateway.transports.process import install_reactor

reactor = install_reactor()

import json  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import structlog  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402

from bench.records_config import configuration  # noqa: E402
from gateway.contract import Context, Inbound  # noqa: E402
from gateway.engine.assembly import Gateway  # noqa: E402
from mappings import SHIPPED, load  # noqa: E402

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


class Bank:
    """Gives its file as soon as it is started, once."""

    def __init__(self, file: Path, context: Context) -> None:
        self._file = file
        self._context = context
        self._mapping = load(SHIPPED / "bank" / "ybdf.return.yaml")

    async def start(self) -> None:
        """See `gateway.contract.Receiver`."""
        Deferred.fromCoroutine(self._give()).addErrback(_failed)

    async def stop(self) -> None:
        """See `gateway.contract.Receiver`."""

    async def _give(self) -> None:
        began = time.perf_counter()
        inbox = self._context.inbox
        with self._file.open("rb") as stream, self._mapping.read(stream) as rows:
            kept = await inbox.keep(self._file, name=self._file.name, records=rows)
            body = rows.body
        ended = time.perf_counter()
        receipt = await inbox.accept(
            Inbound(
                body=body,
                raw=b"",
                partner_message_id=f"return/{body.batch_id}/{kept.sha256[:16]}",
                region="990101",
                mapping=self._mapping.name,
                subject=body.batch_id,
                attachment=kept,
            )
        )
        said = {
            "message": receipt.message_id,
            "records": kept.records,
            "bytes": kept.size,
            "keep_s": ended - began,
            "accept_s": time.perf_counter() - ended,
            "accepted_at": time.time(),
        }
        print(json.dumps(said), flush=True)


def _failed(failure: Any) -> None:
    failure.printTraceback()
    reactor.stop()


def main(folder: str, amqp: str, file: str, job: str = "feed") -> None:
    """Runs until SIGTERM."""
    assert job in ("feed", "book")
    configured = configuration(Path(folder), amqp, job, lambda context: Bank(Path(file), context))
    gateway = Gateway(configured, reactor)
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(gateway.start()).addErrback(_failed))
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(gateway.stop()))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

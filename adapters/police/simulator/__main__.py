"""Runs the simulator in a process of its own; SIGTERM stops it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvloop
from twisted.internet import asyncioreactor


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m adapters.police.simulator", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:9103", metavar="HOST:PORT")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the address here as JSON")
    parser.add_argument("--licence", default="DEMO-LICENCE-0001")
    parser.add_argument("--token", default="DEMO-POLICE-0001")
    parser.add_argument("--unit", default="虚构医保局01")
    parser.add_argument("--sender-id", default="C99-00000001")
    parser.add_argument("--daily", type=int, help="persons a day")
    parser.add_argument("--no-photos", action="store_true")
    parser.add_argument("--push-to", default="", metavar="URL", help="deliver answers to rolls there")
    parser.add_argument("--push-authorization", default="")
    parser.add_argument("--people", type=int, default=1000, help="invented people in the register")
    parser.add_argument(
        "--person", action="append", default=[], metavar="NUMBER:NAME", help="a further invented person"
    )
    return parser.parse_args()


def _announce(simulator: Any, file: Path | None) -> None:
    text = json.dumps({"port": simulator.port, "url": simulator.url, "pid": os.getpid()}) + "\n"
    if file is not None:
        # Renamed into place, so that whoever waits for the file never reads half of it.
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(file)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(text)
        sys.stdout.flush()


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    install: Any = asyncioreactor.install
    install(loop)
    from twisted.internet import reactor as installed  # noqa: PLC0415 - only after the install
    from twisted.internet.defer import Deferred  # noqa: PLC0415

    from adapters.police.simulator import Options, Person, Simulator  # noqa: PLC0415

    reactor: Any = installed
    options = Options(
        licence=arguments.licence,
        token=arguments.token,
        unit=arguments.unit,
        sender_id=arguments.sender_id,
        daily=arguments.daily,
        photos=not arguments.no_photos,
        push_to=arguments.push_to,
        push_authorization=arguments.push_authorization,
    )
    host, _, port = arguments.listen.rpartition(":")

    async def serve() -> None:
        simulator = await Simulator.start(reactor, options, host=host, port=int(port))
        simulator.platform.register.fill(arguments.people)
        for entry in arguments.person:
            number, _, name = entry.partition(":")
            simulator.platform.register.add(Person(number, name))
        _announce(simulator, arguments.announce)

    def failed(failure: Any) -> None:
        sys.stderr.write(f"{failure.getErrorMessage()}\n")
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(serve()).addErrback(failed))
    reactor.run()


if __name__ == "__main__":
    main()

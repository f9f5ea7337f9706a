"""Runs the simulator in a process of its own; SIGTERM stops it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adapters.police.simulator import Options, Person, Simulator
from gateway.transports.process import announce, serve


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


def main() -> None:
    """Entry point."""
    arguments = _arguments()
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

    async def start(reactor: Any) -> None:
        simulator = await Simulator.start(reactor, options, host=host, port=int(port))
        simulator.platform.register.fill(arguments.people)
        for entry in arguments.person:
            number, _, name = entry.partition(":")
            simulator.platform.register.add(Person(number, name))
        announce(simulator.port, simulator.url, arguments.announce)

    serve(start)


if __name__ == "__main__":
    main()

"""Runs the simulator in a process of its own; SIGTERM stops it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adapters.settlement.simulator import Options, Simulator
from gateway.transports.process import announce, serve


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m adapters.settlement.simulator", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the address here as JSON")
    parser.add_argument("--paasid", default="demo-app")
    parser.add_argument("--token", default="DEMO-TOKEN-0001")
    parser.add_argument("--no-signature", action="store_true", help="take requests without x-tif headers")
    parser.add_argument("--window", type=float, default=300.0, help="seconds a timestamp may be off")
    parser.add_argument("--sign-in", action="store_true", help="demand a sign_no from 9001")
    parser.add_argument("--not-found", choices=["failure", "success"], default="failure", help="of 2601")
    parser.add_argument(
        "--duplicate-rows", choices=["refuse", "replace"], default="refuse", help="of 2204, 2301"
    )
    parser.add_argument("--no-details", action="store_true", help="settle without fee details")
    parser.add_argument("--unknown-person", action="append", default=[], metavar="NUMBER")
    parser.add_argument("--seed", type=int, default=1, help="of the faults' probabilities")
    parser.add_argument("--fast", action="store_true", help="no request log, no stored answers")
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    options = Options(
        paasid=arguments.paasid,
        token=arguments.token,
        signature=not arguments.no_signature,
        window=arguments.window,
        sign_in=arguments.sign_in,
        reversal_not_found=arguments.not_found,
        duplicate_rows=arguments.duplicate_rows,
        need_details=not arguments.no_details,
        fast=arguments.fast,
        seed=arguments.seed,
    )
    host, _, port = arguments.listen.rpartition(":")

    async def start(reactor: Any) -> None:
        simulator = await Simulator.start(reactor, options, host=host, port=int(port))
        simulator.ledger.not_found.update(arguments.unknown_person)
        announce(simulator.port, simulator.url, arguments.announce)

    serve(start)


if __name__ == "__main__":
    main()

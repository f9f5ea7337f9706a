"""Runs a bank reached by files, in a process of its own; SIGTERM stops it. What it is told meanwhile: `orders.py`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adapters.bank.files.profile import shipped_profiles
from adapters.bank.simulator.faults import KINDS
from adapters.bank.simulator.files import PASSWORD, USER, FileBank
from adapters.bank.simulator.orders import obey
from gateway.transports.process import announce, serve


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m adapters.bank.simulator", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:9122", metavar="HOST:PORT", help="SFTP; /in and /out")
    parser.add_argument("--folder", type=Path, default=Path("var/bank-simulator"), help="books and files")
    parser.add_argument(
        "--profile", default="shipped:ybdf", help=f"{', '.join(shipped_profiles())}, or a file"
    )
    parser.add_argument("--party", default="990101", help="the number by which it knows us")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the address here as JSON")
    parser.add_argument(
        "--fault", action="append", default=[], choices=sorted(KINDS), help="for the next time"
    )
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    host, _, port = arguments.listen.rpartition(":")
    profile = arguments.profile if arguments.profile.startswith("shipped:") else Path(arguments.profile)

    async def start(reactor: Any) -> None:
        from twisted.internet.task import LoopingCall  # noqa: PLC0415 - not before the reactor is installed

        bank = FileBank(arguments.folder, profile, arguments.party, address=(host, int(port)))
        for fault in arguments.fault:
            bank.faults.add(fault)
        known = f"[{host}]:{bank.server.port} {bank.server.host_key}\n"
        (arguments.folder / "known_hosts").write_text(known, encoding="ascii")
        orders = arguments.folder / "orders"
        orders.mkdir(exist_ok=True)
        bank.start()
        LoopingCall(obey, bank, orders).start(0.2)
        reactor.addSystemEventTrigger("before", "shutdown", bank.stop)
        announce(bank.server.port, f"sftp://{USER}:{PASSWORD}@{host}:{bank.server.port}/", arguments.announce)

    serve(start)


if __name__ == "__main__":
    main()

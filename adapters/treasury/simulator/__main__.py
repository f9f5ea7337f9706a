"""Runs a treasury network, centre and one bank, in a process of its own; SIGTERM stops it. Orders: `orders.py`.

`--show` prints the books of a folder instead.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from adapters.treasury.simulator import PASSWORD, Network, Options, declare, queues
from adapters.treasury.simulator.accounts import Accounts
from adapters.treasury.simulator.faults import parse
from adapters.treasury.simulator.keys import KINDS
from adapters.treasury.simulator.orders import obey
from gateway.transports.mq import AmqpSettings
from gateway.transports.process import announce, serve

_CHINA = dt.timezone(dt.timedelta(hours=8))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m adapters.treasury.simulator", description=__doc__)
    parser.add_argument("--mq", default="amqp://guest:guest@127.0.0.1:5672/", metavar="URL")
    parser.add_argument("--folder", type=Path, default=Path("var/treasury-simulator"), help="books and keys")
    parser.add_argument("--node", default="299010100001", help="the node that may log in")
    parser.add_argument("--password", default=PASSWORD, help="of that node")
    parser.add_argument("--bank", default="999100000011", help="clearing number of the bank")
    parser.add_argument("--seal", choices=KINDS, default="keyed-sm3", help="how messages are sealed")
    parser.add_argument("--work-date", metavar="YYYYMMDD", help="of new books; default: today")
    parser.add_argument("--part-size", type=int, default=1000, help="rows of a part of the day's check")
    parser.add_argument("--accounts", type=Path, metavar="CSV", help="accounts and agreements of the bank")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="say here as JSON that it runs")
    parser.add_argument("--fault", action="append", default=[], help="of the centre, for the next time")
    parser.add_argument("--show", action="store_true", help="print the books, and end")
    return parser.parse_args()


def _show(folder: Path) -> None:
    accounts = Accounts(folder / "bank.sqlite")
    shown = {"balanced": accounts.balanced(), "twice": accounts.twice(), "debited": accounts.debited()}
    sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")


def _mq(url: str) -> AmqpSettings:
    parts = urlsplit(url)
    return AmqpSettings.model_validate(
        {
            "kind": "amqp", "address": f"{parts.hostname}:{parts.port or 5672}",
            "user": unquote(parts.username or "guest"), "password": unquote(parts.password or "guest"),
            "vhost": unquote(parts.path[1:]) or "/",
        }
    )  # fmt: skip


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    if arguments.show:
        _show(arguments.folder)
        return
    today = f"{dt.datetime.now(_CHINA):%Y%m%d}"
    options = Options(
        work_date=arguments.work_date or today, node=arguments.node, bank=arguments.bank,
        password=arguments.password, seal=arguments.seal, part_size=arguments.part_size,
    )  # fmt: skip
    faults = [parse(fault) for fault in arguments.fault]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    declare(arguments.mq, queues(options))

    async def start(reactor: Any) -> None:
        # Not before the reactor is installed.
        from twisted.internet.defer import Deferred  # noqa: PLC0415
        from twisted.internet.task import LoopingCall  # noqa: PLC0415

        log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
        network = await Network.start(reactor, _mq(arguments.mq), arguments.folder, options, log)
        if arguments.accounts is not None:
            network.bank.accounts.enter(arguments.accounts)
        for fault in faults:
            network.centre.post.faults.add(fault)
        orders = arguments.folder / "orders"
        orders.mkdir(exist_ok=True)
        LoopingCall(obey, network, orders).start(0.1)
        reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(network.stop()))
        announce(urlsplit(arguments.mq).port or 5672, arguments.mq, arguments.announce)

    serve(start)


if __name__ == "__main__":
    main()

"""A bank reached online, on loopback: real HTTP, real signatures, books that count, and switchable faults.

    simulator = await OnlineBank.start(reactor, "cmb-cdc")
    simulator.fault("drop-after", "BB6BTHHL")
    assert simulator.books.executed["YB990101202611200001"] == 1
    await simulator.stop()

In a process of its own: `python -m adapters.bank.simulator.online --kind cmb-cdc --keys FOLDER`.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import maybeDeferred

from adapters.bank.simulator.online_books import Books
from adapters.bank.simulator.online_cdc import Cdc, Keys
from adapters.bank.simulator.online_wire import Fault, Site
from adapters.bank.simulator.online_xml import FrontEnd
from gateway.crypto.keyfiles import write_private
from gateway.transports.process import announce, serve

_CHINA: Final = dt.timezone(dt.timedelta(hours=8))


class OnlineBank:
    """A running bank. Use `start`."""

    def __init__(self, bank: Cdc | FrontEnd, port: Any) -> None:
        self.bank = bank
        self.books = bank.books
        self._listening = port
        self.port: int = port.getHost().port
        self.url = f"http://127.0.0.1:{self.port}/"

    @classmethod
    async def start(
        cls,
        reactor: Any,
        kind: str,
        keys: Keys | None = None,
        *,
        progress: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> OnlineBank:
        """Listens; port 0 takes a free one.

        Args:
            kind: `cmb-cdc` or `cmb-xml`.
            progress: how often a batch is asked about before it is finished.
        """
        from twisted.internet.endpoints import TCP4ServerEndpoint  # noqa: PLC0415 - it imports a reactor

        def moment() -> dt.datetime:
            return dt.datetime.fromtimestamp(now(), _CHINA)

        books = Books(progress)
        bank: Cdc | FrontEnd = (
            Cdc(books, keys or Keys(), lambda: f"{moment():%Y%m%d%H%M%S}")
            if kind == "cmb-cdc"
            else FrontEnd(books, lambda: moment().date())
        )
        endpoint: Any = TCP4ServerEndpoint
        return cls(bank, await endpoint(reactor, port, interface=host).listen(Site(bank, reactor)))

    def fault(self, kind: str, function: str = "*", **more: Any) -> None:
        """Switches a fault on for the next request of this function."""
        self.bank.faults.add(Fault(kind, function, **more))

    async def stop(self) -> None:
        """Listens no more; open connections are the clients' to close."""
        await maybeDeferred(self._listening.stopListening)


def write_keys(keys: Keys, folder: Path) -> None:
    """The files that a client's settings name: `client.pem`, `bank.pub` (hexadecimal) and `sm4.key`; and `bank.pem`, so that
    the bank is the same one when it is started again."""
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / "client.pem", keys.client_der)
    write_private(folder / "bank.pem", keys.bank_der)
    (folder / "bank.pub").write_text(keys.bank.public.point.hex() + "\n")
    secret = folder / "sm4.key"
    secret.touch(0o600)
    secret.write_bytes(keys.sm4)


def read_keys(folder: Path) -> Keys:
    """What `write_keys` has written."""
    client, bank = (_der(folder / name) for name in ("client.pem", "bank.pem"))
    return Keys(client, bank, (folder / "sm4.key").read_bytes())


def _der(file: Path) -> bytes:
    return base64.b64decode("".join(file.read_text().splitlines()[1:-1]))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m adapters.bank.simulator.online", description=__doc__)
    parser.add_argument("--kind", choices=("cmb-cdc", "cmb-xml"), default="cmb-cdc")
    parser.add_argument("--listen", default="127.0.0.1:9105", metavar="HOST:PORT")
    parser.add_argument("--announce", type=Path, metavar="FILE", help="write the address here as JSON")
    parser.add_argument(
        "--keys", type=Path, metavar="FOLDER", help="the client's key files, made where there are none"
    )
    parser.add_argument("--progress", type=int, default=1, help="queries until a batch is finished")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    folder = arguments.keys
    known = folder is not None and (folder / "bank.pem").exists()
    keys = read_keys(folder) if known else Keys()
    if folder is not None and not known:
        write_keys(keys, folder)

    async def start(reactor: Any) -> None:
        bank = await OnlineBank.start(
            reactor, arguments.kind, keys, progress=arguments.progress, host=host, port=int(port)
        )
        announce(bank.port, bank.url, arguments.announce)

    serve(start)


if __name__ == "__main__":
    main()

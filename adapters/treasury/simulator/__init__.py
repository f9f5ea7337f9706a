"""The treasury network to practise with: its centre and one bank, on real queues, with real books and switchable faults.

    network = await Network.start(reactor, mq, folder)
    network.centre.post.faults.add(parse("lose-2001"))
    assert not network.bank.accounts.twice()
    await network.stop()

In a process of its own: `python -m adapters.treasury.simulator`. What is unknown about the network (what its states are
called, what it says to whoever has not logged in) is invented here, and so are all persons, accounts and keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from adapters.treasury.simulator import keys
from adapters.treasury.simulator.accounts import Accounts
from adapters.treasury.simulator.bank import Bank
from adapters.treasury.simulator.books import Books
from adapters.treasury.simulator.centre import Centre
from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.faults import BANK, CENTRE, Faults
from adapters.treasury.simulator.post import CENTRE as CENTRE_NODE
from adapters.treasury.simulator.post import Post
from gateway.contract import Log
from gateway.transports.mq import AmqpSettings, Arrived, MqLink, connect

PASSWORD: Final = "DEMO-TREASURY-0001"  # noqa: S105 - of a simulation, in plain sight


class Options(Struct, frozen=True, kw_only=True):
    """What a network is like.

    Attributes:
        work_date: yyyyMMdd, of new books; afterwards they know it.
        part_size: rows of one part of a day's check at most.
    """

    work_date: str
    node: str = "299010100001"
    bank: str = "999100000011"
    password: str = PASSWORD
    seal: str = "keyed-sm3"
    part_size: int = 1000


def queues(options: Options) -> list[str]:
    """All queues of the network; they are its own to make."""
    ways = ("ONLINE", "BATCH")
    out = [f"PBC.{node}.{way}.OUT" for node in (options.node, options.bank) for way in ways]
    return [*(f"PBC.EXT.{way}.IN" for way in ways), *out]


class Network:
    """A running centre and a running bank. Use `start`."""

    def __init__(self, centre: Centre, bank: Bank, link: MqLink) -> None:
        self.centre = centre
        self.bank = bank
        self._link = link

    @classmethod
    async def start(cls, reactor: Any, mq: AmqpSettings, folder: Path, options: Options, log: Log) -> Network:
        """Takes from its queues at once; they must be there, see `declare`.

        Args:
            folder: there already, for books and keys; used again, they are those of before.
        """
        link = connect(mq, reactor, log)
        books = Books(folder / "centre.sqlite", options.work_date)
        books.enter(options.node, options.password)
        accounts = Accounts(folder / "bank.sqlite")

        def post(node: str, whose: str, faults: Faults, name: str) -> Post:
            seal = keys.seal(options.seal, folder / "keys", whose)
            return Post(
                node, link, seal, faults, reactor,
                lambda: f"{books.work_date}{books.next(name):012d}", lambda: books.work_date,
            )  # fmt: skip

        banks = frozenset({options.bank})
        desk = Desk(books, post(CENTRE_NODE, "centre", Faults(CENTRE), "centre"), banks)
        network = cls(
            Centre(desk, reactor, options.part_size),
            Bank(accounts, post(options.bank, "bank", Faults(BANK), "bank")),
            link,
        )
        # Keys of the node that is to join.
        keys.seal_settings(options.seal, folder / "keys", "node")
        await network._consume(options)
        return network

    async def stop(self) -> None:
        """Takes nothing more; what is under way ends first."""
        await self._link.close()
        self.centre.books.close()
        self.bank.accounts.close()

    async def _consume(self, options: Options) -> None:
        async def to_centre(arrived: Arrived) -> None:
            await self.centre.take(arrived.body)

        async def to_bank(arrived: Arrived) -> None:
            await self.bank.take(arrived.body)

        for queue in queues(options):
            if queue.startswith("PBC.EXT."):
                await self._link.consume(queue, to_centre)
            elif options.bank in queue:
                await self._link.consume(queue, to_bank)


def declare(url: str, names: Sequence[str], *, empty: bool = False) -> None:
    """Makes durable queues; blocks.

    Args:
        url: amqp://user:password@host:port/vhost
        empty: throw away what is on them.
    """
    import pika  # noqa: PLC0415 - its blocking connection is for set-up only

    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        for name in names:
            channel.queue_declare(name, durable=True)
            if empty:
                channel.queue_purge(name)
    finally:
        connection.close()

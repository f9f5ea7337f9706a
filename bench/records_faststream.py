"""The peer: the same file split by FastStream, as its documentation shows it: `python -m bench.records_faststream AMQP QUEUE FILE`.

A model per record, one publish per record with the broker's confirmation, 500 at a time. Nothing is kept or audited.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue
from pydantic import BaseModel

_AT_ONCE = 500


class Item(BaseModel):
    """One line of the file."""

    sequence: int
    account_no: str
    name: str
    amount: Decimal
    status: str
    raw_text: str
    settled_on: date
    bank_reference: str


def items(path: Path) -> Iterator[Item]:
    """The lines of the file."""
    with path.open(encoding="gbk", newline="\r\n") as file:
        file.readline()
        for line in file:
            number, account, name, amount, code, text, day, reference, _ = line.split("|")
            yield Item(
                sequence=int(number),
                account_no=account,
                name=name,
                amount=Decimal(amount),
                status=code,
                raw_text=text,
                settled_on=datetime.strptime(day, "%Y%m%d").date(),
                bank_reference=reference,
            )


async def main(amqp: str, queue: str, path: str) -> None:
    """Publishes all of it, and says how long it took."""
    async with RabbitBroker(amqp, log_level=40) as broker:
        await broker.declare_queue(RabbitQueue(queue, durable=True, queue_type=QueueType.QUORUM))
        began, count, rest = time.time(), 0, items(Path(path))
        while batch := list(islice(rest, _AT_ONCE)):
            await asyncio.gather(
                *(
                    broker.publish(
                        item,
                        queue=queue,
                        message_id=f"peer-{item.sequence}",
                        persist=True,
                    )
                    for item in batch
                )
            )
            count += len(batch)
        print(json.dumps({"records": count, "began": began, "ended": time.time()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

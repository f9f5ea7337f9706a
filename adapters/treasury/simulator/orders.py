"""What a network in a process of its own is told to do: an empty file in its folder `orders`, whose name is the order.

touch FOLDER/orders/fault-lose-2001         a fault of the centre, for the next time; see `faults.py`
touch FOLDER/orders/fault-late-2001=8       the same with seconds; `x3` behind it: for the next three times
touch FOLDER/orders/bank-in-doubt-after     a fault of the bank
touch FOLDER/orders/day-end                 the day is compared with the bank, then told to the collectors (3122, 3200, 3201)
touch FOLDER/orders/day-end=20261120        the same for another day
touch FOLDER/orders/tell                    3122, 3200 and 3201 once more, without the bank
touch FOLDER/orders/day-switch              the next working day (9101); or day-switch=20261123
touch FOLDER/orders/state=2                 9101 with this state of the system, and the same day
touch FOLDER/orders/log-out                 everybody is logged out (9103)
touch FOLDER/orders/trouble                 a trouble notice (9102); `stop`: a stop notice (9104)
"""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.treasury.simulator import Network
from adapters.treasury.simulator.faults import parse


async def obey(network: Network, folder: Path) -> None:
    """Carries out what is there, in the order of the names; what it does not understand it says, once."""
    for order in _taken(folder):
        try:
            await _carry_out(network, order)
        except ValueError as error:
            sys.stderr.write(f"{order}: {error}\n")


def _taken(folder: Path) -> list[str]:
    orders = sorted(folder.iterdir())
    for order in orders:
        order.unlink()
    return [order.name for order in orders]


async def _carry_out(network: Network, order: str) -> None:
    centre = network.centre
    word, _, value = order.partition("=")
    if order.startswith("fault-"):
        centre.post.faults.add(parse(order.removeprefix("fault-")))
    elif order.startswith("bank-"):
        network.bank.faults.add(parse(order.removeprefix("bank-")))
    elif word == "day-end":
        await centre.day_end.close(value or centre.books.work_date)
    elif word == "tell":
        await centre.day_end.tell(value or centre.books.work_date)
    elif word == "day-switch":
        await centre.session.change_day(value)
    elif word == "state":
        await centre.session.state(value)
    elif word == "log-out":
        for node in centre.books.present():
            await centre.session.force_out(node)
    elif word == "trouble":
        await centre.session.trouble()
    elif word == "stop":
        await centre.session.stop_notice()
    else:
        raise ValueError("no such order")

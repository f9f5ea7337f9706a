"""What a bank in a process of its own is told to do: an empty file in its folder `orders`, whose name is the order.

touch FOLDER/orders/reconcile-20261120          the reconciliation file of a day
touch FOLDER/orders/state-20261120              the account statement of a day
touch FOLDER/orders/return-0001-1               one payment of a batch comes back (退汇)
touch FOLDER/orders/fault-silent                a fault, for the next time; see `faults.py`
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from adapters.bank.simulator.files import FileBank


def obey(bank: FileBank, folder: Path) -> None:
    """Carries out what is there; what it does not understand it says, once."""
    for order in sorted(folder.iterdir()):
        order.unlink()
        word, _, rest = order.name.partition("-")
        try:
            _carry_out(bank, word, rest)
        except ValueError as error:
            sys.stderr.write(f"{order.name}: {error}\n")


def _carry_out(bank: FileBank, word: str, rest: str) -> None:
    if word == "fault":
        bank.faults.add(rest)
    elif word == "return":
        batch, _, item = rest.rpartition("-")
        bank.take_back(batch, item)
    elif word in ("reconcile", "state"):
        day = dt.datetime.strptime(rest, "%Y%m%d").date()
        (bank.reconcile if word == "reconcile" else bank.state)(day)
    else:
        raise ValueError("no such order")

"""What can go wrong at the centre or at a bank, switched on at run time for the next time it matters."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

#: Of a message with the given number that is to be sent; `drop`, at the centre, of one that came.
NUMBERED: Final = {
    "lose": "it is lost, after all it stands for was done",
    "drop": "it is never looked at",
    "late": "it is sent after `seconds`",
    "twice": "it is sent twice, with a number of its own each time",
    "bad-seal": "its signature is of another text",
    "wrong-reference": "it says to answer a message that nobody sent",
    "wrong-serial": "it answers another debit than the one that was asked for",
}

#: At the centre.
CENTRE: Final = {
    "silence": "nothing is worked off for `seconds`",
    "refuse-login": "the password is refused",
    "log-out": "the node is logged out by force before its next message is looked at",
    "in-process": "a debit is answered with 94052 at once, and with its result when there is one",
    "switch-in-batch": "the working day changes between a package and its answer",
    "row-missing": "the day's check lacks a debit that was made",
    "row-extra": "the day's check has a debit that nobody asked for",
    "row-amount": "the day's check has a debit with another amount",
    "parts-reversed": "the parts of the day's check come in the opposite order",
}

#: At the bank.
BANK: Final = {
    "in-doubt-before": "a debit is answered with 94999; it was not made",
    "in-doubt-after": "a debit is answered with 94999; it was made",
}

_ORDER: Final = re.compile(r"([a-z-]+?)(?:-(\d{4}))?(?:=([\d.]+))?(?:x(\d+))?")


class Fault(Struct):
    """One thing to go wrong."""

    kind: str
    number: str = ""  #: of the message it is about
    seconds: float = 5.0
    count: int = 1


class Faults:
    """Those switched on at one node.

    Args:
        kinds: that this node has beside `NUMBERED`.
    """

    def __init__(self, kinds: dict[str, str]) -> None:
        self._kinds = kinds
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Raises ValueError where this node has no such fault."""
        wanted = NUMBERED if fault.number else self._kinds
        if fault.kind not in wanted:
            raise ValueError(f"{fault.kind} {fault.number}: one of {', '.join(wanted)}")
        self.active.append(fault)

    def strikes(self, kind: str, number: str = "") -> Fault | None:
        """The fault that befalls this, if any; uses it up."""
        for fault in self.active:
            if (fault.kind, fault.number) == (kind, number):
                fault.count -= 1
                if fault.count <= 0:
                    self.active.remove(fault)
                return fault
        return None


def parse(text: str) -> Fault:
    """`lose-2001`, `late-2001=8`, `silence=3`, `lose-3122x2`. Raises ValueError."""
    found = _ORDER.fullmatch(text)
    if found is None:
        raise ValueError(f"no fault: {text}")
    kind, number, seconds, count = found.groups()
    return Fault(kind, number or "", float(seconds or 5.0), int(count or 1))

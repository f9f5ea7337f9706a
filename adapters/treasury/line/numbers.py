"""Numbers that the network knows our messages by. None is ever given twice, not even after a crash.

    MsgID                        20 characters, for ever: a digit and the day, or the day alone, then a serial number
    TraNo PackNo VCNo CancelNo   8 digits, from 1 on each working day

A crash leaves gaps, which the network does not mind.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from gateway.contract import Reject, Serials

#: What is counted: debits, packages, agreement checks, reversals.
Kind = Literal["tra", "pack", "vc", "cancel"]
_LARGEST: Final = 99_999_999
_LENGTH: Final = 20
_TITLES: Final[dict[Kind, str]] = {"tra": "TraNo", "pack": "PackNo", "vc": "VCNo", "cancel": "CancelNo"}


class Numbers:
    """Gives them, from the gateway's durable series of this partner.

    Args:
        leading: what a MsgID begins with: `9`, or nothing.
    """

    def __init__(self, serials: Serials, leading: str) -> None:
        self._serials = serials
        self._leading = leading

    async def message_id(self, day: dt.date) -> str:
        """A MsgID. Its day is for people: the serial number goes on from day to day, so it is unique by itself."""
        head = f"{self._leading}{day:%Y%m%d}"
        number = await self._serials.next("msgid")
        return f"{head}{number:0{_LENGTH - len(head)}d}"

    async def one(self, kind: Kind, day: dt.date) -> str:
        """The next number of that kind on a working day.

        Raises:
            Reject: the day's numbers are used up.
        """
        number = await self._serials.next(f"{kind}.{day:%Y%m%d}")
        if number > _LARGEST:
            raise Reject(
                f"{day} 的 {_TITLES[kind]} 已用尽（8 位），请待工作日切换后重新提交",
                f"the eight digits of {_TITLES[kind]} are used up for {day}: submit it again on the next working day",
                code="exhausted",
                rule="serial",
            )
        return f"{number:08d}"

    async def several(self, kind: Kind, day: dt.date, count: int) -> tuple[str, ...]:
        """As many numbers as a package has details, ascending. Raises as `one`."""
        return tuple([await self.one(kind, day) for _ in range(count)])

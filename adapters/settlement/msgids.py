"""Numbers of messages: institution code (12) + yyyyMMddHHmmss (14) + serial (4), at most 30 characters.

A msgid used twice would make the platform answer one settlement with another's, so four digits of a durable
series carry more than they seem to: the second never goes back, and when ten thousand numbers have been
taken within one second the next second is used early.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from adapters.settlement.codec import BEIJING, Signature
from gateway.contract import Clock, Reject, Serials

MAX_INSTITUTION_CODE: Final = 12
_SERIALS: Final = 10_000
_SERIES: Final = "msgid"


class MessageIds:
    """Makes msgids. Unique also after a crash, because the series goes on where it was reserved to."""

    def __init__(self, clock: Clock, serials: Serials) -> None:
        self._clock = clock
        self._serials = serials
        self._second = 0
        self._first = 0  #: number at which the current second began
        self._stamp = ""
        self._text = ""

    async def next(self, institution_code: str) -> Signature:
        """A new msgid for a message of that institution.

        Raises:
            Reject: the code does not fit into a msgid.
        """
        if len(institution_code) > MAX_INSTITUTION_CODE:
            raise Reject(
                f"定点医药机构编号超过 {MAX_INSTITUTION_CODE} 位",
                f"the institution code is longer than {MAX_INSTITUTION_CODE} characters",
                code="invalid",
                field="institution_code",
                rule="length",
            )
        number = await self._serials.next(_SERIES)
        self._advance(number)
        return Signature(f"{institution_code}{self._stamp}{number % _SERIALS:04d}", self._text)

    def _advance(self, number: int) -> None:
        second = int(self._clock.now().timestamp())
        if second <= self._second:
            if number - self._first < _SERIALS:
                return
            second = self._second + 1
        local = dt.datetime.fromtimestamp(second, BEIJING)
        self._second, self._first = second, number
        self._stamp = local.strftime("%Y%m%d%H%M%S")
        self._text = local.strftime("%Y-%m-%d %H:%M:%S")

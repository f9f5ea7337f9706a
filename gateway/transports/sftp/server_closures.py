"""Times at which a server lets nobody in: maintenance, by the clock of Beijing.

02:00-04:00                            every day
sun 22:00-02:00                        every week, from that day on
2026-12-31T18:00/2027-01-01T08:00      once
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"(?:([a-z]{3}) )?(\d\d:\d\d)-(\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of the day to another, which may be on the next day."""

    begin: dt.time
    end: dt.time
    weekday: int | None = None  #: the day it begins on, Monday is 0; None: every day

    def until(self, at: dt.datetime) -> dt.datetime | None:
        local = at.astimezone(_CHINA)
        for day in (local.date(), local.date() - dt.timedelta(days=1)):
            begin = dt.datetime.combine(day, self.begin, _CHINA)
            end = dt.datetime.combine(day, self.end, _CHINA)
            end += dt.timedelta(days=self.end <= self.begin)
            if self.weekday in (None, day.weekday()) and begin <= local < end:
                return end
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """Once."""

    begin: dt.datetime
    end: dt.datetime

    def until(self, at: dt.datetime) -> dt.datetime | None:
        return self.end if self.begin <= at < self.end else None


Closure: TypeAlias = Hours | Span


def closure(text: str) -> Closure:
    """One closure, as above.

    Raises:
        ValueError: it is none, or ends before it begins.
    """
    if match := _HOURS.fullmatch(text.strip().lower()):
        day, begin, end = match.groups()
        if day and day not in _DAYS:
            raise ValueError(f"a day is one of {', '.join(_DAYS)}")
        return Hours(
            dt.time.fromisoformat(begin), dt.time.fromisoformat(end), _DAYS.index(day) if day else None
        )
    begin, slash, end = text.strip().partition("/")
    if not slash:
        raise ValueError("expected 02:00-04:00, sun 02:00-04:00 or 2026-12-31T18:00/2027-01-01T08:00")
    span = Span(*(dt.datetime.fromisoformat(each).replace(tzinfo=_CHINA) for each in (begin, end)))
    if span.end <= span.begin:
        raise ValueError("it ends before it begins")
    return span


def closed_until(closures: Iterable[Closure], at: dt.datetime) -> dt.datetime | None:
    """When those end that hold at a moment; None where none does."""
    return max((end for each in closures if (end := each.until(at)) is not None), default=None)


def notice(end: dt.datetime) -> str:
    """What a client is told."""
    back = end.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
    return f"系统维护，预计 {back}（北京时间）恢复 / closed for maintenance, back at {back} Beijing time"

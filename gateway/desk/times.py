"""Times as people write them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from gateway.desk.refused import NotPossible

_AGO: Final = re.compile(r"(\d+)(min|h|d)")
_MINUTES: Final = {"min": 1, "h": 60, "d": 1440}


def time_of(text: str, zone: dt.tzinfo | None = None) -> int:
    """Milliseconds since 1970 of `2026-01-05`, `2026-01-05T08:00`, or so long ago: `30min`, `2h`, `7d`.

    Args:
        zone: of a time without offset; None: the machine's.

    Raises:
        NotPossible: it is no such time.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=int(ago[1]) * _MINUTES[ago[2]])
        else:
            at = dt.datetime.fromisoformat(text)
            at = at.replace(tzinfo=zone) if at.tzinfo is None else at
        return int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        forms = "2026-01-05, 2026-01-05T08:00, 30min, 2h, 7d"
        raise NotPossible(f"时间写法：{forms}", f"a time is written {forms}") from None

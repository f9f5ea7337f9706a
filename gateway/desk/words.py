"""Words that people read, the same wherever they read them."""

from __future__ import annotations

import datetime as dt
from typing import Final

#: The state of a delivery → (Chinese, English).
STATES: Final[dict[str, tuple[str, str]]] = {
    "held": ("待核验", "held"),
    "pending": ("待投递", "pending"),
    "sending": ("投递中", "sending"),
    "waiting": ("等待重试", "waiting to retry"),
    "in-doubt": ("结果不明", "in doubt"),
    "accepted": ("已送达", "accepted"),
    "rejected": ("被拒绝", "rejected"),
    "reversed": ("已冲正", "reversed"),
    "dead": ("投递失败", "dead"),
}


def state(name: str) -> str:
    """A delivery's state in Chinese, with the name by which it is looked for."""
    return f"{STATES[name][0]} {name}" if name in STATES else name


def moment(milliseconds: int | None) -> str:
    """A time of the store, in local time with its offset."""
    if milliseconds is None:
        return ""
    at = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).astimezone()
    return at.isoformat(sep=" ", timespec="milliseconds")

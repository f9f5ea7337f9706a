"""Shuts out whoever guesses. An address is shut out altogether, an account for passwords only.

A key cannot be guessed, so that nobody can lock an agency out of its account by trying passwords on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

#: Addresses and accounts remembered; the oldest are forgotten first.
_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Record:
    failures: int
    since: float
    until: float = 0.0  #: locked up to then


class Guard:
    """Counts failures of a thing (an address, an account) and locks it for a while.

    Args:
        failures: that many within `window` seconds lock it for `lock` seconds.
        now: seconds, of a clock that never goes back.
    """

    def __init__(self, failures: int, window: float, lock: float, now: Callable[[], float]) -> None:
        self._failures = failures
        self._window = window
        self._lock = lock
        self._now = now
        self._records: dict[str, _Record] = {}

    def locked(self, thing: str) -> bool:
        record = self._records.get(thing)
        return record is not None and record.until > self._now()

    def failed(self, thing: str) -> bool:
        """Counts a failure. True where that locks it."""
        now = self._now()
        record = self._records.pop(thing, None)
        if record is None or (now - record.since > self._window and record.until <= now):
            record = _Record(0, now)
        self._records[thing] = record  # the newest stands last
        if len(self._records) > _REMEMBERED:
            del self._records[next(iter(self._records))]
        record.failures += 1
        if record.failures < self._failures or record.until > now:
            return False
        record.until = now + self._lock
        record.failures, record.since = 0, record.until
        return True

    def succeeded(self, thing: str) -> None:
        self._records.pop(thing, None)


def origin(peer: str) -> str:
    """Whom an address stands for: itself, or the network of one customer, who has as many IPv6 addresses as he likes."""
    address = ip_address(peer.partition("%")[0])
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((address, 64), strict=False))
    return str(address)

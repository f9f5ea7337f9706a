"""How often somebody at one address may fail to sign in, beside the lock of the account.

The lock stops many passwords for one name; this stops one password for many names. Behind a proxy
everybody comes from its address, which nothing that a client sends can change: hence the generous limit.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.console.refusals import Refused

LIMIT: Final = 20
WINDOW: Final = 300.0  #: seconds
#: Addresses remembered; beyond them those that failed longest ago are forgotten.
_PEERS: Final = 10_000


class Attempts:
    """Counts failures by address, in memory: a restart forgives."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failed: dict[str, deque[float]] = {}
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, peer: str) -> Iterator[None]:
        """Around one attempt; a `Refused` out of it counts. One that is under way may fail, and counts until it has not.

        Raises:
            Refused: too many failed lately.
        """
        origin = _origin(peer)
        with self._lock:
            if self._count(origin) + self._under_way[origin] >= LIMIT:
                minutes = round(WINDOW / 60)
                raise Refused(
                    f"此地址失败次数过多，请 {minutes} 分钟后再试",
                    f"too many failures from this address: try again in {minutes} minutes",
                    429,
                )
            self._under_way[origin] += 1
        failed = False
        try:
            yield
        except Refused:
            failed = True
            raise
        finally:
            with self._lock:
                self._under_way -= Counter({origin: 1})  # what comes to nothing is dropped
                if failed:
                    self._fail(origin)

    def _count(self, origin: str) -> int:
        times = self._failed.get(origin)
        while times and times[0] <= self._now() - WINDOW:
            times.popleft()
        if not times:
            self._failed.pop(origin, None)
        return len(times or ())

    def _fail(self, origin: str) -> None:
        times = self._failed.pop(origin, deque())
        times.append(self._now())
        self._failed[origin] = times  # at the end: the order is that of the latest failure
        if len(self._failed) > _PEERS:
            del self._failed[next(iter(self._failed))]


def _origin(peer: str) -> str:
    """What counts as one address: of IPv6 the network, within which everybody chooses addresses freely."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    return peer if address.version == 4 else str(ipaddress.ip_network((int(address), 64), strict=False))

"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by time of creation in every store."""

from __future__ import annotations

from collections.abc import Callable


def uuid7(unix_ms: int, random: bytes) -> str:
    """A UUIDv7 in its canonical text form.

    Args:
        unix_ms: milliseconds since 1970, 48 bits.
        random: at least 10 bytes; 74 of their bits are used.
    """
    return _text(unix_ms, int.from_bytes(random[:10], "big") >> 6)


def _text(unix_ms: int, tail: int) -> str:
    """48 bits of time, version 7, 12 bits, variant, 62 bits; `tail` has 74 bits."""
    digits = (
        f"{unix_ms & 0xFFFFFFFFFFFF:012x}7{tail >> 62 & 0xFFF:03x}{1 << 63 | tail & 0x3FFFFFFFFFFFFFFF:016x}"
    )
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class IdSource:
    """Makes ids from a clock and a source of randomness, both injected so that tests can repeat them.

    Ids of one source always rise, also within a millisecond and when the clock steps back: the order of
    ids is the order of acceptance, which ordered delivery relies on.
    """

    def __init__(self, unix_ms: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._unix_ms = unix_ms
        self._random = random
        self._last_ms = 0
        self._tail = 0

    def __call__(self) -> str:
        now = self._unix_ms()
        if now > self._last_ms:
            self._last_ms = now
            # The top bit stays free so that counting up within the millisecond cannot overflow.
            self._tail = int.from_bytes(self._random(10), "big") >> 7
        else:
            self._tail += 1
        return _text(self._last_ms, self._tail)

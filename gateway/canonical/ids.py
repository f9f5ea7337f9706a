"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by time of creation in every store."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID


def uuid7(unix_ms: int, random: bytes) -> str:
    """A UUIDv7 in its canonical text form.

    Args:
        unix_ms: milliseconds since 1970, 48 bits.
        random: at least 10 bytes; 74 of their bits are used.
    """
    tail = int.from_bytes(random[:10], "big")
    value = (unix_ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (tail >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | tail & ((1 << 62) - 1)
    return str(UUID(int=value))


class IdSource:
    """Makes ids from a clock and a source of randomness, both injected so that tests can repeat them."""

    def __init__(self, unix_ms: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._unix_ms = unix_ms
        self._random = random

    def __call__(self) -> str:
        return uuid7(self._unix_ms(), self._random(10))

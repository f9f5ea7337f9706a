"""Random bytes for the hot path.

Every call of `os.urandom` is a system call that lets go of the interpreter lock, and a busy process pays
dearly to get it back. The pool asks the system for a block and hands out pieces of it, each only once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock

Random = Callable[[int], bytes]


class RandomPool:
    """Hands out bytes of the system's generator. Safe to use from several threads; not across `fork`."""

    def __init__(self, source: Random = os.urandom, block: int = 16_384) -> None:
        self._source = source
        self._block = block
        self._bytes = b""
        self._at = 0
        self._lock = Lock()

    def __call__(self, count: int) -> bytes:
        """`count` bytes that nobody has had before."""
        with self._lock:
            start = self._at
            end = start + count
            if end > len(self._bytes):
                self._bytes = self._source(max(self._block, count))
                start, end = 0, count
            self._at = end
            return self._bytes[start:end]

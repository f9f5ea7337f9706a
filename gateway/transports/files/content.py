"""What a file holds, wherever it comes from: bytes at hand, a file of this machine, or pieces made when asked for.

Blocking: call in a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

#: A callable gives the same pieces each time it is called.
Content: TypeAlias = bytes | Path | Callable[[], Iterator[bytes]]

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """What a content is known by."""

    size: int
    sha256: str
    sm3: str
    md5: str

    def of(self, algorithm: str) -> str:
        """`sha256`, `sm3` or `md5`, hexadecimal."""
        return str(getattr(self, algorithm))


def pieces(content: Content) -> Iterator[bytes]:
    """The content in order, in pieces of any size."""
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, Path):
        with content.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    else:
        yield from content()


def digests(content: Content) -> Digests:
    """Reads it once, in constant memory. MD5 is agreed with partners against accidents, never against people."""
    made = (hashlib.sha256(), hashlib.new("sm3"), hashlib.md5(usedforsecurity=False))
    size = 0
    for piece in pieces(content):
        size += len(piece)
        for digest in made:
            digest.update(piece)
    return Digests(size, *(digest.hexdigest() for digest in made))

"""A small coverage-guided fuzzer: inputs that reach new code are kept and changed further.

Coverage is lines of our own, those generated from mapping files included, which a fuzzer that instruments
imports would not see. The corpus stays in a folder, so that the next run begins where this one ended.
"""

from __future__ import annotations

import hashlib
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

#: No input may take longer, tracing included.
LIMIT = 5.0
_MOST_BYTES = 1 << 16
#: What parsers stumble over.
_TOKENS = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xfe\xff", b"<", b">", b"&", b"&#0;", b"&lt;", b"<![CDATA[", b"]]>", b"<!--",
    b'<!DOCTYPE r [<!ENTITY a "a">]>', b'<?xml version="1.0" encoding="GBK"?>', b' xmlns=""', b' a="1"', b"/>", b"</",
    b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"1e400", b"-0", b"NaN", b"\\ud800", b"\\u0000",
    b"|", b"^", b"~", b"\\X41\\", b"\\F\\", b"\r", b"\n", b"\r\n", b"\t", b" ", b"0", b"-", b".", b"9" * 40,
    b"\xa1\xa1", b"\x81\x30\x81\x30", b"\x80", "中".encode(), "中".encode("gbk"), b"\xc2\x85", b"\xed\xa0\x80",
)  # fmt: skip


class Slow(AssertionError):
    """An input that takes too long."""


def fuzz(
    target: Callable[[bytes], object], seeds: list[bytes], folder: Path, seconds: float, seed: int
) -> tuple[int, int]:
    """Runs changed inputs for some time; returns how many there were, and how many lines they reached.

    Whatever `target` raises comes through, with the input in `folder` as `crash`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    corpus: list[bytes] = []
    reached: set[tuple[int, int]] = set()
    tries = 0
    end = time.monotonic() + seconds
    for data in _inputs(corpus, [*seeds, *_known(folder)], chance):
        if time.monotonic() > end and tries >= len(seeds):
            break
        tries += 1
        try:
            found = _lines(target, data)
        except BaseException:
            (folder / "crash").write_bytes(data)
            raise
        if not found <= reached:
            reached |= found
            corpus.append(data)
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return tries, len(reached)


def _known(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()]


def _inputs(corpus: list[bytes], first: list[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from first
    while True:
        data = bytearray(chance.choice(corpus or first))
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            _change(data, corpus or first, chance)
        yield bytes(data[:_MOST_BYTES])


def _change(data: bytearray, corpus: list[bytes], chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    stop = min(len(data), start + chance.choice((0, 1, 1, 4, 16, 64)))
    match chance.randrange(6):
        case 0:
            data[start:stop] = b""
        case 1:
            data[start:stop] = chance.choice(_TOKENS)
        case 2:
            data[start:stop] = bytes(data[start:stop]) * chance.choice((2, 3, 50))
        case 3:
            other = chance.choice(corpus)
            at = chance.randint(0, len(other))
            data[start:stop] = other[at : at + chance.choice((1, 8, 64, 512))]
        case 4 if start < len(data):
            data[start] ^= 1 << chance.randrange(8)
        case _:
            # A piece in another place: elements and keys twice, or in another order.
            piece = bytes(data[start : start + chance.choice((8, 32, 128))])
            at = chance.randint(0, len(data))
            data[at:at] = piece


def _lines(target: Callable[[bytes], object], data: bytes) -> set[tuple[int, int]]:
    """The lines one input reaches, in our files and in what mappings generate."""
    found: set[tuple[int, int]] = set()
    ours: dict[Any, bool] = {}

    def local(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            found.add((id(frame.f_code), frame.f_lineno))
        return local

    def call(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code not in ours:
            name = code.co_filename
            ours[code] = name.startswith("<mapping") or "/mappings/" in name or "/adapters/" in name
        return local if ours[code] else None

    before = sys.gettrace()
    with _limited():
        sys.settrace(call)
        try:
            target(data)
        finally:
            sys.settrace(before)
    return found


@contextmanager
def _limited() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise Slow(f"one input takes more than {LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

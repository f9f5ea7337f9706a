"""The layout of a log folder (C2SP tlog-tiles) as pure functions: names, widths, bundles, growing tiles.

A tile of level L holds up to 256 neighbouring hashes of height 8*L. Only full tiles have a hash in the
level above. An entries bundle holds the entries below one level-0 tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.audit.merkle import HASH_SIZE, fold, leaf_row

TILE_WIDTH = 256
TILE_HEIGHT = 8
TILE_BYTES = TILE_WIDTH * HASH_SIZE
MAX_ENTRY = 0xFFFF
CHECKPOINT = "checkpoint"


def number_path(number: int) -> str:
    """A tile number in groups of three digits: 1234067 → `x001/x234/067`."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """`tile/<level>/<index>`, with `.p/<width>` if the tile is not full."""
    return f"tile/{level}/{number_path(index)}{_partial(width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """`tile/entries/<index>`, with `.p/<width>` if the bundle is not full."""
    return f"tile/entries/{number_path(index)}{_partial(width)}"


def partials_path(full_path: str) -> str:
    """The directory of the partial tiles that came before a full one."""
    return f"{full_path}.p"


def _partial(width: int) -> str:
    if not 1 <= width <= TILE_WIDTH:
        raise ValueError(f"a tile of width {width} does not exist")
    return "" if width == TILE_WIDTH else f".p/{width}"


def hashes_at(level: int, size: int) -> int:
    """How many hashes a tree of `size` leaves has at a tile level."""
    return size >> (TILE_HEIGHT * level)


def levels(size: int) -> range:
    """The tile levels a tree of `size` leaves has."""
    return range((size.bit_length() + TILE_HEIGHT - 1) // TILE_HEIGHT)


def width_of(level: int, index: int, size: int) -> int:
    """The width of a tile in a tree of `size` leaves; 0 if it does not exist there."""
    return max(0, min(TILE_WIDTH, hashes_at(level, size) - index * TILE_WIDTH))


def layout(size: int) -> Iterator[str]:
    """Every tile and bundle of a tree of `size` leaves, by path."""
    for level in levels(size):
        for index in range(-(-hashes_at(level, size) // TILE_WIDTH)):
            yield tile_path(level, index, width_of(level, index, size))
    for index in range(-(-size // TILE_WIDTH)):
        yield bundle_path(index, width_of(0, index, size))


def pack(entries: Iterable[bytes]) -> bytes:
    """Entries as in a bundle: each behind its length, two bytes big-endian.

    Raises:
        OverflowError: an entry of more than 65535 bytes.
    """
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def unpack(bundle: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        ValueError: it ends in the middle of an entry.
    """
    entries: list[bytes] = []
    at, end = 0, len(bundle)
    while at < end:
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        if start > end or at > end:
            raise ValueError(f"the bundle ends in the middle of its entry {len(entries)}")
        entries.append(bundle[start:at])
    return entries


@dataclass(frozen=True, slots=True)
class File:
    """A tile or bundle to be written."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """The unfinished right edge of a log: all that must be known to extend it.

    Attributes:
        size: entries so far.
        tiles: per level, the hashes of the tile that is not full yet (may be empty).
        bundle: the entries of the bundle that is not full yet, packed.
    """

    size: int = 0
    tiles: tuple[bytes, ...] = ()
    bundle: bytes = b""

    def grow(self, entries: list[bytes]) -> tuple[Edge, list[File], list[str]]:
        """Append entries.

        Returns:
            The new edge, the files that appear, and the full files whose partial ones are obsolete now.
        """
        bundle, files = self._bundles(entries)
        obsolete = [files[0].path] if files and self.bundle else []
        tiles: list[bytes] = []
        row, level = leaf_row(entries), 0
        while row or level < len(self.tiles):
            old = self.tiles[level] if level < len(self.tiles) else b""
            full, rest = _cut(old + row)
            first = hashes_at(level, self.size) // TILE_WIDTH
            files += [File(tile_path(level, first + i), data) for i, data in enumerate(full)]
            if old and full:
                obsolete.append(tile_path(level, first))
            if rest and row:
                files.append(File(tile_path(level, first + len(full), len(rest) // HASH_SIZE), rest))
            tiles.append(rest)
            row, level = b"".join([fold(data) or b"" for data in full]), level + 1
        size = self.size + len(entries)
        if size % TILE_WIDTH:
            files.append(File(bundle_path(size // TILE_WIDTH, size % TILE_WIDTH), bundle))
        return Edge(size, tuple(tiles), bundle), files, obsolete

    def _bundles(self, entries: list[bytes]) -> tuple[bytes, list[File]]:
        """The bundles that `entries` complete, and what is left for the next one."""
        files: list[File] = []
        bundle, first, start = self.bundle, self.size // TILE_WIDTH, 0
        missing = TILE_WIDTH - self.size % TILE_WIDTH
        while len(entries) - start >= missing:
            data = bundle + pack(entries[start : start + missing])
            files.append(File(bundle_path(first + len(files)), data))
            bundle, start, missing = b"", start + missing, TILE_WIDTH
        return bundle + pack(entries[start:]), files


def _cut(row: bytes) -> tuple[list[bytes], bytes]:
    """A row cut into full tiles, and the rest."""
    whole = len(row) - len(row) % TILE_BYTES
    return [row[i : i + TILE_BYTES] for i in range(0, whole, TILE_BYTES)], row[whole:]

"""Reading a log folder: tiles, bundles and the checkpoint, as any mirror or auditor reads them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from gateway.audit.errors import LogInconsistent
from gateway.audit.merkle import HASH_SIZE, Nodes, fold
from gateway.audit.tiles import (
    CHECKPOINT,
    TILE_HEIGHT,
    TILE_WIDTH,
    bundle_path,
    levels,
    tile_path,
    unpack,
    width_of,
)

_CACHED_TILES = 256
_RESTORE = "run `gateway audit verify` and restore the log folder from backup"


class LogFolder:
    """A log on disk. Nothing read here is trusted until a checkpoint's root has been derived from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._full: OrderedDict[str, bytes] = OrderedDict()

    def checkpoint(self) -> bytes | None:
        """The published checkpoint, signed; None if there is none."""
        try:
            return (self.path / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile.

        Raises:
            LogInconsistent: the tile is missing or too short.
        """
        full = tile_path(level, index)
        if full in self._full:
            self._full.move_to_end(full)
            return self._full[full][: width * HASH_SIZE]
        data = self._read(tile_path(level, index, width), full)
        if len(data) == TILE_WIDTH * HASH_SIZE:
            self._remember(full, data)
        if len(data) < width * HASH_SIZE:
            raise LogInconsistent(f"{full} is too short", _RESTORE)
        return data[: width * HASH_SIZE]

    def bundle(self, index: int, width: int) -> list[bytes]:
        """The first `width` entries of a bundle.

        Raises:
            LogInconsistent: the bundle is missing, damaged or too short.
        """
        full = bundle_path(index)
        try:
            entries = unpack(self._read(bundle_path(index, width), full))
        except ValueError:
            entries = []
        if len(entries) < width:
            raise LogInconsistent(f"{full} is damaged", _RESTORE)
        return entries[:width]

    def nodes(self, size: int) -> Nodes:
        """The nodes of the tree of the first `size` entries, read from one tile each."""

        def nodes(height: int, index: int) -> bytes:
            level, inside = divmod(height, TILE_HEIGHT)
            first = index << inside
            tile = first // TILE_WIDTH
            row = self.tile(level, tile, width_of(level, tile, size))
            start = first % TILE_WIDTH * HASH_SIZE
            return fold(row[start : start + (HASH_SIZE << inside)]) or b""

        return nodes

    def edge(self, size: int) -> tuple[tuple[bytes, ...], list[bytes]]:
        """The unfinished tile of every level, and the entries of the unfinished bundle."""
        tiles = []
        for level in levels(size):
            count = size >> TILE_HEIGHT * level
            width = count % TILE_WIDTH
            tiles.append(self.tile(level, count // TILE_WIDTH, width) if width else b"")
        width = size % TILE_WIDTH
        return tuple(tiles), self.bundle(size // TILE_WIDTH, width) if width else []

    def _read(self, path: str, full: str) -> bytes:
        """A file; instead of a partial one that was cleared away, the full one that succeeded it."""
        for name in dict.fromkeys((path, full)):
            try:
                return (self.path / name).read_bytes()
            except FileNotFoundError:
                continue
        raise LogInconsistent(f"{path} is missing", _RESTORE)

    def _remember(self, path: str, data: bytes) -> None:
        self._full[path] = data
        if len(self._full) > _CACHED_TILES:
            self._full.popitem(last=False)

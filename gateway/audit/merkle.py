"""The Merkle tree of RFC 6962 (SHA-256), as pure functions.

Nothing here knows where hashes are stored. A *row* is a run of neighbouring hashes of one height,
concatenated; hashing a row pair by pair is then a walk over slices of 64 bytes. *Nodes* answers for any
perfect subtree, whether from memory or from tiles on disk, and every proof is made from those answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import TypeAlias

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

#: (height, index) → hash of the perfect subtree over the leaves [index << height, (index + 1) << height).
Nodes: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def leaf_row(entries: Iterable[bytes]) -> bytes:
    """The leaf hashes of entries, as a row."""
    return b"".join([sha256(b"\x00" + entry).digest() for entry in entries])


def parents(row: bytes) -> bytes:
    """The row one height up; an odd hash at the end has no parent and is left out."""
    whole = len(row) - len(row) % (2 * HASH_SIZE)
    return b"".join([sha256(b"\x01" + row[i : i + 64]).digest() for i in range(0, whole, 64)])


def fold(row: bytes, right: bytes | None = None) -> bytes | None:
    """The tree over a row, joined to the hash of whatever stands to the right of it (None: nothing)."""
    while row:
        if len(row) // HASH_SIZE % 2:
            peak = row[-HASH_SIZE:]
            right = peak if right is None else node_hash(peak, right)
        row = parents(row)
    return right


def root(row: bytes) -> bytes:
    """The root over a row of leaf hashes."""
    return fold(row) or EMPTY_ROOT


def row_nodes(row: bytes) -> Nodes:
    """Nodes of a tree held in memory, from its row of leaf hashes."""
    rows = [row]
    while len(rows[-1]) > HASH_SIZE:
        rows.append(parents(rows[-1]))

    def nodes(height: int, index: int) -> bytes:
        return rows[height][index * HASH_SIZE : (index + 1) * HASH_SIZE]

    return nodes


def subtree_hash(nodes: Nodes, low: int, high: int) -> bytes:
    """MTH(D[low:high]) for a range that is a subtree of RFC 6962 (also the root, from 0 to the size)."""
    right: bytes | None = None
    while high > low:
        height = ((high - low) & -(high - low)).bit_length() - 1
        high -= 1 << height
        peak = nodes(height, high >> height)
        right = peak if right is None else node_hash(peak, right)
    return right or EMPTY_ROOT


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Which leaf ranges an inclusion proof consists of, from the leaf's sibling upwards."""
    if not 0 <= index < size:
        raise ValueError(f"index {index} is outside a tree of {size} leaves")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Which leaf ranges a consistency proof consists of. From the empty tree, and to itself: none."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves has no earlier state of {old}")
    if old == 0:
        return []
    path, low, high = [], 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    if low:  # otherwise this is the old tree itself, whose root the verifier has
        path.append((low, high))
    return path[::-1]


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The inclusion proof of a leaf (RFC 6962 section 2.1.1)."""
    return [subtree_hash(nodes, low, high) for low, high in inclusion_ranges(index, size)]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with that of `old` (RFC 6962 section 2.1.2)."""
    return [subtree_hash(nodes, low, high) for low, high in consistency_ranges(old, new)]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], tree_root: bytes) -> bool:
    """Whether the proof shows `leaf` at `index` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            position, last = _skip_lonely(position, last)
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == tree_root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new tree only adds to the old one (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_found = new_found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
            position, last = _skip_lonely(position, last)
        else:
            new_found = node_hash(new_found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old_found == old_root and new_found == new_root


class CompactRange:
    """A tree that only grows, kept as the roots of its perfect subtrees: at most 64 hashes, never rehashed.

    Args:
        size: leaves so far.
        peaks: the perfect subtrees that make it up, largest (leftmost) first.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count():
            raise ValueError(f"{size} leaves have {size.bit_count()} peaks, not {len(self._peaks)}")

    @classmethod
    def of(cls, nodes: Nodes, size: int) -> CompactRange:
        """The range of a stored tree."""
        heights = [height for height in reversed(range(size.bit_length())) if size >> height & 1]
        return cls(size, [nodes(height, (size >> height) - 1) for height in heights])

    def copy(self) -> CompactRange:
        """An independent range with the same leaves."""
        return CompactRange(self.size, self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; one more hash on average."""
        peaks, rest = self._peaks, self.size
        while rest & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            rest >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        right: bytes | None = None
        for peak in reversed(self._peaks):
            right = peak if right is None else node_hash(peak, right)
        return right or EMPTY_ROOT


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _skip_lonely(position: int, last: int) -> tuple[int, int]:
    """Climb past the heights where the rightmost node has no sibling."""
    while position & 1 == 0 and position != 0:
        position, last = position >> 1, last >> 1
    return position, last

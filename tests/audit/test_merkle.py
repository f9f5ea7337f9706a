"""RFC 6962 against its published roots, its own recursive definition, and the outsider's verifier."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import merkle, verify
from gateway.audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    leaf_hash,
    leaf_row,
    node_hash,
    row_nodes,
    subtree_hash,
)

ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LIMIT = 80
LEAVES = [leaf_hash(str(i).encode()) for i in range(LIMIT)]
NODES = row_nodes(b"".join(LEAVES))


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


DEFINED = [defined_root(LEAVES[:size]) for size in range(LIMIT)]


def outsider_root(row: bytes) -> bytes:
    """The root as verify.py computes it."""
    return verify._peaks(row, b"") or sha256(b"").digest()


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    row = leaf_row(ENTRIES[:size])
    compact = CompactRange()
    for entry in ENTRIES[:size]:
        compact.append(leaf_hash(entry))
    for root in (merkle.root(row), compact.root(), subtree_hash(row_nodes(row), 0, size), outsider_root(row)):
        assert root.hex() == ROOTS[size]


def test_every_way_to_a_root_agrees() -> None:
    compact = CompactRange()
    for size in range(LIMIT):
        row = b"".join(LEAVES[:size])
        assert compact.root() == DEFINED[size] == merkle.root(row) == subtree_hash(NODES, 0, size)
        assert outsider_root(row) == DEFINED[size]
        assert CompactRange.of(NODES, size).root() == DEFINED[size]
        compact.append(LEAVES[size])


def test_inclusion_of_every_leaf_in_every_tree() -> None:
    for size in range(1, LIMIT):
        for index in range(size):
            proof = merkle.inclusion_proof(NODES, index, size)
            assert merkle.verify_inclusion(index, size, LEAVES[index], proof, DEFINED[size])
            assert verify._included(index, size, LEAVES[index], proof) == DEFINED[size]


def test_corrupted_inclusion_proofs_fail() -> None:
    for size in range(1, LIMIT):
        for index in range(size):
            proof = merkle.inclusion_proof(NODES, index, size)
            for wrong in corruptions(proof):
                assert not merkle.verify_inclusion(index, size, LEAVES[index], wrong, DEFINED[size])
                assert verify._included(index, size, LEAVES[index], wrong) != DEFINED[size]
            other = LEAVES[(index + 1) % LIMIT]
            assert not merkle.verify_inclusion(index, size, other, proof, DEFINED[size])
            assert not merkle.verify_inclusion(size, size, LEAVES[index], proof, DEFINED[size])
            assert not merkle.verify_inclusion(-1, size, LEAVES[index], proof, DEFINED[size])


def test_consistency_of_every_pair() -> None:
    for new in range(LIMIT):
        for old in range(new + 1):
            proof = merkle.consistency_proof(NODES, old, new)
            assert merkle.verify_consistency(old, new, DEFINED[old], DEFINED[new], proof)


def test_corrupted_consistency_proofs_fail() -> None:
    for new in range(LIMIT):
        for old in range(new + 1):
            proof = merkle.consistency_proof(NODES, old, new)
            for wrong in corruptions(proof):
                assert not merkle.verify_consistency(old, new, DEFINED[old], DEFINED[new], wrong)
            assert not merkle.verify_consistency(old, new, DEFINED[old], bytes(32), proof) or old == 0
            assert not merkle.verify_consistency(old, new, bytes(32), DEFINED[new], proof)


def corruptions(proof: list[bytes]) -> list[list[bytes]]:
    """A flipped bit in the first and last hash, one hash more at either end, one less."""
    flip = bytes([proof[0][0] ^ 1]) + proof[0][1:] if proof else b""
    flip_last = proof[-1][:-1] + bytes([proof[-1][-1] ^ 1]) if proof else b""
    wrong = [[*proof, LEAVES[0]], [LEAVES[0], *proof]]
    if proof:
        wrong += [[flip, *proof[1:]], [*proof[:-1], flip_last], proof[1:], proof[:-1]]
    return wrong


def test_a_shorter_tree_is_no_continuation() -> None:
    assert not merkle.verify_consistency(5, 4, DEFINED[5], DEFINED[4], [])
    with pytest.raises(ValueError, match="no earlier state"):
        merkle.consistency_proof(NODES, 5, 4)
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_proof(NODES, 4, 4)


def test_a_range_needs_its_peaks() -> None:
    with pytest.raises(ValueError, match="2 peaks"):
        CompactRange(3, [EMPTY_ROOT])


@given(st.lists(st.binary(max_size=40), max_size=300), st.data())
def test_any_tree(entries: list[bytes], data: st.DataObject) -> None:
    row = leaf_row(entries)
    nodes, size, root = row_nodes(row), len(entries), merkle.root(row)
    compact = CompactRange()
    for entry in entries:
        compact.append(leaf_hash(entry))
    assert compact.root() == root == outsider_root(row)
    old = data.draw(st.integers(0, size))
    proof = merkle.consistency_proof(nodes, old, size)
    assert merkle.verify_consistency(old, size, merkle.root(row[: old * 32]), root, proof)
    if size:
        index = data.draw(st.integers(0, size - 1))
        path = merkle.inclusion_proof(nodes, index, size)
        assert merkle.verify_inclusion(index, size, leaf_hash(entries[index]), path, root)


def test_a_copy_grows_alone() -> None:
    original = CompactRange.of(NODES, 7)
    copy = original.copy()
    copy.append(LEAVES[7])
    assert (original.root(), copy.root()) == (DEFINED[7], DEFINED[8])

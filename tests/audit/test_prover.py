"""Proofs and receipts made from the folder alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gateway.audit import verify
from gateway.audit.errors import BadNote, BadProof, LogInconsistent, NotInLog
from gateway.audit.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_row,
    root,
    row_nodes,
    verify_consistency,
    verify_inclusion,
)
from gateway.audit.note import Verifier
from gateway.audit.proof import format_receipt, parse_receipt, verify_receipt
from gateway.audit.prover import Prover
from tests.audit.support import SIGNER, STRANGER, make_log, sample

SIZE = 700
ROW = leaf_row([sample(i) for i in range(SIZE)])
KEYS: list[Verifier] = [SIGNER.verifier]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log")
    make_log(path, 100, 300, 300)
    return path


def test_proofs_are_those_of_the_tree(folder: Path) -> None:
    prover, nodes = Prover(folder), row_nodes(ROW)
    for index in (0, 1, 255, 256, 400, 511, 512, 698, 699):
        assert prover.inclusion(index) == inclusion_proof(nodes, index, SIZE)
        assert prover.entry(index) == sample(index)
    for old in (0, 1, 100, 255, 256, 257, 400, 512, 699, 700):
        assert prover.consistency(old) == consistency_proof(nodes, old, SIZE)


def test_proofs_for_earlier_sizes(folder: Path) -> None:
    """Partial tiles of most earlier sizes never existed or are gone; the full ones contain them."""
    prover = Prover(folder)
    for size in (1, 100, 255, 256, 400, 511, 512):
        proof = prover.inclusion(size - 1, size)
        assert verify_inclusion(size - 1, size, leaf_hash(sample(size - 1)), proof, root(ROW[: size * 32]))
        proof = prover.consistency(size // 2, size)
        assert verify_consistency(size // 2, size, root(ROW[: size // 2 * 32]), root(ROW[: size * 32]), proof)


def test_receipts(folder: Path) -> None:
    for index in (0, 255, 256, 699):
        receipt = Prover(folder).receipt(index)
        assert verify_receipt(receipt, sample(index), KEYS)[0] == index
        assert verify.verify_receipt(receipt, sample(index), SIGNER.vkey)[0] == index
        for other in (index - 1, index + 1):
            with pytest.raises(BadProof):
                verify_receipt(receipt, sample(other), KEYS)
            with pytest.raises(verify.NotVerified):
                verify.verify_receipt(receipt, sample(other), SIGNER.vkey)


def test_the_form_of_a_receipt(folder: Path) -> None:
    receipt, note = Prover(folder).receipt(699, b"\x00extra"), (folder / "checkpoint").read_bytes()
    lines = receipt.decode().split("\n")
    assert lines[:3] == [
        "c2sp.org/tlog-proof@v1",
        "extra " + base64.b64encode(b"\x00extra").decode(),
        "index 699",
    ]
    assert [base64.b64decode(line) for line in lines[3 : lines.index("")]] == Prover(folder).inclusion(699)
    assert receipt.endswith(b"\n\n" + note)
    assert format_receipt(parse_receipt(receipt)) == receipt
    assert verify.verify_receipt(receipt, sample(699), SIGNER.vkey)[0] == 699


def test_the_receipt_of_the_only_entry(tmp_path: Path) -> None:
    make_log(tmp_path, 1)
    receipt = Prover(tmp_path).receipt(0)
    assert receipt.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n")
    assert verify_receipt(receipt, sample(0), KEYS)[1].size == 1
    assert verify.verify_receipt(receipt, sample(0), SIGNER.vkey)[1].size == 1


def test_every_flipped_byte_of_a_receipt_is_refused(folder: Path) -> None:
    receipt = Prover(folder).receipt(300)
    for position in range(len(receipt)):
        altered = bytearray(receipt)
        altered[position] ^= 1
        with pytest.raises((BadProof, BadNote)):
            verify_receipt(bytes(altered), sample(300), KEYS)
        with pytest.raises(verify.NotVerified):
            verify.verify_receipt(bytes(altered), sample(300), SIGNER.vkey)


def test_a_receipt_of_another_key(folder: Path) -> None:
    with pytest.raises(BadNote):
        verify_receipt(Prover(folder).receipt(3), sample(3), [STRANGER.verifier])
    with pytest.raises(verify.NotVerified):
        verify.verify_receipt(Prover(folder).receipt(3), sample(3), STRANGER.vkey)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 01\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex -1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex \n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\n\nx",
        b"c2sp.org/tlog-proof@v2\nindex 1\n\nx",
        b"\xff\n\nx",
    ],
)
def test_malformed_receipts(data: bytes) -> None:
    with pytest.raises(BadProof):
        parse_receipt(data)
    with pytest.raises(verify.NotVerified):
        verify.verify_receipt(data, b"", SIGNER.vkey)


def test_beyond_the_published_log(folder: Path) -> None:
    prover = Prover(folder)
    for ask in (prover.receipt, prover.inclusion, prover.entry):
        for index in (SIZE, -1):
            with pytest.raises(NotInLog):
                ask(index)
    with pytest.raises(NotInLog):
        prover.consistency(SIZE + 1)
    with pytest.raises(NotInLog):
        prover.inclusion(0, SIZE + 1)


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogInconsistent, match="no checkpoint"):
        Prover(tmp_path).receipt(0)

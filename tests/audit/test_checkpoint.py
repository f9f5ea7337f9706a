"""Checkpoints: their text, their signer, and the refusal to fork."""

from __future__ import annotations

import base64

import pytest

from gateway.audit.checkpoint import (
    Checkpoint,
    format_checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_first,
    sign_next,
)
from gateway.audit.errors import BadNote, LogInconsistent
from gateway.audit.merkle import EMPTY_ROOT, consistency_proof, leaf_row, root, row_nodes
from gateway.audit.note import Ed25519Signer, sign_note
from tests.audit.support import ORIGIN, SIGNER, STRANGER

ROW = leaf_row([b"a", b"b", b"c", b"d", b"e"])
ROOT = base64.b64encode(root(ROW)).decode()


def test_text_round_trips() -> None:
    checkpoint = Checkpoint(ORIGIN, 5, root(ROW))
    assert format_checkpoint(checkpoint) == f"{ORIGIN}\n5\n{ROOT}\n"
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


def test_extension_lines_are_allowed() -> None:
    assert parse_checkpoint(f"o\n5\n{ROOT}\nextension\n").size == 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n5\n",
        f"o\n05\n{ROOT}\n",
        f"o\n-5\n{ROOT}\n",
        f"o\n٥\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        f"\n5\n{ROOT}\n",
        "o\n5\nAAAA\n",
        "o\n5\n!\n",
        f"o\n0\n{ROOT}\n",
        f"o\n5\n{ROOT}\n\nblank\n",
        f"o\n5\n{ROOT}\nunfinished",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text)


def test_the_empty_log() -> None:
    checkpoint, note = sign_first(ORIGIN, [SIGNER])
    assert checkpoint == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert open_checkpoint(note, [SIGNER.verifier]) == checkpoint


def test_the_key_must_be_the_logs() -> None:
    note = sign_first(ORIGIN, [Ed25519Signer("other.example", STRANGER.key)])[1]
    with pytest.raises(BadNote, match=ORIGIN):
        open_checkpoint(note, [Ed25519Signer("other.example", STRANGER.key).verifier])


def test_signing_needs_the_proof() -> None:
    earlier = Checkpoint(ORIGIN, 3, root(ROW[: 3 * 32]))
    proof = consistency_proof(row_nodes(ROW), 3, 5)
    checkpoint, note = sign_next(earlier, 5, root(ROW), proof, [SIGNER])
    assert open_checkpoint(note, [SIGNER.verifier]) == checkpoint == Checkpoint(ORIGIN, 5, root(ROW))


@pytest.mark.parametrize(
    ("size", "new_root", "proof"),
    [
        (5, bytes(32), consistency_proof(row_nodes(ROW), 3, 5)),
        (5, root(ROW), []),
        (2, root(ROW[:64]), []),
        (3, bytes(32), []),
    ],
)
def test_no_fork_is_ever_signed(size: int, new_root: bytes, proof: list[bytes]) -> None:
    earlier = Checkpoint(ORIGIN, 3, root(ROW[: 3 * 32]))
    with pytest.raises(LogInconsistent, match="Next: "):
        sign_next(earlier, size, new_root, proof, [SIGNER])


def test_a_signed_text_that_is_no_checkpoint() -> None:
    with pytest.raises(BadNote):
        open_checkpoint(sign_note("hello\n", [SIGNER]), [SIGNER.verifier])

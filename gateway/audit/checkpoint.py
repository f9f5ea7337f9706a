"""Checkpoints (C2SP tlog-checkpoint): the signed size and root of the log.

<origin>
<size>
<base64(root)>
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.errors import BadNote, LogInconsistent
from gateway.audit.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from gateway.audit.note import Signer, Verifier, open_note, sign_note, unbase64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits itself to."""

    origin: str
    size: int
    root: bytes


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """The note text."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The inverse of `format_checkpoint`; extension lines are allowed and ignored.

    Raises:
        BadNote: not a checkpoint.
    """
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]) or lines[-1]:
        raise BadNote("a checkpoint has an origin, a size and a root: fetch it again")
    origin, size, encoded = lines[:3]
    if not (size.isascii() and size.isdigit()) or (size != "0" and size.startswith("0")):
        raise BadNote("a checkpoint's size is a decimal without leading zeros: fetch it again")
    root = unbase64(encoded)
    if len(root) != HASH_SIZE or (size == "0" and root != EMPTY_ROOT):
        raise BadNote("a checkpoint's root has the wrong length or value: fetch it again")
    return Checkpoint(origin, int(size), root)


def open_checkpoint(note: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint in a note signed by one of `verifiers` whose name is its origin.

    Raises:
        BadNote: malformed, badly signed, or of another log.
    """
    opened = open_note(note, verifiers)
    checkpoint = parse_checkpoint(opened.text)
    if all(verifier.name != checkpoint.origin for verifier in opened.signers):
        raise BadNote(f"the checkpoint is that of {checkpoint.origin}: use that log's verifier key")
    return checkpoint


def sign_first(origin: str, signers: Sequence[Signer]) -> tuple[Checkpoint, bytes]:
    """The checkpoint of an empty log, and its note."""
    checkpoint = Checkpoint(origin, 0, EMPTY_ROOT)
    return checkpoint, sign_note(format_checkpoint(checkpoint), signers)


def sign_next(
    earlier: Checkpoint, size: int, root: bytes, proof: Sequence[bytes], signers: Sequence[Signer]
) -> tuple[Checkpoint, bytes]:
    """The next checkpoint of a log, and its note. There is no way to sign one without such a proof.

    Args:
        earlier: the last one signed.
        proof: consistency proof from `earlier` to `size`.

    Raises:
        LogInconsistent: the proof does not show that the log was only added to.
    """
    if not verify_consistency(earlier.size, size, earlier.root, root, proof):
        raise LogInconsistent(
            f"a tree of {size} entries does not continue the signed one of {earlier.size}",
            "run `gateway audit verify`, keep the folder as evidence and restore it from backup",
        )
    checkpoint = Checkpoint(earlier.origin, size, root)
    return checkpoint, sign_note(format_checkpoint(checkpoint), signers)

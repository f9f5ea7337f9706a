"""Receipts (C2SP tlog-proof): everything a partner needs to check offline that an entry is in the log.

c2sp.org/tlog-proof@v1
[extra <base64>]
index <n>
<base64(hash)>         from the leaf's sibling to the root's child
<blank line>
<signed checkpoint>
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.errors import BadNote, BadProof
from gateway.audit.merkle import HASH_SIZE, leaf_hash, verify_inclusion
from gateway.audit.note import Verifier, unbase64

MAGIC = "c2sp.org/tlog-proof@v1"
_AGAIN = "ask for the receipt again"


@dataclass(frozen=True, slots=True)
class Receipt:
    """An inclusion proof with the checkpoint it leads to.

    Attributes:
        checkpoint: the signed note, byte for byte as published.
        extra: opaque bytes for the application; not covered by any signature.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def format_receipt(receipt: Receipt) -> bytes:
    """The receipt as a file."""
    lines = [MAGIC]
    if receipt.extra is not None:
        lines.append(f"extra {base64.b64encode(receipt.extra).decode()}")
    lines.append(f"index {receipt.index}")
    lines += [base64.b64encode(value).decode() for value in receipt.hashes]
    return "\n".join(lines).encode() + b"\n\n" + receipt.checkpoint


def parse_receipt(data: bytes) -> Receipt:
    """The inverse of `format_receipt`; nothing is verified.

    Raises:
        BadProof: not a receipt.
    """
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
        if not blank or lines[0] != MAGIC:
            raise BadProof(f"this is not a {MAGIC} receipt: {_AGAIN}")
        extra = unbase64(lines.pop(1)[6:]) if len(lines) > 1 and lines[1].startswith("extra ") else None
        hashes = tuple(unbase64(line) for line in lines[2:])
    except (BadNote, UnicodeDecodeError):
        raise BadProof(f"the receipt is damaged: {_AGAIN}") from None
    if any(len(value) != HASH_SIZE for value in hashes):
        raise BadProof(f"a hash of the receipt has the wrong length: {_AGAIN}")
    return Receipt(_index(lines), hashes, checkpoint, extra)


def verify_receipt(data: bytes, entry: bytes, verifiers: Sequence[Verifier]) -> tuple[int, Checkpoint]:
    """The index of `entry` and the checkpoint that covers it, if the receipt proves both.

    Raises:
        BadProof: malformed, or it does not prove that this entry is in the log.
        BadNote: the checkpoint is not one of these verifiers'.
    """
    receipt = parse_receipt(data)
    checkpoint = open_checkpoint(receipt.checkpoint, verifiers)
    leaf = leaf_hash(entry)
    if not verify_inclusion(receipt.index, checkpoint.size, leaf, receipt.hashes, checkpoint.root):
        raise BadProof(f"the receipt does not prove this entry: check that it is the same bytes, or {_AGAIN}")
    return receipt.index, checkpoint


def _index(lines: list[str]) -> int:
    number = lines[1].removeprefix("index ") if len(lines) > 1 and lines[1].startswith("index ") else ""
    if not number.isdigit() or (number != "0" and number.startswith("0")):
        raise BadProof(f"the receipt has no index: {_AGAIN}")
    return int(number)

"""Hostile bytes from the treasury network: whatever comes is refused in words, before and behind its seal."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.treasury.wire import BadSeal, Formats, Pkcs7Seal, Unreadable, document_of, make_seal, read_head
from adapters.treasury.wire.envelope import cut
from tests.adapters.treasury.wire.support import NOON, party
from tests.adapters.treasury.wire.test_samples import SAMPLES
from tests.fuzz.fuzzer import fuzz
from tests.fuzz.test_decode import CORPUS

SECONDS = float(os.environ.get("FUZZ_SECONDS", "300")) / 5
SIGNED = [SAMPLES / name for name in ("pkcs7-debit-answer", "pkcs7-attached-batch-results")]
RAW = [file.read_bytes() for file in SAMPLES.glob("**/wire.xml")]


def run(name: str, target: Callable[[bytes], object], seeds: list[bytes]) -> None:
    seed = int(os.environ.get("FUZZ_SEED", "1"))
    tries, lines = fuzz(target, seeds, CORPUS / name, SECONDS, seed)
    print(f"{name}: {tries} inputs, {lines} lines")


@pytest.mark.long
def test_documents() -> None:
    formats = Formats()

    def read(data: bytes) -> None:
        with suppress(Unreadable):
            document = document_of(data)
            head = read_head(document)
            formats.read(head.number, document, NOON)

    run("treasury-documents", read, RAW)


@pytest.mark.long
def test_signatures(tmp_path: Path) -> None:
    """Of PKCS#7, before their base64: nothing but the document that was signed ever opens."""
    node = party(tmp_path, "node")
    agreed = Pkcs7Seal(
        kind="pkcs7",
        certificate=node.certificate,
        key_file=node.key,
        partner_certificates=tuple(case / "centre.cer" for case in SIGNED),
        accept_sha1=True,
    )
    seal = make_seal(agreed)
    signed = [cut((case / "wire.xml").read_bytes()) for case in SIGNED]
    other = signed[0].document.replace(b"90000", b"90001")

    def opened(data: bytes) -> None:
        comment = b"<!--%b-->" % base64.b64encode(data)
        for parts in signed:
            with suppress(BadSeal):
                assert seal.open(parts.document + comment) == parts.document
        with pytest.raises(BadSeal):
            seal.open(other + comment)

    run("treasury-signatures", opened, [base64.b64decode(parts.comment or b"") for parts in signed])

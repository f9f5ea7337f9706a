"""The recorded messages: opened, and read as they mean; the seals were made by the `openssl` command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import adapters.treasury.settings as declared
from adapters.treasury.wire import (
    BadSeal,
    Formats,
    NoSeal,
    Pkcs7Seal,
    Seal,
    Sm2Seal,
    Unreadable,
    make_seal,
    read_head,
)
from gateway.canonical import Body
from gateway.contract.conformance import canonical_sample
from tests.adapters.treasury.wire.support import NOON, Party
from tests.adapters.treasury.wire.test_seal import keyed
from tests.crypto.support import key_file

SAMPLES = Path(declared.__file__).parent / "samples"
GOOD = sorted(file.parent for file in SAMPLES.glob("*/wire.xml"))
REFUSED = sorted(file.parent for file in SAMPLES.glob("refused/*/wire.xml"))
KEY = "DEMO-SM3-KEY-990101"


def seal_of(case: Path, node: Party, folder: Path) -> Seal:
    """As the case's name says; what is refused was sealed by the shared key."""
    if case.name.startswith("pkcs7"):
        agreed = Pkcs7Seal(
            kind="pkcs7",
            certificate=node.certificate,
            key_file=node.key,
            partner_certificates=(case / "centre.cer",),
        )
        return make_seal(agreed)
    if case.name.startswith("sm2"):
        return make_seal(Sm2Seal(kind="sm2", key_file=key_file(folder), partner_keys=(case / "centre.pub",)))
    if case.name.startswith("unsealed"):
        return make_seal(NoSeal(kind="none", test_network=True))
    return make_seal(keyed(KEY))


def read(case: Path, node: Party, folder: Path) -> Body:
    document = seal_of(case, node, folder).open((case / "wire.xml").read_bytes())
    return Formats().read(read_head(document).number, document, NOON)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_recorded_message(case: Path, node: Party, tmp_path: Path) -> None:
    assert read(case, node, tmp_path) == canonical_sample(case / "canonical.json")


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_is_refused(case: Path, node: Party, tmp_path: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    with pytest.raises((BadSeal, Unreadable)) as error:
        read(case, node, tmp_path)
    assert type(error.value).__name__ == expected.pop("error")
    assert {name: getattr(error.value, name) for name in expected} == expected

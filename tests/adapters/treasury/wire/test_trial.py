"""The command that tries samples of the centre's: it finds the seal, and says nothing of what is inside."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from adapters.treasury.wire.__main__ import main
from tests.adapters.treasury.wire.support import KEY, Party
from tests.adapters.treasury.wire.test_pkcs7 import by_openssl
from tests.adapters.treasury.wire.test_samples import SAMPLES

PKCS7, KEYED, SM2 = (
    SAMPLES / name for name in ("pkcs7-debit-answer", "keyed-sm3-day-check", "sm2-reversal-answer")
)


def tried(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr().out
    assert "399010261120000017" not in said
    assert "DEMO" not in said
    return status, said


def test_each_seal_is_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shared = tmp_path / "shared.key"
    shared.write_text(KEY + "\n")
    keys: list[str | Path] = [
        "--certificate",
        PKCS7 / "centre.cer",
        "--public-key",
        SM2 / "centre.pub",
        "--shared-key",
        shared,
    ]
    status, said = tried(capsys, *(case / "wire.xml" for case in (PKCS7, KEYED, SM2)), *keys)
    assert status == 0
    for words in ('✓ seal: {"kind": "pkcs7"', '✓ seal: {"kind": "keyed-sm3"', '✓ seal: {"kind": "sm2"'):
        assert words in said
    assert "2001 treasury.2001.debit_answer@1 → DebitAnswered" in said


def test_an_old_signature_is_found_and_says_what_it_needs(
    capsys: pytest.CaptureFixture[str], centre: Party, tmp_path: Path
) -> None:
    document = (SAMPLES / "unsealed-agreement-answer" / "wire.xml").read_bytes()
    der = by_openssl(centre, "-md", "sha1", content=document)
    (tmp_path / "old.xml").write_bytes(document + b"<!--%b-->" % b64encode(der))
    status, said = tried(capsys, tmp_path / "old.xml", "--certificate", centre.certificate)
    assert status == 0
    assert '"accept_sha1": true' in said


def test_what_does_not_open(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, said = tried(capsys, SM2 / "wire.xml", "--certificate", PKCS7 / "centre.cer")
    assert (status, "×" in said, "malformed" in said) == (1, True, True)
    status, said = tried(capsys, SM2 / "wire.xml", "--public-key", SM2 / "centre.pub", "--id", "another")
    assert (status, "mismatch" in said) == (1, True)
    status, said = tried(capsys, SAMPLES / "unsealed-agreement-answer" / "wire.xml")
    assert (status, "没有签名" in said) == (1, True)
    status, said = tried(capsys, tmp_path / "none.xml")
    assert (status, "无法读取" in said) == (1, True)
    status, said = tried(capsys, SAMPLES / "refused" / "two-comments" / "wire.xml")
    assert (status, "shape" in said) == (1, True)
    status, said = tried(capsys, SM2 / "wire.xml", "--public-key", tmp_path / "none.pub")
    assert (status, "none.pub" in said) == (1, True)

"""Key files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.audit.errors import BadKeyFile, BadNote
from gateway.audit.keys import create_signer, load_signer, load_verifiers, parse_vkey, write_vkey
from gateway.audit.note import format_vkey
from tests.audit.support import ORIGIN, SIGNER, STRANGER


def test_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "audit.pem"
    signer = create_signer(ORIGIN, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_signer(ORIGIN, file).vkey == signer.vkey
    write_vkey(signer.vkey, tmp_path / "audit.vkey")
    assert load_verifiers(tmp_path / "audit.vkey") == [signer.verifier]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "audit.pem"
    before = create_signer(ORIGIN, file).vkey
    with pytest.raises(BadKeyFile, match="exists"):
        create_signer(ORIGIN, file)
    assert load_signer(ORIGIN, file).vkey == before


def test_a_bad_name_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadNote):
        create_signer("a name", tmp_path / "audit.pem")
    assert not list(tmp_path.iterdir())


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "audit.pem"
    create_signer(ORIGIN, file)
    file.chmod(0o640)
    with pytest.raises(BadKeyFile, match="chmod 600"):
        load_signer(ORIGIN, file)


def test_unusable_key_files(tmp_path: Path) -> None:
    with pytest.raises(BadKeyFile, match="correct its path"):
        load_signer(ORIGIN, tmp_path / "absent")
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, data, reason in (("noise", b"noise", "PEM"), ("curve", pem, "Ed25519")):
        handle = os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(handle, data)
        os.close(handle)
        with pytest.raises(BadKeyFile, match=reason):
            load_signer(ORIGIN, tmp_path / name)


def test_vkey_files(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# since 2026\n{SIGNER.vkey}\n\n{STRANGER.vkey}\n")
    assert load_verifiers(file) == [SIGNER.verifier, STRANGER.verifier]
    file.write_text("# none\n")
    with pytest.raises(BadKeyFile, match="no verifier key"):
        load_verifiers(file)
    with pytest.raises(BadKeyFile, match="cannot read"):
        load_verifiers(tmp_path / "absent")


def test_unknown_kinds_of_key() -> None:
    with pytest.raises(BadNote, match="0x06"):
        parse_vkey(format_vkey(ORIGIN, 0x06, bytes(32)))

"""Keys as they are handed over, most of them made by the `openssl` command."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.errors import ConfigError
from gateway.crypto import sm2
from gateway.crypto.keyfiles import (
    other_private,
    other_public,
    read_private,
    read_public,
    sm2_private,
    sm2_public,
    write_private,
)
from tests.crypto.support import KEY, POINT, SCALAR, key_file, openssl, pem

_SM2_CURVE = bytes.fromhex("2a811ccf5501822d")
_DISTID = ["-sigopt", "distid:1234567812345678"]


def certificate(key: Path, *options: str) -> bytes:
    return openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=bank", "-days", "30", *options)


def test_private_keys_of_sm2(tmp_path: Path) -> None:
    sec1 = key_file(tmp_path)
    pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-in", sec1)
    with_parameters = openssl("ecparam", "-name", "SM2") + pkcs8
    forms = [
        sec1.read_bytes(),
        pkcs8,
        with_parameters,
        SCALAR.hex().encode(),
        SCALAR.hex().upper().encode() + b"\r\n",
    ]
    assert [sm2_private(form).public.point for form in forms] == [POINT] * len(forms)
    own = openssl("genpkey", "-algorithm", "SM2")
    signature = sm2_private(own).sign(b"m", distid=sm2.DEFAULT_ID)
    public = openssl("pkey", "-pubout", given=own)
    sm2_public(public).verify(b"m", signature, distid=sm2.DEFAULT_ID)


def test_public_keys_of_sm2(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    bank = certificate(file, "-sm3", *_DISTID)
    forms = [
        openssl("pkey", "-in", file, "-pubout"),
        openssl("pkey", "-in", file, "-pubout", "-outform", "DER"),
        bank,
        openssl("x509", "-outform", "DER", given=bank),
        openssl("x509", "-text", given=bank),  # words before the armour
        POINT.hex().encode(),
        POINT.hex().upper().encode() + b"\n",
        POINT[1:].hex().encode(),
    ]
    assert [sm2_public(form).spki for form in forms] == [KEY.public.spki] * len(forms)


def test_public_keys_of_others(tmp_path: Path) -> None:
    for options, kind in (
        (["ED25519"], Ed25519PublicKey),
        (["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], RSAPublicKey),
    ):
        file = tmp_path / options[0]
        file.write_bytes(openssl("genpkey", "-algorithm", *options))
        other_private(file.read_bytes())
        bank = certificate(file)
        public = openssl("pkey", "-in", file, "-pubout")
        der = openssl("pkey", "-in", file, "-pubout", "-outform", "DER")
        forms = [public, der, bank, openssl("x509", "-outform", "DER", given=bank)]
        found = [other_public(form) for form in forms]
        assert all(isinstance(key, kind) for key in found)
        assert all(key == found[0] for key in found)


def test_a_written_key_is_openssl_s_too(tmp_path: Path) -> None:
    file = tmp_path / "new.pem"
    write_private(file, sm2.generate())
    assert file.stat().st_mode & 0o777 == 0o600
    public = openssl("pkey", "-in", file, "-pubout")
    assert sm2_public(public).spki == sm2_private(read_private(file)).public.spki
    openssl("pkey", "-in", file, "-check", "-noout")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="exists"):
        write_private(file, sm2.generate())
    assert file.read_bytes() == before


def test_files_that_may_not_or_cannot_be_read(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600") as refused:
        read_private(file)
    assert "他人可以读取私钥" in refused.value.zh
    assert read_public(file) == file.read_bytes()
    for read in (read_private, read_public):
        with pytest.raises(ConfigError, match="correct its path"):
            read(tmp_path / "absent")
        with pytest.raises(ConfigError, match="correct its path"):
            read(tmp_path)
    (tmp_path / "large").write_bytes(bytes(70_000))
    with pytest.raises(ConfigError, match="too large"):
        read_public(tmp_path / "large")


def test_what_is_in_a_file_is_one_usable_key(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    public = openssl("pkey", "-in", file, "-pubout")
    curve = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    for content in (
        b"",
        b"noise",
        public,
        curve,
        file.read_bytes() * 2,
        pem("PRIVATE KEY", b"noise"),
        b"0" * 64,
    ):
        with pytest.raises(ConfigError):
            sm2_private(content)
    compressed = openssl("ec", "-in", file, "-pubout", "-conv_form", "compressed")
    own = certificate(file, "-sm3", *_DISTID)
    unknown = openssl("x509", "-outform", "DER", given=own).replace(_SM2_CURVE, _SM2_CURVE[:-1] + b"\x7f")
    ed25519 = tmp_path / "ed25519"
    ed25519.write_bytes(openssl("genpkey", "-algorithm", "ED25519"))
    unreadable = b"-----BEGIN PUBLIC KEY-----\nabcde\n-----END PUBLIC KEY-----\n"
    foreign = [unknown, certificate(ed25519), own * 2, unreadable]
    off_curve = POINT[:-1] + bytes([POINT[-1] ^ 1])
    p256 = openssl("pkey", "-pubout", given=curve)
    for content in (
        b"",
        b"noise",
        public * 2,
        compressed,
        p256,
        off_curve.hex().encode(),
        *foreign,
        file.read_bytes(),
    ):
        with pytest.raises(ConfigError):
            sm2_public(content)
    for content in (b"", b"noise", p256 * 2, public, b"-----BEGIN CERTIFICATE-----\n"):
        with pytest.raises(ConfigError):
            other_public(content)
    for content in (b"", b"noise", p256, file.read_bytes()):
        with pytest.raises(ConfigError):
            other_private(content)


def test_a_key_with_a_password_is_told_so(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    sealed = openssl("pkcs8", "-topk8", "-in", file, "-passout", "pass:secret", "-v2", "aes-256-cbc")
    older = openssl("ec", "-in", file, "-aes128", "-passout", "pass:secret")
    for content in (sealed, older):
        for read in (sm2_private, other_private):
            with pytest.raises(ConfigError, match="has a password"):
                read(content)


def test_refusals_quote_no_key() -> None:
    with pytest.raises(ConfigError) as refused:
        sm2_private(pem("PRIVATE KEY", SCALAR))
    assert SCALAR.hex() not in str(refused.value).lower()


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda b: pem("PUBLIC KEY", b))))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (sm2_private, sm2_public, other_private, other_public):
        with pytest.raises(ConfigError):
            read(content)

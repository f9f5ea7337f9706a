"""SM3 and SM4 against the published examples and the `openssl` command."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.errors import BadCiphertext
from gateway.crypto.sm3 import hasher, hmac_sm3, sm3
from gateway.crypto.sm4 import decrypt_cbc, encrypt_cbc, open_gcm, seal_gcm
from tests.crypto.support import openssl

_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
_IV = bytes(range(16))
_RFC8998_NONCE = bytes.fromhex("00001234567800000000ABCD")
_RFC8998_AAD = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
_RFC8998_TEXT = b"".join(bytes([byte]) * 8 for byte in bytes.fromhex("AABBCCDDEEFFEEAA"))
_RFC8998_SEALED = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
    "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    "83DE3541E4C2B58177E065A9BF7B62EC"
)
_BLOCKS = st.binary(min_size=16, max_size=16)


def test_the_standards_examples() -> None:
    """GB/T 32905, annex A; GB/T 32907, annex A, as the one block of CBC with a zero IV."""
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    block = encrypt_cbc(_KEY, bytes(16), _KEY)[:16]
    assert block.hex() == "681edf34d206965e86b3e94f536e4246"


@given(st.binary(max_size=500), st.binary(max_size=80), st.integers(0, 500))
def test_sm3_is_python_s(content: bytes, key: bytes, at: int) -> None:
    assert sm3(content) == hashlib.new("sm3", content).digest()
    assert hmac_sm3(key, content) == hmac.digest(key, content, "sm3")
    parts = hasher()
    parts.update(content[:at])
    parts.update(content[at:])
    assert parts.finalize() == sm3(content)


def test_rfc_8998() -> None:
    text = _RFC8998_TEXT
    assert seal_gcm(_KEY, _RFC8998_NONCE, text, _RFC8998_AAD) == _RFC8998_SEALED
    assert open_gcm(_KEY, _RFC8998_NONCE, _RFC8998_SEALED, _RFC8998_AAD) == text


def test_openssl_reads_and_writes_cbc(tmp_path: Path) -> None:
    options = ["-sm4-cbc", "-K", _KEY.hex(), "-iv", _IV.hex()]
    for text in (b"", b"fifteen bytes..", b"sixteen bytes...", bytes(10_000)):
        assert encrypt_cbc(_KEY, _IV, text) == openssl("enc", *options, given=text)
        assert decrypt_cbc(_KEY, _IV, openssl("enc", *options, given=text)) == text


@given(_BLOCKS, _BLOCKS, st.binary(max_size=200))
def test_cbc_comes_back(key: bytes, iv: bytes, text: bytes) -> None:
    assert decrypt_cbc(key, iv, encrypt_cbc(key, iv, text)) == text


@given(_BLOCKS, st.binary(min_size=12, max_size=12), st.binary(max_size=200), st.binary(max_size=40))
def test_gcm_comes_back(key: bytes, nonce: bytes, text: bytes, aad: bytes) -> None:
    sealed = seal_gcm(key, nonce, text, aad)
    assert open_gcm(key, nonce, sealed, aad) == text
    with pytest.raises(BadCiphertext):
        open_gcm(key, nonce, sealed, aad + b"\0")


@given(st.binary(max_size=100))
def test_any_bytes_do_not_open(content: bytes) -> None:
    with pytest.raises(BadCiphertext):
        open_gcm(_KEY, _RFC8998_NONCE, content, b"")
    if len(content) % 16 or not content:
        with pytest.raises(BadCiphertext):
            decrypt_cbc(_KEY, _IV, content)


@given(st.integers(0, len(_RFC8998_SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_does_not_open(at: int, bits: int) -> None:
    changed = bytearray(_RFC8998_SEALED)
    changed[at] ^= bits
    with pytest.raises(BadCiphertext):
        open_gcm(_KEY, _RFC8998_NONCE, bytes(changed), _RFC8998_AAD)


@pytest.mark.parametrize(("key", "iv"), [(_KEY[1:], _IV), (_KEY, _IV[1:])])
def test_lengths_are_checked(key: bytes, iv: bytes) -> None:
    with pytest.raises(ValueError, match=r"[Ii]nvalid"):
        encrypt_cbc(key, iv, b"")
    with pytest.raises(ValueError, match=r"[Ii]nvalid"):
        decrypt_cbc(key, iv, bytes(16))

"""SM4 (GB/T 32907), the block cipher with keys of 16 bytes, as partners use it.

Prefer GCM. CBC shows neither change nor sender: verify the signature of what comes out before it is used, and tell
the sender no more than `BadCiphertext` says, or he can guess the text byte by byte.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.crypto.errors import BadCiphertext

KEY: Final = 16
BLOCK: Final = 16  #: also of the IV of CBC
NONCE: Final = 12  #: of GCM
TAG: Final = 16

_PADDING: Final = PKCS7(BLOCK * 8)


def encrypt_cbc(key: bytes, iv: bytes, text: bytes) -> bytes:
    """With PKCS #7 padding (Java calls it PKCS5). Key and IV of 16 bytes, else ValueError."""
    padder = _PADDING.padder()
    cipher = Cipher(SM4(key), CBC(iv)).encryptor()
    return cipher.update(padder.update(text) + padder.finalize()) + cipher.finalize()


def decrypt_cbc(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Reverses `encrypt_cbc`.

    Raises:
        BadCiphertext: another key, or damaged.
        ValueError: key or IV not of 16 bytes.
    """
    cipher, unpadder = Cipher(SM4(key), CBC(iv)).decryptor(), _PADDING.unpadder()
    try:
        padded = cipher.update(ciphertext) + cipher.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise BadCiphertext from None


def seal_gcm(key: bytes, nonce: bytes, text: bytes, aad: bytes) -> bytes:
    """Ciphertext ‖ tag (16 bytes), as RFC 8998 has it. A nonce of 12 bytes, never twice under one key."""
    cipher = Cipher(SM4(key), GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(aad)
    return cipher.update(text) + cipher.finalize() + cipher.tag


def open_gcm(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Reverses `seal_gcm`.

    Raises:
        BadCiphertext: another key, nonce or `aad`, or damaged.
        ValueError: a key or nonce of a length that SM4-GCM has not.
    """
    if len(sealed) < TAG:
        raise BadCiphertext
    cipher = Cipher(SM4(key), GCM(nonce, sealed[-TAG:])).decryptor()
    cipher.authenticate_additional_data(aad)
    try:
        return cipher.update(sealed[:-TAG]) + cipher.finalize()
    except InvalidTag:
        raise BadCiphertext from None

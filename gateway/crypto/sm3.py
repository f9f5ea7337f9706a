"""SM3 (GB/T 32905), the hash of 32 bytes. As SM4 it comes with `cryptography`, whatever the system's OpenSSL has."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC


def sm3(content: bytes) -> bytes:
    """The digest, 32 bytes."""
    digest = hasher()
    digest.update(content)
    return digest.finalize()


def hasher() -> Hash:
    """A digest to be fed by `update` and ended by `finalize`."""
    return Hash(SM3())


def hmac_sm3(key: bytes, content: bytes) -> bytes:
    """The keyed digest, 32 bytes. Compare it with `hmac.compare_digest`."""
    keyed = HMAC(key, SM3())
    keyed.update(content)
    return keyed.finalize()

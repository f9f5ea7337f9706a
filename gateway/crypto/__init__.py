"""Cryptography agreed with partners, national (SM2, SM3, SM4) and international.

Most callers need a `SignatureAgreed` in their settings, `make_signer` and `make_verifier`. Nothing here is a primitive of
our own: SM2 is the system's libcrypto, everything else the `cryptography` package.
"""

from gateway.crypto.errors import BadCiphertext, BadSignature, CryptoFailed, TooLarge
from gateway.crypto.settings import SignatureAgreed
from gateway.crypto.signing import Signer, Verifier, make_signer, make_verifier

__all__ = [
    "BadCiphertext",
    "BadSignature",
    "CryptoFailed",
    "SignatureAgreed",
    "Signer",
    "TooLarge",
    "Verifier",
    "make_signer",
    "make_verifier",
]

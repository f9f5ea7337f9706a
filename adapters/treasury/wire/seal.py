"""Seals: what proves who wrote a document, as a comment behind its root.

    seal = make_seal(settings.seal)       # ConfigError with the field's path
    raw = seal.seal(document)             # what is put on the queue
    document = seal.open(raw)             # BadSeal, Unreadable; only what this gives may be read

| kind | the comment holds |
|---|---|
| `pkcs7` | base64 of a PKCS#7 SignedData over the document |
| `keyed-sm3` | SM3(document ‖ shared key) in capital hexadecimal digits |
| `sm2` | base64 of an SM2 signature, with SM3, of the document |
| `none` | nothing; whatever is there is not looked at |

A seal may be used by several threads at once. Pure but for the key files, which are read when it is made.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, Protocol

from adapters.treasury.wire.envelope import LARGEST, cut
from adapters.treasury.wire.errors import BadSeal
from adapters.treasury.wire.pkcs7 import pkcs7_signing, pkcs7_verification
from adapters.treasury.wire.settings import KeyedSm3Seal, NoSeal, Pkcs7Seal, SealSettings, Sm2Seal
from gateway.contract import ConfigError
from gateway.crypto import BadSignature, make_signer, make_verifier
from gateway.crypto.sm3 import sm3

#: Of a document, what goes into the comment.
Sign = Callable[[bytes], bytes]
#: Raises BadSeal unless the comment belongs to the document.
Verify = Callable[[bytes, bytes], None]

#: Characters; what a partner hands out may be short, but not a word.
_SHORTEST_KEY: Final = 8


class Seal(Protocol):
    """As agreed with one partner."""

    def seal(self, document: bytes) -> bytes:
        """The document with its seal behind it."""
        ...

    def open(self, raw: bytes) -> bytes:
        """The document's own bytes, up to and with the last `</CFX>`, after its seal was verified.

        Raises:
            Unreadable: not of the form that `envelope` describes.
            BadSeal: it is not sealed as agreed.
        """
        ...


def make_seal(settings: SealSettings, limit: int = LARGEST) -> Seal:
    """Reads the keys. `limit` is the longest message that is opened, in bytes.

    Raises:
        ConfigError: a key cannot be read or does not fit; `path` is inside the block of settings.
    """
    match settings:
        case NoSeal():
            return _Unsealed(limit)
        case Pkcs7Seal():
            return _Sealed(pkcs7_signing(settings), pkcs7_verification(settings), limit)
        case KeyedSm3Seal():
            return _Sealed(*keyed_sealing(settings), limit)
        case Sm2Seal():
            return _Sealed(make_signer(settings).sign, sm2_verification(settings), limit)


class _Unsealed:
    def __init__(self, limit: int) -> None:
        self._limit = limit

    def seal(self, document: bytes) -> bytes:
        return document

    def open(self, raw: bytes) -> bytes:
        return cut(raw, self._limit).document


class _Sealed:
    def __init__(self, sign: Sign, verify: Verify, limit: int) -> None:
        self._sign, self._verify, self._limit = sign, verify, limit

    def seal(self, document: bytes) -> bytes:
        return b"%b<!--%b-->" % (document, self._sign(document))

    def open(self, raw: bytes) -> bytes:
        parts = cut(raw, self._limit)
        if not parts.comment:
            raise BadSeal("missing", "报文没有签名", "the document has no seal")
        self._verify(parts.document, parts.comment)
        return parts.document


def sm2_verification(settings: Sm2Seal) -> Verify:
    """What verifies a signature. Raises ConfigError as `make_seal`."""
    verifier = make_verifier(settings)

    def verify(document: bytes, comment: bytes) -> None:
        try:
            verifier.verify(document, comment)
        except BadSignature as error:
            raise BadSeal(error.kind, error.zh, error.en) from None

    return verify


def keyed_sealing(settings: KeyedSm3Seal) -> tuple[Sign, Verify]:
    """What makes a keyed digest, and what verifies one. Raises ConfigError as `make_seal`."""
    keys = [_key("key", settings.key.get_secret_value())]
    keys += [_key(f"other_keys[{i}]", k.get_secret_value()) for i, k in enumerate(settings.other_keys)]

    def sign(document: bytes) -> bytes:
        return _digest(document, keys[0])

    def verify(document: bytes, comment: bytes) -> None:
        if not any(hmac.compare_digest(_digest(document, key), comment.upper()) for key in keys):
            raise BadSeal(
                "mismatch", "摘要与报文不符，或密钥不同", "the digest is not of this document and key"
            )

    return sign, verify


def _digest(document: bytes, key: bytes) -> bytes:
    return sm3(document + key).hex().upper().encode()


def _key(path: str, text: str) -> bytes:
    if not text.isascii() or len(text) < _SHORTEST_KEY:
        raise ConfigError(
            f"共享密钥须为至少 {_SHORTEST_KEY} 个 ASCII 字符：请与对方核对",
            f"a shared key has at least {_SHORTEST_KEY} ASCII characters: compare it with the partner's",
            path=path,
        )
    return text.encode()

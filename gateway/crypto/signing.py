"""Signing for a partner, and verifying what it signed, as its settings say.

    signer = make_signer(settings.signature)          # ConfigError with the field's path
    companion = signer.sign_file(file)                # what goes into `batch.txt.sig`

    verifier = make_verifier(settings.signature)
    key = verifier.verify(content, signature)         # BadSignature, or which of the keys it was

A signature stands apart from its content, which is bytes or an open file; a file is read in one pass and never held
(but see `algorithms.py` on Ed25519). What of a message is signed, and in which order, is the caller's affair. Both
objects may be used by several threads at once. A call takes half a millisecond and the time of hashing: a large file
belongs into a thread, and there it holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

from gateway.contract.errors import ConfigError
from gateway.crypto import forms, keyfiles
from gateway.crypto.algorithms import PartnerKey, Signing, private_key, public_key
from gateway.crypto.forms import Form
from gateway.crypto.settings import EcdsaAgreed, SignatureAgreed, Sm2Agreed
from gateway.crypto.sm2 import mismatch

CHUNK: Final = 256 << 10

T = TypeVar("T")


class _Updated(Protocol):
    def update(self, chunk: bytes, /) -> None: ...


class Signer:
    """Signs with our key. Made by `make_signer`."""

    def __init__(self, agreed: SignatureAgreed, begin: Callable[[], Signing]) -> None:
        self._text, self._form, self._begin = agreed.text, _form(agreed), begin

    def sign(self, content: bytes) -> bytes:
        """The signature of some bytes, written as agreed.

        Raises:
            TooLarge: for Ed25519 only.
        """
        return self._signed(iter((content,)))

    def sign_file(self, file: BinaryIO) -> bytes:
        """The signature of what a file holds from here to its end. Raises TooLarge, as `sign`, and OSError."""
        return self._signed(_chunks(file))

    def _signed(self, chunks: Iterator[bytes]) -> bytes:
        signing = self._begin()
        _feed(chunks, signing)
        return forms.text_to(self._text, forms.signature_to(self._form, signing.finish()))


class Verifier:
    """Verifies with the partner's keys. Made by `make_verifier`."""

    def __init__(self, agreed: SignatureAgreed, keys: tuple[PartnerKey, ...]) -> None:
        self._text, self._form, self._keys = agreed.text, _form(agreed), keys

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the keys, in the settings' order: for comparing them with the partner by telephone."""
        return tuple(key.fingerprint for key in self._keys)

    def verify(self, content: bytes, signature: bytes) -> str:
        """The fingerprint of the key that has signed these bytes.

        Raises:
            BadSignature: none of them has, or the signature is not written as agreed.
            TooLarge: for Ed25519 only.
        """
        return self._verified(iter((content,)), signature)

    def verify_file(self, file: BinaryIO, signature: bytes) -> str:
        """As `verify`, for what a file holds from here to its end. Raises OSError, too."""
        return self._verified(_chunks(file), signature)

    def _verified(self, chunks: Iterator[bytes], signature: bytes) -> str:
        plain = forms.signature_from(self._form, forms.text_from(self._text, signature))
        checks = [(key.fingerprint, key.begin()) for key in self._keys]
        _feed(chunks, *(checking for _, checking in checks))
        for fingerprint, checking in checks:
            if checking.holds(plain):
                return fingerprint
        raise mismatch()


def make_signer(agreed: SignatureAgreed) -> Signer:
    """Reads our key.

    Raises:
        ConfigError: no key file is named, it cannot be read or others may read it, or it holds no fitting key.
    """
    if agreed.key_file is None:
        raise ConfigError(
            "我方须签名：请填写 key_file", "we have to sign: name our key file", path="key_file"
        )
    key = _at("key_file", agreed.key_file, lambda file: private_key(agreed, keyfiles.read_private(file)))
    return Signer(agreed, key)


def make_verifier(agreed: SignatureAgreed) -> Verifier:
    """Reads the partner's keys.

    Raises:
        ConfigError: none is named, or one cannot be read or does not fit.
    """
    if not agreed.partner_keys:
        raise ConfigError(
            "须核对对方的签名：请填写 partner_keys",
            "the partner's signatures are verified: name its key files",
            path="partner_keys",
        )
    keys = (
        _at(f"partner_keys[{i}]", file, lambda f: public_key(agreed, keyfiles.read_public(f)))
        for i, file in enumerate(agreed.partner_keys)
    )
    return Verifier(agreed, tuple(keys))


def _at(path: str, file: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(file)
    except ConfigError as error:
        zh, en = (text if str(file) in text else f"{file}: {text}" for text in (error.zh, error.en))
        raise ConfigError(zh, en, path=path) from None


def _form(agreed: SignatureAgreed) -> Form:
    """How r and s are written; the other algorithms have no such choice."""
    return agreed.form if isinstance(agreed, Sm2Agreed | EcdsaAgreed) else "der"


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _feed(chunks: Iterator[bytes], *takers: _Updated) -> None:
    for chunk in chunks:
        for taker in takers:
            taker.update(chunk)

"""SM2 (GB/T 32918, GM/T 0009): signatures with SM3, and encryption, by the system's libcrypto.

A signature covers Z ‖ message, and Z holds the signer's id (`distid`). OpenSSL 3.0 takes an *empty* id where
none is said, others take `1234567812345678`: here it is always said. Signatures are DER, `SEQUENCE { r, s }`;
other forms are made in `forms.py`. Keys may be used by several threads at once.
"""

from __future__ import annotations

import ctypes
import secrets
from typing import Final

from gateway.contract.errors import ConfigError
from gateway.crypto.errors import BadCiphertext, BadSignature
from gateway.crypto.libcrypto import Handle, der, failed, forget, library, must

#: The id that GM/T 0009 has for signers without one of their own.
DEFAULT_ID: Final = b"1234567812345678"
#: Bytes. Its length in bits must fit into two bytes, and libcrypto wants one to spare.
LONGEST_ID: Final = 0xFFFF // 8 - 1

SCALAR: Final = 32
POINT: Final = 65  #: 04 ‖ x ‖ y

_ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_CURVE: Final = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
_SPKI: Final = bytes.fromhex("3059") + _CURVE + bytes.fromhex("034200")
_PKCS8_ALONE: Final = bytes.fromhex("3041020100") + _CURVE + bytes.fromhex("042730250201010420")
_PKCS8: Final = bytes.fromhex("308187020100") + _CURVE + bytes.fromhex("046d306b0201010420")
_PKCS8_POINT: Final = bytes.fromhex("a144034200")
_LONGEST_SIGNATURE: Final = 72


class PublicKey:
    """A public key.

    Args:
        spki: DER of the `SubjectPublicKeyInfo`.

    Raises:
        ConfigError: not an SM2 key, or no point of the curve.
    """

    __slots__ = ("_handle", "spki")

    def __init__(self, spki: bytes) -> None:
        pointer = der("d2i_PUBKEY", spki)
        if not pointer:
            raise no_key("公钥", "public key")
        self._adopt(Handle(pointer, library().EVP_PKEY_free))

    @classmethod
    def of_point(cls, point: bytes) -> PublicKey:
        """From 04 ‖ x ‖ y, 65 bytes. Raises ConfigError as above."""
        return cls(_SPKI + point)

    @classmethod
    def of_certificate(cls, certificate: bytes) -> PublicKey:
        """From an X.509 certificate in DER, of which nothing else is looked at. Raises ConfigError as above."""
        lib = library()
        pointer = der("d2i_X509", certificate)
        if not pointer:
            raise no_key("证书", "certificate")
        key = lib.X509_get_pubkey(Handle(pointer, lib.X509_free))
        if not key:
            forget()
            raise no_key("证书", "certificate")
        return cls._of(Handle(key, lib.EVP_PKEY_free))

    @classmethod
    def _of(cls, handle: Handle) -> PublicKey:
        key = cls.__new__(cls)
        key._adopt(handle)
        return key

    def _adopt(self, handle: Handle) -> None:
        lib = library()
        self._handle = handle
        self.spki = _encoded(handle)  #: DER of the `SubjectPublicKeyInfo`, 91 bytes
        checking = Handle(lib.EVP_PKEY_CTX_new(handle, None), lib.EVP_PKEY_CTX_free)
        if not self.spki.startswith(_SPKI + b"\4") or lib.EVP_PKEY_public_check(checking) != 1:
            forget()
            raise no_key("公钥", "public key")

    @property
    def point(self) -> bytes:
        """04 ‖ x ‖ y, 65 bytes."""
        return self.spki[-POINT:]

    def checking(self, *, distid: bytes) -> Checking:
        """A verification, to be fed with the message."""
        return Checking(self._handle, distid)

    def verify(self, message: bytes, signature: bytes, *, distid: bytes) -> None:
        """Raises BadSignature unless the DER signature is this key's for this message and id."""
        checking = self.checking(distid=distid)
        checking.update(message)
        if not checking.holds(signature):
            raise mismatch()

    def encrypt(self, text: bytes) -> bytes:
        """GM/T 0009's ciphertext in DER, `SEQUENCE { x, y, SM3 digest, text }`.

        Raises:
            ValueError: nothing to encrypt; the standard has no ciphertext of nothing.
        """
        if not text:
            raise ValueError("SM2 cannot encrypt nothing")
        lib = library()
        context = Handle(lib.EVP_PKEY_CTX_new(self._handle, None), lib.EVP_PKEY_CTX_free)
        must(lib.EVP_PKEY_encrypt_init(context))
        size = ctypes.c_size_t()
        must(lib.EVP_PKEY_encrypt(context, None, ctypes.byref(size), text, len(text)))
        out = ctypes.create_string_buffer(size.value)
        must(lib.EVP_PKEY_encrypt(context, out, ctypes.byref(size), text, len(text)))
        return out.raw[: size.value]


class PrivateKey:
    """A private key and its public half. It cannot be written out again, and shows nothing of itself.

    Args:
        content: DER of PKCS #8 or SEC 1.

    Raises:
        ConfigError: not an SM2 key, or its halves do not belong together.
    """

    __slots__ = ("_handle", "public")

    def __init__(self, content: bytes) -> None:
        lib = library()
        pointer = der("d2i_AutoPrivateKey", content)
        if not pointer:
            raise no_key("私钥", "private key")
        self._handle = Handle(pointer, lib.EVP_PKEY_free)
        checking = Handle(lib.EVP_PKEY_CTX_new(self._handle, None), lib.EVP_PKEY_CTX_free)
        if lib.EVP_PKEY_check(checking) != 1:
            forget()
            raise no_key("私钥", "private key")
        self.public = PublicKey._of(self._handle)

    @classmethod
    def of_scalar(cls, scalar: bytes) -> PrivateKey:
        """From the number d, 32 bytes. Raises ConfigError where it is out of the curve's range."""
        return cls(_PKCS8_ALONE + scalar)

    def signing(self, *, distid: bytes) -> Signing:
        """A signature, to be fed with the message."""
        return Signing(self._handle, distid)

    def sign(self, message: bytes, *, distid: bytes) -> bytes:
        """The DER signature of a message."""
        signing = self.signing(distid=distid)
        signing.update(message)
        return signing.finish()

    def decrypt(self, ciphertext: bytes) -> bytes:
        """What is in a DER ciphertext.

        Raises:
            BadCiphertext: it is damaged, or for another key.
        """
        lib = library()
        context = Handle(lib.EVP_PKEY_CTX_new(self._handle, None), lib.EVP_PKEY_CTX_free)
        must(lib.EVP_PKEY_decrypt_init(context))
        # What is within is shorter than its wrapping, always.
        out, size = ctypes.create_string_buffer(len(ciphertext) + 1), ctypes.c_size_t(len(ciphertext))
        if lib.EVP_PKEY_decrypt(context, out, ctypes.byref(size), ciphertext, len(ciphertext)) != 1:
            forget()
            raise BadCiphertext
        return out.raw[: size.value]


class Signing:
    """One signature in the making; for one thread, and finished once."""

    __slots__ = ("_context",)

    def __init__(self, key: Handle, distid: bytes) -> None:
        self._context = _digesting("EVP_DigestSignInit", key, distid)

    def update(self, chunk: bytes, /) -> None:
        """The next part of the message."""
        must(library().EVP_DigestSignUpdate(self._context, chunk, len(chunk)))

    def finish(self) -> bytes:
        """The signature, DER."""
        out = ctypes.create_string_buffer(_LONGEST_SIGNATURE)
        size = ctypes.c_size_t(_LONGEST_SIGNATURE)
        must(library().EVP_DigestSignFinal(self._context, out, ctypes.byref(size)))
        return out.raw[: size.value]


class Checking:
    """One verification in the making; for one thread, and finished once."""

    __slots__ = ("_context",)

    def __init__(self, key: Handle, distid: bytes) -> None:
        self._context = _digesting("EVP_DigestVerifyInit", key, distid)

    def update(self, chunk: bytes, /) -> None:
        """The next part of the message."""
        must(library().EVP_DigestVerifyUpdate(self._context, chunk, len(chunk)))

    def holds(self, signature: bytes) -> bool:
        """Whether this DER signature belongs to the message; no bytes whatever do more than answer False."""
        good: bool = library().EVP_DigestVerifyFinal(self._context, signature, len(signature)) == 1
        if not good:
            forget()
        return good


def generate() -> bytes:
    """A new private key: PKCS #8 in DER, with its public half."""
    scalar = (1 + secrets.randbelow(_ORDER - 2)).to_bytes(SCALAR, "big")
    return _PKCS8 + scalar + _PKCS8_POINT + PrivateKey.of_scalar(scalar).public.point


def mismatch() -> BadSignature:
    """The refusal of a well-formed signature."""
    return BadSignature(
        "签名与内容不符，或不是用登记的密钥签的",
        "the signature is not of this content, or not by a registered key",
        kind="mismatch",
    )


def no_key(zh: str, en: str) -> ConfigError:
    """The refusal of a key, which is not quoted."""
    return ConfigError(
        f"不是可用的 SM2 {zh}：请向提供方索取未损坏的文件",
        f"not a usable SM2 {en}: ask its owner for an undamaged file",
    )


def _encoded(key: Handle) -> bytes:
    lib = library()
    size = lib.i2d_PUBKEY(key, None)
    if size <= 0:
        raise failed()
    out = ctypes.create_string_buffer(size)
    lib.i2d_PUBKEY(key, ctypes.byref(ctypes.c_void_p(ctypes.addressof(out))))
    return out.raw


def _digesting(init: str, key: Handle, distid: bytes) -> Handle:
    if len(distid) > LONGEST_ID:
        raise ConfigError(
            f"SM2 的用户标识最长 {LONGEST_ID} 字节", f"an SM2 id has at most {LONGEST_ID} bytes", path="id"
        )
    lib = library()
    context = Handle(lib.EVP_MD_CTX_new(), lib.EVP_MD_CTX_free)
    inner = ctypes.c_void_p()  # belongs to the context
    must(getattr(lib, init)(context, ctypes.byref(inner), lib.EVP_sm3(), None, key))
    must(lib.EVP_PKEY_CTX_set1_id(inner, distid, len(distid)))
    return context

"""The algorithms behind an agreement, all in one shape: begin, update with parts, end.

SM2, RSA and ECDSA work on a digest and so on contents of any size. Ed25519 needs the whole content twice, so it is
kept, up to `ED25519_LIMIT`. Signatures are here as the algorithms have them; SM2's and ECDSA's are DER.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.contract.errors import ConfigError
from gateway.crypto import keyfiles
from gateway.crypto.errors import TooLarge
from gateway.crypto.settings import EcdsaAgreed, Ed25519Agreed, RsaAgreed, SignatureAgreed, Sm2Agreed

#: Bytes; a larger content is refused.
ED25519_LIMIT: Final = 64 << 20
#: Bits; shorter keys are broken, or soon will be.
RSA_FLOOR: Final = 2048

_DIGESTED: Final = Prehashed(SHA256())
_ECDSA: Final = ec.ECDSA(_DIGESTED)


class Signing(Protocol):
    """One signature in the making; for one thread."""

    def update(self, chunk: bytes, /) -> None:
        """The next part of the content. Raises TooLarge."""

    def finish(self) -> bytes:
        """The signature. Once."""


class Checking(Protocol):
    """One verification in the making; for one thread."""

    def update(self, chunk: bytes, /) -> None:
        """The next part of the content. Raises TooLarge."""

    def holds(self, signature: bytes) -> bool:
        """Whether it is the key's signature of this content. Once."""


class PartnerKey:
    """A partner's key: `fingerprint` is `SHA256:` and the base64 of the key's SHA-256, `begin` starts to verify."""

    __slots__ = ("begin", "fingerprint")

    def __init__(self, spki: bytes, begin: Callable[[], Checking]) -> None:
        digest = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        self.fingerprint = "SHA256:" + digest.rstrip("=")
        self.begin = begin


def private_key(agreed: SignatureAgreed, content: bytes) -> Callable[[], Signing]:
    """What begins a signature with the key in `content`. Raises ConfigError where it is no key for the algorithm."""
    if isinstance(agreed, Sm2Agreed):
        own, distid = keyfiles.sm2_private(content), agreed.distid
        return lambda: own.signing(distid=distid)
    key = keyfiles.other_private(content)
    if isinstance(agreed, RsaAgreed) and isinstance(key, rsa.RSAPrivateKey):
        _long_enough(key.key_size)
        fill = _padding(agreed, verifying=False)
        return lambda: _Signing(_Digest(), lambda digest: key.sign(digest, fill, _DIGESTED))
    if isinstance(agreed, EcdsaAgreed) and isinstance(key, ec.EllipticCurvePrivateKey):
        _on_p256(key.curve)
        return lambda: _Signing(_Digest(), lambda digest: key.sign(digest, _ECDSA))
    if isinstance(agreed, Ed25519Agreed) and isinstance(key, ed25519.Ed25519PrivateKey):
        return lambda: _Signing(_Whole(), key.sign)
    raise _another(agreed)


def public_key(agreed: SignatureAgreed, content: bytes) -> PartnerKey:
    """The partner's key in `content`. Raises ConfigError where it is no key for the algorithm."""
    if isinstance(agreed, Sm2Agreed):
        theirs, distid = keyfiles.sm2_public(content), agreed.distid
        return PartnerKey(theirs.spki, lambda: theirs.checking(distid=distid))
    key = keyfiles.other_public(content)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(agreed, RsaAgreed) and isinstance(key, rsa.RSAPublicKey):
        _long_enough(key.key_size)
        fill = _padding(agreed, verifying=True)
        return PartnerKey(spki, lambda: _Checking(_Digest(), lambda s, d: key.verify(s, d, fill, _DIGESTED)))
    if isinstance(agreed, EcdsaAgreed) and isinstance(key, ec.EllipticCurvePublicKey):
        _on_p256(key.curve)
        return PartnerKey(spki, lambda: _Checking(_Digest(), lambda s, d: key.verify(s, d, _ECDSA)))
    if isinstance(agreed, Ed25519Agreed) and isinstance(key, ed25519.Ed25519PublicKey):
        return PartnerKey(spki, lambda: _Checking(_Whole(), key.verify))
    raise _another(agreed)


class _Digest:
    """The SHA-256 of what goes in."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = Hash(SHA256())

    def update(self, chunk: bytes) -> None:
        self._hash.update(chunk)

    def value(self) -> bytes:
        return self._hash.finalize()


class _Whole:
    """What goes in, kept."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def update(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > ED25519_LIMIT:
            raise TooLarge(
                f"内容超过 {ED25519_LIMIT >> 20} MiB，不能用 Ed25519 签名：请与对方改用其他算法",
                f"more than {ED25519_LIMIT >> 20} MiB cannot be signed by Ed25519: agree on another algorithm",
            )
        self._parts.append(chunk)

    def value(self) -> bytes:
        return b"".join(self._parts)


class _Signing:
    __slots__ = ("_collected", "_sign", "update")

    def __init__(self, collected: _Digest | _Whole, sign: Callable[[bytes], bytes]) -> None:
        self._collected, self._sign = collected, sign
        self.update = collected.update

    def finish(self) -> bytes:
        return self._sign(self._collected.value())


class _Checking:
    __slots__ = ("_collected", "_verify", "update")

    def __init__(self, collected: _Digest | _Whole, verify: Callable[[bytes, bytes], None]) -> None:
        self._collected, self._verify = collected, verify
        self.update = collected.update

    def holds(self, signature: bytes) -> bool:
        try:
            self._verify(signature, self._collected.value())
        except InvalidSignature:
            return False
        return True


def _padding(agreed: RsaAgreed, *, verifying: bool) -> padding.AsymmetricPadding:
    """Our salts are as long as the digest; a partner's may have any length, it proves nothing."""
    if agreed.padding == "pkcs1v15":
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO if verifying else padding.PSS.DIGEST_LENGTH)


def _long_enough(bits: int) -> None:
    if bits < RSA_FLOOR:
        raise ConfigError(
            f"RSA 密钥只有 {bits} 位，至少须 {RSA_FLOOR} 位：请更换",
            f"an RSA key of {bits} bits: at least {RSA_FLOOR} are needed, replace it",
        )


def _on_p256(curve: ec.EllipticCurve) -> None:
    if not isinstance(curve, ec.SECP256R1):
        raise ConfigError(f"曲线是 {curve.name}，应为 P-256", f"the key is on {curve.name}, expected P-256")


def _another(agreed: SignatureAgreed) -> ConfigError:
    return ConfigError(
        f"密钥与约定的算法 {agreed.algorithm} 不符", f"the key is not one for the agreed {agreed.algorithm}"
    )

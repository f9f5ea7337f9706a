"""PKCS#7 SignedData (CMS, RFC 5652) by one RSA signer over a document, with its content inside or apart.

Made by `cryptography`, taken apart by `asn1crypto`. Certificates that come inside are not looked at: whose signature it
is follows from the files that the settings name, so no chain is built and no date is compared.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from asn1crypto import cms  # type: ignore[import-untyped]  # no type information is published
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

from adapters.treasury.wire.errors import BadSeal
from adapters.treasury.wire.settings import Pkcs7Seal
from gateway.contract import ConfigError
from gateway.crypto import keyfiles

T = TypeVar("T")

_RSA_FLOOR: Final = 2048
_SPACE: Final = b" \t\r\n"
_DIGESTS: Final[dict[str, HashAlgorithm]] = {
    "sha1": SHA1(),  # noqa: S303 - verified only where the settings say so
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}
_RSA: Final = ("rsassa_pkcs1v15", *(f"{name}_rsa" for name in _DIGESTS))
#: How Chinese authorities and Java write what RFC 4514 has no name for.
_DN_NAMES: Final = {NameOID.EMAIL_ADDRESS: "E", NameOID.SERIAL_NUMBER: "SERIALNUMBER"}


def pkcs7_signing(settings: Pkcs7Seal) -> Callable[[bytes], bytes]:
    """What makes the base64 of a signature.

    Raises:
        ConfigError: key or certificate cannot be read, are not RSA of 2048 bits at least, or do not belong together.
    """
    certificate = _at("certificate", settings.certificate, _certificate)
    key = _at("key_file", settings.key_file, _private)
    if key.public_key() != certificate.public_key():
        raise ConfigError(
            "私钥与证书不是一对", "the private key is not that of the certificate", path="key_file"
        )
    apart = [] if settings.attached else [PKCS7Options.DetachedSignature]

    def sign(document: bytes) -> bytes:
        builder = PKCS7SignatureBuilder().set_data(document).add_signer(certificate, key, SHA256())
        signed = builder.sign(Encoding.DER, [*apart, PKCS7Options.Binary, PKCS7Options.NoCapabilities])
        return base64.b64encode(signed)

    return sign


def pkcs7_verification(settings: Pkcs7Seal) -> Callable[[bytes, bytes], None]:
    """What verifies the base64 of a signature. It raises BadSeal.

    Raises:
        ConfigError: a certificate cannot be read, is not RSA of 2048 bits at least, or has another subject than `sign_dn`.
    """
    certificates = [
        _at(f"partner_certificates[{i}]", file, _certificate)
        for i, file in enumerate(settings.partner_certificates)
    ]
    if settings.sign_dn:
        _agreed_subject(settings.sign_dn, certificates)
    digests = {name: d for name, d in _DIGESTS.items() if name != "sha1" or settings.accept_sha1}

    def verify(document: bytes, comment: bytes) -> None:
        signed = _parsed(comment)
        digest = digests.get(signed.digest)
        if digest is None or signed.algorithm not in ("rsassa_pkcs1v15", f"{signed.digest}_rsa"):
            raise BadSeal("digest", "签名算法不在约定之内", "signed by an algorithm that is not agreed")
        if signed.content not in (None, document):
            raise _mismatch()
        if signed.attributes and signed.claimed != hashlib.new(signed.digest, document).digest():
            raise _mismatch()
        named = [certificate for certificate in certificates if _named(signed, certificate)]
        if not named:
            raise BadSeal(
                "signer", "签名证书不在登记之列", "not signed by a certificate that the settings name"
            )
        content = signed.attributes or document
        if not any(_holds(_key_of(certificate), signed.signature, content, digest) for certificate in named):
            raise _mismatch()

    return verify


@dataclass(frozen=True, slots=True)
class _Signed:
    """What counts of a SignedData."""

    digest: str
    algorithm: str
    signature: bytes
    content: bytes | None  #: where it is inside
    attributes: bytes  #: DER of the SET that is signed; empty where the document itself is signed
    claimed: bytes  #: the digest of the document, as the attributes have it
    issuer: bytes  #: DER; empty where the signer is named by key identifier
    serial: int
    key_id: bytes


def _parsed(comment: bytes) -> _Signed:
    try:
        return _taken_apart(base64.b64decode(comment.translate(None, _SPACE), validate=True))
    # asn1crypto reads on demand, and says of bytes that are something else whatever they make of its code.
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        raise BadSeal("malformed", "不是约定的 PKCS#7 签名", "not a PKCS#7 signature as agreed") from None


def _taken_apart(der: bytes) -> _Signed:
    outer = cms.ContentInfo.load(der, strict=True)
    data = outer["content"]
    if outer["content_type"].native != "signed_data" or len(data["signer_infos"]) != 1:
        raise ValueError("not one signer")
    inner = data["encap_content_info"]
    if inner["content_type"].native != "data":
        raise ValueError("another content")
    [info] = data["signer_infos"]
    name = info["sid"].chosen
    named = info["sid"].name == "issuer_and_serial_number"
    attributes = info["signed_attrs"]
    values = {a["type"].native: a["values"] for a in attributes}
    if len(attributes) and (
        len(values) != len(attributes)
        or [v.native for v in values["content_type"]] != ["data"]
        or len(values["message_digest"]) != 1
    ):
        raise ValueError("attributes")
    return _Signed(
        digest=str(info["digest_algorithm"]["algorithm"].native),
        algorithm=str(info["signature_algorithm"]["algorithm"].native),
        signature=bytes(info["signature"].native),
        content=None if inner["content"].native is None else bytes(inner["content"].native),
        attributes=attributes.untag().dump() if len(attributes) else b"",
        claimed=bytes(values["message_digest"][0].native) if len(attributes) else b"",
        issuer=name["issuer"].dump() if named else b"",
        serial=int(name["serial_number"].native) if named else 0,
        key_id=b"" if named else bytes(name.native),
    )


def _named(signed: _Signed, certificate: x509.Certificate) -> bool:
    """Whether the signature says that it is by this certificate."""
    if signed.issuer:
        issued = certificate.issuer.public_bytes() == signed.issuer
        return issued and certificate.serial_number == signed.serial
    try:
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        own = x509.SubjectKeyIdentifier.from_public_key(_key_of(certificate))
    return own.digest == signed.key_id


def _holds(key: rsa.RSAPublicKey, signature: bytes, content: bytes, digest: HashAlgorithm) -> bool:
    try:
        key.verify(signature, content, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def _mismatch() -> BadSeal:
    return BadSeal(
        "mismatch",
        "签名与报文不符，或不是用登记的证书签的",
        "the signature is not of this document, or not by a registered certificate",
    )


def _agreed_subject(text: str, certificates: list[x509.Certificate]) -> None:
    """In either order: authorities write a subject from the country, RFC 4514 from the name."""
    try:
        names = {name: oid for oid, name in _DN_NAMES.items()}
        agreed = x509.Name.from_rfc4514_string(text.replace(", ", ","), names).rdns
    except ValueError:
        zh, en = "sign_dn 应如 CN=…,O=…,C=CN", "sign_dn must be like CN=…,O=…,C=CN"
        raise ConfigError(zh, en, path="sign_dn") from None
    for i, certificate in enumerate(certificates):
        if certificate.subject.rdns not in (agreed, agreed[::-1]):
            raise ConfigError(
                f"证书的主题是 {certificate.subject.rfc4514_string(_DN_NAMES)}，与 sign_dn 不符",
                f"the certificate is that of {certificate.subject.rfc4514_string(_DN_NAMES)}, not of sign_dn",
                path=f"partner_certificates[{i}]",
            )


def _certificate(file: Path) -> x509.Certificate:
    content = keyfiles.read_public(file)
    try:
        pem = b"-----BEGIN" in content
        found = x509.load_pem_x509_certificate(content) if pem else x509.load_der_x509_certificate(content)
    except ValueError:
        raise ConfigError("不是证书文件", "not a file with a certificate") from None
    _key_of(found)
    return found


def _private(file: Path) -> rsa.RSAPrivateKey:
    key = keyfiles.other_private(keyfiles.read_private(file))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _not_rsa()
    return key


def _key_of(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _RSA_FLOOR:
        raise _not_rsa()
    return key


def _not_rsa() -> ConfigError:
    return ConfigError(
        f"应为至少 {_RSA_FLOOR} 位的 RSA 密钥", f"an RSA key of {_RSA_FLOOR} bits at least is needed"
    )


def _at(path: str, file: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(file)
    except ConfigError as error:
        zh, en = (text if str(file) in text else f"{file}: {text}" for text in (error.zh, error.en))
        raise ConfigError(zh, en, path=path) from None

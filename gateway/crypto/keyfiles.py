"""Keys as people hand them over: PEM, DER, certificates, hexadecimal digits. One key in one file.

| | private | public |
|---|---|---|
| SM2 | PEM (PKCS #8, SEC 1); d as 64 digits | PEM, DER; certificate in PEM or DER; 04 ‖ x ‖ y as 130 digits, or 128 without 04 |
| others | PEM (PKCS #8 and older), without password | PEM, DER; certificate in PEM or DER |

A certificate is taken as a bag with a key in it: its dates, issuer and purpose are not looked at. What makes a key the
partner's is that the settings name its file.
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from gateway.contract.errors import ConfigError
from gateway.crypto import sm2

_LONGEST: Final = 64 << 10
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_SCALAR: Final = re.compile(rb"[0-9a-fA-F]{64}")
_POINT: Final = re.compile(rb"(?:04)?([0-9a-fA-F]{128})")
_PRIVATE: Final = (b"PRIVATE KEY", b"EC PRIVATE KEY", b"SM2 PRIVATE KEY")
_ENCRYPTED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type:")
_PUBLIC: Final = b"PUBLIC KEY"
_CERTIFICATE: Final = b"CERTIFICATE"


def read_private(file: Path) -> bytes:
    """What is in a file with a private key.

    Raises:
        ConfigError: missing, or others than its owner may read it.
    """
    return _read(file, private=True)


def read_public(file: Path) -> bytes:
    """What is in a file with a public key. Raises ConfigError where it cannot be read."""
    return _read(file, private=False)


def write_private(file: Path, content: bytes) -> None:
    """A private key (DER, PKCS #8) as a new file in PEM, mode 0600.

    Raises:
        ConfigError: the file exists. A key is never overwritten: a partner may know its public half.
    """
    pem = b"-----BEGIN PRIVATE KEY-----\n%b-----END PRIVATE KEY-----\n"
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{file} 已存在：请沿用，或换一个名称", f"{file} exists: use it, or choose another name"
        ) from None
    with os.fdopen(handle, "wb") as out:
        out.write(pem % base64.encodebytes(content))
        out.flush()
        os.fsync(handle)


def sm2_private(content: bytes) -> sm2.PrivateKey:
    """Raises ConfigError where it is none of the forms above."""
    if _SCALAR.fullmatch(content.strip()):
        return sm2.PrivateKey.of_scalar(bytes.fromhex(content.decode()))
    _refuse_encrypted(content)
    blocks = [_bare(body) for label, body in _PEM.findall(content) if label in _PRIVATE]
    if len(blocks) != 1:
        raise _not_one("SM2 私钥", "SM2 private key")
    return sm2.PrivateKey(blocks[0])


def sm2_public(content: bytes) -> sm2.PublicKey:
    """Raises ConfigError where it is none of the forms above."""
    if point := _POINT.fullmatch(content.strip()):
        return sm2.PublicKey.of_point(b"\4" + bytes.fromhex(point[1].decode()))
    if content.startswith(b"0"):  # a SEQUENCE: DER. In a certificate it begins with another one
        inner = sm2.PublicKey.of_certificate if _is_certificate(content) else sm2.PublicKey
        return inner(content)
    blocks = [
        (label, _bare(body)) for label, body in _PEM.findall(content) if label in (_PUBLIC, _CERTIFICATE)
    ]
    if len(blocks) != 1:
        raise _not_one("SM2 公钥", "SM2 public key")
    ((label, body),) = blocks
    return sm2.PublicKey.of_certificate(body) if label == _CERTIFICATE else sm2.PublicKey(body)


def other_private(content: bytes) -> PrivateKeyTypes:
    """Raises ConfigError where it is none of the forms above."""
    _refuse_encrypted(content)
    try:
        return load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _not_one("私钥", "private key") from None


def other_public(content: bytes) -> PublicKeyTypes:
    """Raises ConfigError where it is none of the forms above."""
    try:
        if len(_PEM.findall(content)) > 1:
            raise _not_one("公钥", "public key")
        if b"-----BEGIN CERTIFICATE" in content:
            return load_pem_x509_certificate(content).public_key()
        if b"-----BEGIN" in content:
            return load_pem_public_key(content)
        if _is_certificate(content):
            return load_der_x509_certificate(content).public_key()
        return load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise _not_one("公钥", "public key") from None


def _is_certificate(der: bytes) -> bool:
    try:
        load_der_x509_certificate(der)
    except ValueError:
        return False
    return True


def _bare(body: bytes) -> bytes:
    try:
        return base64.b64decode(body)
    except ValueError:
        raise _not_one("密钥", "key") from None


def _read(file: Path, *, private: bool) -> bytes:
    try:
        with file.open("rb") as opened:
            others = os.fstat(opened.fileno()).st_mode & 0o077
            content = opened.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigError(
            f"无法读取密钥文件 {file}（{error.strerror}）：请改正路径或权限",
            f"cannot read the key file {file} ({error.strerror}): correct its path or mode",
        ) from None
    if private and others:
        raise ConfigError(
            f"他人可以读取私钥 {file}：chmod 600，并考虑更换密钥",
            f"others may read the private key {file}: run chmod 600 on it and consider a new key",
        )
    if len(content) > _LONGEST:
        raise ConfigError(f"{file} 太大，不是密钥文件", f"{file} is too large for a key file")
    return content


def _refuse_encrypted(content: bytes) -> None:
    if any(mark in content for mark in _ENCRYPTED):
        raise ConfigError(
            "私钥有口令保护：请用 openssl pkey 去除口令，并将文件设为 0600",
            "the private key has a password: remove it by openssl pkey, and give the file mode 0600",
        )


def _not_one(zh: str, en: str) -> ConfigError:
    return ConfigError(
        f"文件中须有且仅有一个可用的{zh}", f"the file must hold one usable {en}, and no other key"
    )

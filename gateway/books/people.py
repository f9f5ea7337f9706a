"""People and their signatures: who approved and released what, for anybody to verify.

A person has an Ed25519 key; the public half stands in `people.yaml`, the private half in a file of the person's
own (PKCS #8 PEM, encrypted by a passphrase). What a person decides is a *statement*, canonical JSON on one line:

    {"action":"batch.release","batch":"20261122000001","count":2,"digest":"hmac-sha256:…","node":"gw-1",
     "person":"li","sum_fen":123456,"time":"2026-11-22T08:00:00Z"}

(keys sorted, no blanks). The signature is over `tongqu payment statement v1\\n` and the statement. Both go into the
audit entry, so that an outsider needs no more than the entry and the public key.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.contract import ConfigError

PREFIX: Final = b"tongqu payment statement v1\n"
_PUBLIC: Final = "ed25519:"

Right = Literal[
    "payment.approve",
    "batch.build",
    "batch.release",
    "batch.cancel",
    "difference.close",
    "levy.close-difference",
]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in `people.yaml`."""

    name: str
    title: str
    key: str  #: `ed25519:` and the public key in base64
    may: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its signature."""

    person: str
    statement: str
    signature: str  #: base64

    @property
    def detail(self) -> dict[str, str | int]:
        """For the audit entry."""
        return {"person": self.person, "statement": self.statement, "signature": self.signature}


def public_text(key: Ed25519PublicKey) -> str:
    """A public key as `people.yaml` has it."""
    return _PUBLIC + base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def public_key(text: str) -> Ed25519PublicKey:
    """The inverse of `public_text`.

    Raises:
        ValueError: it is no such key.
    """
    if not text.startswith(_PUBLIC):
        raise ValueError("expected ed25519:… / 应为 ed25519:…")
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(_PUBLIC), validate=True))


def create_key(file: Path, passphrase: bytes) -> str:
    """A new key in a file of its own; returns the public half. Never overwrites.

    Raises:
        ConfigError: the file cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise _unusable(file, type(error).__name__) from None
    return public_text(key.public_key())


def load_key(file: Path, passphrase: bytes, person: Person) -> Ed25519PrivateKey:
    """A person's private key.

    Raises:
        ConfigError: it cannot be read, the passphrase is wrong, or it is not the key in `people.yaml`.
    """
    try:
        if file.stat().st_mode & 0o077:
            raise _unusable(file, "mode must be 0600")
        key = load_pem_private_key(file.read_bytes(), passphrase)
    except OSError as error:
        raise _unusable(file, type(error).__name__) from None
    except (ValueError, TypeError):
        raise _unusable(file, "口令错误或不是密钥 wrong passphrase, or not a key") from None
    if not isinstance(key, Ed25519PrivateKey) or public_text(key.public_key()) != person.key:
        raise _unusable(file, f"不是 {person.name} 在 people.yaml 中的密钥 not the key of {person.name}")
    return key


def sign(key: Ed25519PrivateKey, person: Person, now: dt.datetime, **facts: str | int) -> Signed:
    """A person's statement of these facts. `now` is aware, UTC."""
    statement = msgspec.json.encode(
        {**facts, "person": person.name, "time": now.replace(microsecond=0)}, order="sorted"
    )
    signature = base64.b64encode(key.sign(PREFIX + statement)).decode()
    return Signed(person.name, statement.decode(), signature)


def verify(signed: Signed, key: str) -> bool:
    """Whether the statement was signed with the private half of this key."""
    try:
        public_key(key).verify(base64.b64decode(signed.signature), PREFIX + signed.statement.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _unusable(file: Path, cause: str) -> ConfigError:
    return ConfigError(
        f"无法使用个人密钥 {file}（{cause}）",
        f"the personal key {file} cannot be used ({cause})",
        file=str(file),
    )

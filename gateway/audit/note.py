"""Signed notes (C2SP signed-note), their keys, and Ed25519 as the first signature profile.

    <text, one or more lines>
    <blank line>
    — <key name> <base64(key id || signature)>

A signature covers the text with its final newline, not the blank line. Lines of unknown keys are ignored;
a known key with a bad signature spoils the note.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.errors import BadNote

ED25519 = 0x01
COSIGNATURE_ED25519 = 0x04
_KEY_ID = 4
_MAX_SIGNATURES = 100
_DASH = "\u2014 "


class Verifier(Protocol):
    """Checks the signatures of one key; another profile is another class."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> bytes: ...
    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (without the key id) is this key's over `text`."""
        ...


class Signer(Protocol):
    """Signs notes with one key."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> bytes: ...
    @property
    def vkey(self) -> str: ...
    @property
    def verifier(self) -> Verifier: ...
    def sign(self, text: bytes) -> bytes:
        """The signature over `text`, without the key id."""
        ...


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which a signature line names its key."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID]


def format_vkey(name: str, kind: int, public: bytes) -> str:
    """A verifier key: `<name>+<key id in hex>+<base64(kind || public key)>`."""
    _check_name(name)
    encoded = base64.b64encode(bytes([kind]) + public).decode()
    return f"{name}+{key_id(name, kind, public).hex()}+{encoded}"


def split_vkey(vkey: str) -> tuple[str, int, bytes]:
    """(name, kind, public key) of a verifier key.

    Raises:
        BadNote: malformed, or its key id is not that of its key.
    """
    name, _, rest = vkey.strip().partition("+")
    key_hex, _, encoded = rest.partition("+")
    data = unbase64(encoded)
    if len(data) < 2 or format_vkey(name, data[0], data[1:]) != f"{name}+{key_hex}+{encoded}":
        raise BadNote("the verifier key is damaged: ask the log's operator for it again")
    return name, data[0], data[1:]


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """A log's Ed25519 key (type 0x01)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, ED25519, self.public)

    def verify(self, text: bytes, signature: bytes) -> bool:
        return ed25519_valid(self.public, text, signature)


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs as a log (type 0x01). The key name is the log's origin."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Ed25519Verifier:
        return Ed25519Verifier(self.name, self.key.public_key().public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        return self.verifier.key_id

    @property
    def vkey(self) -> str:
        return format_vkey(self.name, ED25519, self.verifier.public)

    def sign(self, text: bytes) -> bytes:
        return self.key.sign(text)


@dataclass(frozen=True, slots=True)
class Note:
    """A note whose signatures were checked.

    Attributes:
        text: the signed text, with its final newline.
        signers: the verifiers whose signature was found good, at least one.
    """

    text: str
    signers: tuple[Verifier, ...]


def ed25519_valid(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is good."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def signature_line(signer: Signer, text: str) -> str:
    """One signature line over `text`, without its newline."""
    blob = signer.key_id + signer.sign(text.encode())
    return f"{_DASH}{signer.name} {base64.b64encode(blob).decode()}"


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """A note over `text`.

    Raises:
        BadNote: the text does not end with a newline, holds control characters, or nobody signs.
    """
    _check_text(text)
    if not signers:
        raise BadNote("a note needs a signature: configure a signing key")
    lines = "".join(signature_line(signer, text) + "\n" for signer in signers)
    return f"{text}\n{lines}".encode()


def add_lines(note: bytes, lines: Sequence[str]) -> bytes:
    """The note with further signature lines, such as witnesses' cosignatures."""
    return note + "".join(f"{line}\n" for line in lines).encode()


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """(text, [(key name, key id, signature)]) of a note, nothing verified.

    Raises:
        BadNote: not a note.
    """
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise BadNote("the note is not UTF-8: fetch it again") from None
    text, blank, tail = whole.rpartition("\n\n")
    text += "\n"
    if not blank or not tail.endswith("\n"):
        raise BadNote("the note has no signatures: fetch it again")
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise BadNote("the note has too many signatures: fetch it again")
    return text, [_split_line(line) for line in lines]


def open_note(note: bytes, verifiers: Sequence[Verifier]) -> Note:
    """The text of a note that at least one of `verifiers` signed.

    Raises:
        BadNote: malformed, a known key's signature is bad, or none is known.
    """
    text, signatures = split_note(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    good: dict[tuple[str, bytes], Verifier] = {}
    for name, key, signature in signatures:
        verifier = known.get((name, key))
        if verifier is None or (name, key) in good:
            continue
        if not verifier.verify(text.encode(), signature):
            raise BadNote(f"the signature of {name} is bad: the note was altered, fetch it again")
        good[name, key] = verifier
    if not good:
        raise BadNote("no known key signed the note: check the verifier key")
    return Note(text, tuple(good.values()))


def unbase64(encoded: str) -> bytes:
    """Strict base64: every value has one encoding, or an altered note could still verify."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("malformed base64: fetch the note again") from None
    if base64.b64encode(data).decode() != encoded:
        raise BadNote("base64 with stray bits: fetch the note again")
    return data


def _split_line(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        raise BadNote("a signature line does not begin with a dash: fetch the note again")
    _check_name(name)
    blob = unbase64(encoded)
    if len(blob) <= _KEY_ID:
        raise BadNote("a signature line is too short: fetch the note again")
    return name, blob[:_KEY_ID], blob[_KEY_ID:]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise BadNote("a key name is empty or has blanks or a plus: correct the name")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise BadNote("a note's text ends with a newline and has no other control characters")

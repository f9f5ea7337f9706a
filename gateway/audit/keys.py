"""The log's signing key as a file (PKCS #8 PEM, mode 0600) and its verifier key as another."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.audit.cosignature import CosignatureVerifier
from gateway.audit.errors import BadKeyFile, BadNote
from gateway.audit.note import (
    COSIGNATURE_ED25519,
    ED25519,
    Ed25519Signer,
    Ed25519Verifier,
    Verifier,
    split_vkey,
)
from gateway.store.filelock import belong, sync_names


def create_signer(name: str, key_file: Path) -> Ed25519Signer:
    """A new signing key, written to `key_file`.

    Raises:
        BadKeyFile: the file exists. A key is never overwritten: all earlier checkpoints hang on it.
        BadNote: `name` cannot be a key name.
    """
    signer = Ed25519Signer(name, Ed25519PrivateKey.generate())
    signer.vkey  # noqa: B018 - refuses a bad name before anything is written
    pem = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadKeyFile(f"{key_file} exists: use it, or choose another name") from None
    with os.fdopen(handle, "wb") as file:
        belong(handle, key_file)
        file.write(pem)
        file.flush()
        os.fsync(handle)
    return signer


def load_signer(name: str, key_file: Path) -> Ed25519Signer:
    """The signing key in `key_file`.

    Raises:
        BadKeyFile: missing, not an Ed25519 key, or others than its owner may read it.
    """
    try:
        if key_file.stat().st_mode & 0o077:
            raise BadKeyFile(f"others may read {key_file}: run chmod 600 on it and consider a new key")
        key = load_pem_private_key(key_file.read_bytes(), None)
    except OSError as error:
        raise BadKeyFile(
            f"cannot read {key_file} ({error.strerror}): create the key or correct its path"
        ) from None
    except (ValueError, TypeError):
        raise BadKeyFile(f"{key_file} is not an unencrypted PEM key: restore it from backup") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKeyFile(f"{key_file} is not an Ed25519 key: point to the log's key")
    return Ed25519Signer(name, key)


def earlier_keys(key_file: Path) -> list[Path]:
    """The files of keys that came before the one in `key_file` and still sign beside it, by name."""
    return sorted(key_file.parent.glob(f"{key_file.stem}-{'[0-9a-f]' * 8}{key_file.suffix}"))


def load_signers(name: str, key_file: Path) -> list[Ed25519Signer]:
    """Everybody who signs: the key in `key_file` first, then earlier ones, so that whoever holds an older verifier key can go
    on checking. Raises as `load_signer`."""
    found = [load_signer(name, file) for file in (key_file, *earlier_keys(key_file))]
    return list({signer.key_id: signer for signer in found}.values())


def draft_key(name: str, key_file: Path) -> Ed25519Signer:
    """A new key beside the one in `key_file`, not in force yet. The draft of a change that was interrupted is thrown away:
    nothing was ever signed with it. Raises as `create_signer`."""
    draft = _draft(key_file)
    draft.unlink(missing_ok=True)
    return create_signer(name, draft)


def change_key(name: str, key_file: Path) -> None:
    """Puts the draft in force; the key that was in `key_file` goes on signing beside it. Durable step by step.

    Raises:
        BadKeyFile: there is no key to change, or no draft, or one cannot be used.
    """
    load_signer(name, _draft(key_file))
    old = load_signer(name, key_file)
    with suppress(FileExistsError):
        os.link(key_file, key_file.with_name(f"{key_file.stem}-{old.key_id.hex()}{key_file.suffix}"))
    sync_names(key_file.parent)
    _draft(key_file).rename(key_file)
    sync_names(key_file.parent)


def _draft(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".new")


def retire_key(key_file: Path, key_id: str) -> Path:
    """An earlier key signs no more; returns the file it is in now, which no program reads.

    Raises:
        BadKeyFile: there is no such key.
    """
    file = key_file.with_name(f"{key_file.stem}-{key_id}{key_file.suffix}")
    away = file.with_suffix(".retired")
    try:
        file.rename(away)
    except FileNotFoundError:
        raise BadKeyFile(f"{file} is not there: see `gateway audit key`") from None
    sync_names(key_file.parent)
    return away


def write_vkey(vkey: str, vkey_file: Path) -> None:
    """The verifier key as a file of one line, to be handed to whoever wants to check the log."""
    vkey_file.write_text(vkey + "\n", encoding="utf-8")


def load_verifiers(vkey_file: Path) -> list[Verifier]:
    """The verifier keys in a file, one a line; blank lines and lines with `#` are skipped.

    Raises:
        BadKeyFile: unreadable or without a key.
        BadNote: a damaged key or one of an unknown kind.
    """
    try:
        lines = vkey_file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadKeyFile(f"cannot read {vkey_file} ({error.strerror}): correct its path") from None
    keys = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    if not keys:
        raise BadKeyFile(f"{vkey_file} holds no verifier key: ask the log's operator for it")
    return [parse_vkey(key) for key in keys]


def parse_vkey(vkey: str) -> Verifier:
    """The verifier of a key in its text form.

    Raises:
        BadNote: a damaged key or one of an unknown kind.
    """
    name, kind, public = split_vkey(vkey)
    if kind == ED25519:
        return Ed25519Verifier(name, public)
    if kind == COSIGNATURE_ED25519:
        return CosignatureVerifier(name, public)
    raise BadNote(f"the verifier key of {name} is of unknown kind {kind:#04x}: update this program")

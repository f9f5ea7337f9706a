"""Payloads at rest: AES-256-GCM under a ring of keys.

A sealed payload:

    version 1 │ key id, 4 bytes │ nonce, 12 bytes │ AES-256-GCM of (salt, 16 bytes │ payload), tag 16 bytes

Everything before the nonce is authenticated along with the caller's `aad`, which says whose payload this is: a blob
moved to another row does not open. The salt is the one of the audit log's digest of this payload; being inside, it
is erased together with the payload, and then the digest says nothing any more.

The key file is JSON, readable by its owner only:

    {"current": "9f2c01aa", "keys": {"9f2c01aa": "<32 bytes, base64>", …}, "made": {"9f2c01aa": "2026-01-05T…"}}

Random 96-bit nonces are safe for 2³² payloads under one key; `rotate` long before.

    rotate ──► every process takes the new key over (refresh) ──► stored payloads are sealed anew ──► retire

A process meets a key that it does not know where another one has rotated: then it looks at the file again.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.contract import ConfigError
from gateway.contract.randomness import RandomPool
from gateway.store.filelock import belong, exclusively, sync_names

VERSION: Final = b"\x01"
SALT: Final = 16
#: Leases of this prefix and a key's id are held by those who seal with it.
SEALING: Final = "sealing:"
_ID: Final = 4
_NONCE: Final = 12
HEAD: Final = len(VERSION) + _ID  #: bytes in front of the nonce
_SHORTEST: Final = HEAD + _NONCE + SALT + 16


class _File(msgspec.Struct, forbid_unknown_fields=True):
    current: str
    keys: dict[str, str]
    made: dict[str, str] = {}  # since when, ISO 8601; files of before do not say


class Key(NamedTuple):
    """What may be told of a key."""

    id: str
    made: dt.datetime | None  #: UTC; None where it is not known
    current: bool  #: it is the one that seals


def head_of(key_id: str) -> bytes:
    """What every payload begins with that is sealed under a key."""
    return VERSION + bytes.fromhex(key_id)


def key_id_of(sealed: bytes) -> str:
    """Under which key it is sealed."""
    return sealed[1:HEAD].hex()


def about(owner: str, part: str) -> bytes:
    """The aad of one part (`body`, `raw`, `prepared`) of a message or delivery."""
    return f"{owner}:{part}".encode()


class KeyRing:
    """The keys of one gateway. Safe to use from several threads."""

    def __init__(
        self, path: Path, current: bytes, keys: dict[bytes, bytes], made: dict[bytes, str] | None = None
    ) -> None:
        self._path = path
        self._seen = _stamp(path)
        self._refreshing = Lock()
        self._secrets = keys
        self._made = made or {}
        self._random = RandomPool()
        self._ciphers = {key_id: AESGCM(secret) for key_id, secret in keys.items()}
        self._use(current)

    def __reduce__(self) -> tuple[Callable[[Path], KeyRing], tuple[Path]]:
        """To another process a ring goes as its file: ciphers cannot be sent, and keys need not be."""
        return KeyRing.load, (self._path,)

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """
        Raises:
            ConfigError: the file is missing, readable by others, or not a key ring.
        """
        try:
            seen = _stamp(path)
            others = path.stat().st_mode & 0o077
            content = path.read_bytes()
        except OSError as error:
            raise _unusable(path, type(error).__name__) from None
        if others:
            raise _unusable(path, "mode must be 0600")
        try:
            file = msgspec.json.decode(content, type=_File)
            keys = {bytes.fromhex(key_id): base64.b64decode(text) for key_id, text in file.keys.items()}
            made = {bytes.fromhex(key_id): text for key_id, text in file.made.items() if _parsed(text)}
            ring = cls(path, bytes.fromhex(file.current), keys, made)
            ring._seen = seen  # of before it was read: a change since then shows
            return ring
        except (ValueError, KeyError):
            raise _unusable(path, "not a key ring") from None

    @classmethod
    def create(cls, path: Path) -> KeyRing:
        """A new ring with one key; never overwrites a file."""
        key_id, secret = os.urandom(_ID), os.urandom(32)
        ring = cls(path, key_id, {key_id: secret}, {key_id: _now()})
        path.parent.mkdir(parents=True, exist_ok=True)
        with exclusively(path.parent):
            if path.exists():
                raise _unusable(path, "exists already")
            ring._save()
        return ring

    @classmethod
    def load_or_create(cls, path: Path) -> KeyRing:
        return cls.load(path) if path.exists() else cls.create(path)

    @property
    def current(self) -> str:
        """Id of the key that seals."""
        return self._current.hex()

    @property
    def path(self) -> Path:
        """Its file."""
        return self._path

    @property
    def keys(self) -> list[Key]:
        """All of them, the oldest first."""
        listed = [
            Key(key_id.hex(), _parsed(self._made.get(key_id)), key_id == self._current)
            for key_id in self._secrets
        ]
        return sorted(listed, key=lambda key: (key.current, key.made is not None, str(key.made)))

    def refresh(self) -> bool:
        """Takes over what was changed in the file by another process; True where anything was.

        Raises:
            ConfigError: the file cannot be used any more; the keys that are known stay.
        """
        with self._refreshing:
            if _stamp(self._path) == self._seen:
                return False
            fresh = KeyRing.load(self._path)
            self._secrets, self._made, self._ciphers = fresh._secrets, fresh._made, fresh._ciphers
            self._use(fresh._current)
            self._seen = fresh._seen
            return True

    def rotate(self) -> None:
        """Makes a new key current; the old ones go on opening. The file is saved before the key is used."""
        with exclusively(self._path.parent):
            self.refresh()
            key_id, secret = os.urandom(_ID), os.urandom(32)
            while key_id in self._secrets:
                key_id = os.urandom(_ID)
            self._secrets[key_id] = secret
            self._made[key_id] = _now()
            self._ciphers[key_id] = AESGCM(secret)
            self._current = key_id
            self._save()
            self._use(key_id)

    def retire(self, key_id: str) -> Path:
        """Takes a key out of the ring; it opens nothing any more. Nothing may be sealed under it.

        Returns:
            The file it is now in, a ring of its own: backups of before need it.

        Raises:
            ValueError: it is the current one, or not in the ring.
        """
        with exclusively(self._path.parent):
            self.refresh()
            gone = bytes.fromhex(key_id)
            if gone == self._current or gone not in self._secrets:
                raise ValueError(key_id)
            away = self._path.with_name(f"{self._path.name}.retired-{key_id}")
            made = {gone: self._made[gone]} if gone in self._made else {}
            _write(away, gone, {gone: self._secrets[gone]}, made)
            del self._secrets[gone], self._ciphers[gone]
            self._made.pop(gone, None)
            self._save()
        return away

    def seal(self, payload: bytes, aad: bytes, salt: bytes | None = None) -> bytes:
        """
        Args:
            salt: 16 random bytes, where the caller needs to know them; made here otherwise.
        """
        if salt is None:
            salt = self._random(SALT)
        elif len(salt) != SALT:
            raise ValueError("a salt has 16 bytes")
        nonce = self._random(_NONCE)
        head, encrypt = self._sealing
        return head + nonce + encrypt(nonce, salt + payload, head + aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """
        Raises:
            ConfigError: the key is not in the ring, the blob was changed or moved, or it was erased.
        """
        return self._open(sealed, aad)[SALT:]

    def open_with_salt(self, sealed: bytes, aad: bytes) -> tuple[bytes, bytes]:
        """(salt, payload)."""
        plain = self._open(sealed, aad)
        return plain[:SALT], plain[SALT:]

    def reseal(self, sealed: bytes, aad: bytes) -> bytes | None:
        """The same payload and salt under the current key; None where nothing is to be done."""
        if not sealed or sealed.startswith(self._sealing[0]):
            return None
        salt, payload = self.open_with_salt(sealed, aad)
        return self.seal(payload, aad, salt)

    def _open(self, sealed: bytes, aad: bytes) -> bytes:
        if not sealed:
            raise _unreadable("-", "内容已被删除", "the payload was erased")
        key_id = key_id_of(sealed)
        if not sealed.startswith(VERSION) or len(sealed) < _SHORTEST:
            raise _unreadable(key_id, "格式不正确", "not a sealed payload")
        cipher = self._ciphers.get(sealed[1:HEAD])
        if cipher is None:
            self.refresh()
            cipher = self._ciphers.get(sealed[1:HEAD])
        if cipher is None:
            raise _unreadable(key_id, "密钥环中没有此密钥", f"key {key_id} is not in the ring {self._path}")
        try:
            return cipher.decrypt(sealed[HEAD : HEAD + _NONCE], sealed[HEAD + _NONCE :], sealed[:HEAD] + aad)
        except InvalidTag:
            raise _unreadable(
                key_id,
                "密钥不符，或内容被改动、移动过",
                f"key {key_id} is another one, or the payload was changed or moved",
            ) from None

    def _use(self, key_id: bytes) -> None:
        self._current = key_id
        # At once, for other threads: a head of one key before what another has sealed would never open.
        self._sealing = VERSION + key_id, self._ciphers[key_id].encrypt

    def _save(self) -> None:
        _write(self._path, self._current, self._secrets, self._made)
        self._seen = _stamp(self._path)


def _write(path: Path, current: bytes, secrets: dict[bytes, bytes], made: dict[bytes, str]) -> None:
    """Complete on disk under the final name, or not at all: losing a key loses every payload under it."""
    file = _File(
        current.hex(),
        {key_id.hex(): base64.b64encode(secret).decode() for key_id, secret in secrets.items()},
        {key_id.hex(): text for key_id, text in made.items()},
    )
    path = path.resolve()  # where it is a link, what it points to is replaced
    partial = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as out:
        belong(descriptor, path)
        out.write(msgspec.json.format(msgspec.json.encode(file)) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    partial.rename(path)
    sync_names(path.parent)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file is replaced."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def _parsed(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def _unusable(path: Path, cause: str) -> ConfigError:
    return ConfigError(
        f"无法使用密钥文件 {path}（{cause}）：请恢复备份；丢失密钥后已存报文无法读取",
        f"the key file {path} cannot be used ({cause}): restore it from backup; without its keys stored payloads cannot be read",
        file=str(path),
    )


def _unreadable(key_id: str, zh: str, en: str) -> ConfigError:
    return ConfigError(f"无法解密（密钥 {key_id}）：{zh}", f"cannot be opened (key {key_id}): {en}")

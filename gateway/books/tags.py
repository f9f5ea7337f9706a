"""Keyed tags, by which numbers of persons and accounts are compared and found without being opened.

A tag is HMAC-SHA-256 under a key of its own, cut to 16 bytes: without the key nobody can try numbers against a stolen
database. The key is never rotated: all tags hang on it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from pathlib import Path
from typing import Final

from gateway.contract import ConfigError

_KEY: Final = 32
_TAG: Final = 16


class Tags:
    """Makes tags with the key in a file; a new one where there is none.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, key_file: Path) -> None:
        self._key = _load_or_create(key_file)

    def tag(self, kind: bytes, number: str) -> bytes:
        """Of a number; equal numbers of different kinds have different tags."""
        return self.digest(kind, number.encode())[:_TAG]

    def digest(self, kind: bytes, content: bytes) -> bytes:
        """What is equal for equal contents only; 32 bytes."""
        return hmac.digest(self._key, kind + b"\n" + content, "sha256")


def _load_or_create(path: Path) -> bytes:
    """Complete on disk before it is used; of two programs that make one at once, the first one's counts."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as out:
                out.write(os.urandom(_KEY))
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        key, others = path.read_bytes(), path.stat().st_mode & 0o077
    except OSError as error:
        raise _unusable(path, type(error).__name__) from None
    if others or len(key) != _KEY:
        raise _unusable(path, "mode must be 0600" if others else "not a key")
    return key


def _unusable(path: Path, cause: str) -> ConfigError:
    return ConfigError(
        f"无法使用比对密钥 {path}（{cause}）：请恢复备份；丢失后已登记的号码无法比对",
        f"the key of tags {path} cannot be used ({cause}): restore it from backup; without it the numbers on record"
        " cannot be compared",
        file=str(path),
    )

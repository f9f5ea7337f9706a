"""Answers at rest: sealed with AES-256-GCM, and found by a keyed digest, so that no number stands on the disk.

Both keys come by HKDF from one secret: the partner's `key`, or 32 random bytes in a file of mode 0600 beside
the database, which protects copies of the database that travel alone (backups, support cases).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE: Final = 12
_SIZE: Final = 32


class Sealer:
    """Seals and opens one partner's answers.

    Args:
        secret: high-entropy bytes.
        random: of nonces.
    """

    def __init__(self, secret: bytes, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._cipher = AESGCM(_derived(secret, b"police answers: content"))
        self._index = _derived(secret, b"police answers: index")

    def index(self, *parts: str) -> bytes:
        """What stands for these texts on the disk: HMAC-SHA256 of them, each with its length."""
        told = b"".join(b"%d:%b" % (len(data), data) for data in map(str.encode, parts))
        return hmac.digest(self._index, told, hashlib.sha256)

    def seal(self, content: bytes, index: bytes) -> bytes:
        """Sealed content that opens only under the same index."""
        nonce = self._random(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, index)

    def open(self, sealed: bytes, index: bytes) -> bytes | None:
        """The content; None where it was damaged, moved, or sealed with another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], index)
        except (InvalidTag, ValueError):
            return None


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_SIZE, salt=None, info=purpose).derive(secret)


def key_of(file: Path, random: Callable[[int], bytes]) -> bytes:
    """The key in a file; made, readable for its owner alone, where there is none. Blocks: not for the reactor.

    Two processes that make it at once end with the same key: it is linked into place whole, the first wins.
    """
    with contextlib.suppress(FileNotFoundError):
        return file.read_bytes()
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(random(_SIZE))
        stream.flush()
        os.fsync(stream.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(temporary, file)
    temporary.unlink()
    return file.read_bytes()

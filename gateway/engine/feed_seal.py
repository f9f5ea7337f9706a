"""How a feed's messages are closed for their consumer: AES-256-GCM under the feed's own key.

    body of the bus message:  nonce, 12 bytes │ AES-256-GCM of the CloudEvents JSON, tag of 16 bytes at the end
    authenticated with it:    the bus message's id

The key file holds 32 random bytes in base64 and may be read by its owner only; the consumer has the same file.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.contract import ConfigError
from gateway.contract.randomness import RandomPool

_NONCE: Final = 12
_KEY: Final = 32


class FeedKey:
    """Closes and opens one feed's messages. Safe to use from several threads."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)
        self._random = RandomPool()

    @classmethod
    def load(cls, path: Path) -> FeedKey:
        """
        Raises:
            ConfigError: the file is missing, readable by others, or not a key.
        """
        try:
            others = path.stat().st_mode & 0o077
            text = path.read_bytes()
        except OSError as error:
            raise _unusable(path, error.strerror or type(error).__name__) from None
        if others:
            raise _unusable(path, "mode must be 0600")
        try:
            secret = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != _KEY:
            raise _unusable(path, "not 32 bytes in base64")
        return cls(secret)

    def close(self, message_id: str, content: bytes) -> bytes:
        """The body of the bus message of that id."""
        nonce = self._random(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, message_id.encode())

    def open(self, message_id: str, body: bytes) -> bytes:
        """The inverse of `close`.

        Raises:
            ValueError: another key, another message's body, or it was changed.
        """
        try:
            return self._cipher.decrypt(body[:_NONCE], body[_NONCE:], message_id.encode())
        except InvalidTag:
            raise ValueError(f"message {message_id} does not open: another key, or it was changed") from None


def _unusable(path: Path, cause: str) -> ConfigError:
    return ConfigError(
        f"无法使用馈送密钥文件 {path}（{cause}）：可用 head -c 32 /dev/urandom | base64 生成，权限 0600",
        f"the feed's key file {path} cannot be used ({cause}): make one by head -c 32 /dev/urandom | base64, mode 0600",
        file=str(path),
    )

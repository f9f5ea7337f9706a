"""The key by which partners know this server. Made once; a changed one looks to them like an intruder."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import BadKeyError, Key

from gateway.contract.errors import ConfigError

_log = structlog.get_logger(__name__)


def host_key(file: Path) -> Key:
    """The Ed25519 key in `file` (OpenSSH's format); made there, mode 0600, where there is none.

    Raises:
        ConfigError: others may read it, or it is no such key.
    """
    try:
        if not file.exists():
            _make(file)
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            zh, en = (
                f"他人可以读取主机密钥 {file}：chmod 600",
                f"others may read the host key {file}: chmod 600",
            )
            raise ConfigError(zh, en, path="host_key")
        key: Key = Key.fromString(file.read_bytes())  # type: ignore[no-untyped-call]
    except (OSError, BadKeyError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        zh, en = f"无法读取主机密钥 {file}：{reason}", f"cannot read the host key {file}: {reason}"
        raise ConfigError(zh, en, path="host_key") from error
    if key.type() != "Ed25519" or key.isPublic():  # type: ignore[no-untyped-call]
        raise ConfigError("主机密钥须为 Ed25519 私钥", "a private Ed25519 key is needed", path="host_key")
    _log.info("sftp.host_key", file=str(file), fingerprint=fingerprint(key))
    return key


def fingerprint(key: Key) -> str:
    """`SHA256:…`, as `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(key.public().blob()).digest()  # type: ignore[no-untyped-call]
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    hidden = file.with_name(f".{file.name}.new")
    hidden.unlink(missing_ok=True)
    with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(made)
        out.flush()
        os.fsync(out.fileno())
    os.rename(hidden, file)

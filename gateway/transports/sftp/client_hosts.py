"""Which host keys are the partner's. Nothing is ever learned by itself: an unknown key is as wrong as a changed one."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from gateway.transports.sftp.client_errors import HostKeyRefused


def fingerprint(key: bytes) -> str:
    """`SHA256:…`, as `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Pins:
    """The keys agreed for one host.

    Attributes:
        fingerprints: `SHA256:…` of each.
        types: key types to ask the server for first; empty where only fingerprints are known.
    """

    fingerprints: frozenset[str]
    types: tuple[str, ...]

    @classmethod
    def of(cls, host: str, port: int, lines: Sequence[str], known_hosts: Path | None) -> Pins:
        """From `TYPE BASE64` or `SHA256:…` lines, and from an OpenSSH `known_hosts` file.

        Raises:
            ValueError: a line is neither.
            OSError: the file cannot be read.
        """
        keys = [_parsed(line) for line in lines]
        if known_hosts is not None:
            name = host if port == 22 else f"[{host}]:{port}"
            found = paramiko.HostKeys(str(known_hosts)).lookup(name) or {}
            keys += [(kind, fingerprint(key.asbytes())) for kind, key in found.items()]
        return cls(
            frozenset(shown for _, shown in keys), tuple(dict.fromkeys(kind for kind, _ in keys if kind))
        )

    def check(self, peer: str, kind: str, key: bytes) -> None:
        """Raises HostKeyRefused unless the key is one of these."""
        shown = fingerprint(key)
        if shown in self.fingerprints:
            return
        known = "、".join(sorted(self.fingerprints))
        if not known:
            zh = f"没有登记服务器公钥；服务器出示 {kind} {shown}。请先向对方核实此指纹，再写入 host_keys"
            en = f"no host key is on file; the server shows {kind} {shown}. Confirm it with the partner, then put it into host_keys"
        else:
            zh = f"服务器公钥已变：登记的是 {known}，现在是 {kind} {shown}。请先向对方核实是否更换，确认后更新 host_keys；否则可能有人冒充"
            en = f"the host key changed: on file {known}, shown {kind} {shown}. Ask the partner whether it was replaced, then update host_keys; else somebody may be impersonating the server"
        raise HostKeyRefused("host-key", peer, zh, en)


def _parsed(line: str) -> tuple[str, str]:
    if line.startswith("SHA256:"):
        return "", line.rstrip("=")
    try:
        kind, encoded = line.split()[:2]
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("expected `ssh-ed25519 AAAA…` or `SHA256:…`") from None
    return kind, fingerprint(key)

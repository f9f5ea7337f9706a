"""Files that hospitals upload (9101) and fetch again (9102), each sealed with the settings' key.

<folder>/<number>      nonce 12 | AES-256-GCM of: header JSON | LF | content, bound to the number
"""

from __future__ import annotations

import hmac
import os
import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from twisted.internet.threads import deferToThreadPool

from adapters.hospital.national.settings import Files

_NUMBER = re.compile(r"F[0-9a-f]{28}", re.ASCII)
_NONCE = 12
T = TypeVar("T")


async def in_thread(reactor: Any, act: Callable[..., T], *arguments: Any) -> T:
    """Does what takes its time beside the reactor."""
    result: T = await deferToThreadPool(reactor, reactor.getThreadPool(), act, *arguments)
    return result


def replace(file: Path, content: bytes) -> None:
    """Writes a file that only we can read, whole or not at all; on disk, its name too, when this returns."""
    fresh = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Header(Struct, frozen=True):
    """What is known of a file beside its content."""

    name: str
    institution: str


class NoRoom(OSError):
    """The folder holds as much as it may."""


class Taken(Exception):
    """The request was seen before, with another file."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class FileStore:
    """All methods read and write files: call them in a thread.

    Args:
        folder: made when first needed.
    """

    def __init__(self, settings: Files, folder: Path) -> None:
        secret = settings.key.get_secret_value().encode()
        self._settings = settings
        self._folder = settings.folder or folder
        self._key = sha256(b"tongqu hospital files\0" + secret).digest()
        self._aead = AESGCM(self._key)
        self._writing = Lock()  # one request twice, or two for the last room, in two threads

    def put(self, header: Header, msgid: str, content: bytes) -> str:
        """Keeps a file and returns its number; the same request has the same number.

        Raises:
            NoRoom, Taken: it is not kept.
            OSError: it cannot be kept.
        """
        number = self._number(header.institution, msgid)
        plain = msgspec.json.encode(header) + b"\n" + content
        with self._writing:
            kept = self._open(number)
            if kept is not None:
                if kept != plain:
                    raise Taken(number)
                return number
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._tidied() + len(plain) > self._settings.max_total:
                raise NoRoom
            self._write(number, plain)
        return number

    def get(self, number: str, institution: str) -> bytes | None:
        """A file's content; None where this institution has no such file (any more)."""
        plain = self._open(number) if _NUMBER.fullmatch(number) else None
        if plain is None:
            return None
        header, _, content = plain.partition(b"\n")
        return content if msgspec.json.decode(header, type=Header).institution == institution else None

    def until(self, number: str) -> float:
        """When a file that is kept expires, seconds since 1970: the same however often it is asked."""
        return (self._folder / number).stat().st_mtime + self._settings.keep

    def _number(self, institution: str, msgid: str) -> str:
        return "F" + hmac.new(self._key, f"{institution}\0{msgid}".encode(), sha256).hexdigest()[:28]

    def _open(self, number: str) -> bytes | None:
        file = self._folder / number
        try:
            if file.stat().st_mtime + self._settings.keep < time.time():
                return None
            sealed = file.read_bytes()
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], number.encode())
        except (FileNotFoundError, InvalidTag, ValueError):
            return None  # sealed with another key, or cut off: no file of ours

    def _write(self, number: str, plain: bytes) -> None:
        nonce = os.urandom(_NONCE)
        replace(self._folder / number, nonce + self._aead.encrypt(nonce, plain, number.encode()))

    def _tidied(self) -> int:
        """Deletes what has expired; the bytes that are left."""
        oldest = time.time() - self._settings.keep
        total = 0
        for file in self._folder.iterdir():
            if not _NUMBER.fullmatch(file.stem):
                continue
            facts = file.stat()
            if facts.st_mtime < oldest:
                file.unlink(missing_ok=True)
            else:
                total += facts.st_size
        return total

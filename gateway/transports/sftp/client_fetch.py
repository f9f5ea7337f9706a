"""The partner's files to us: what is there, one of them to a local file, and away with it. Blocking: call in a thread."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from posixpath import splitext
from stat import S_ISREG
from typing import Any, Final

import structlog

from gateway.transports.sftp.client_errors import Changed, NotSent, Said
from gateway.transports.sftp.client_session import Session

_log = structlog.get_logger(__name__)
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file as its server lists it."""

    name: str
    size: int
    modified: int  #: Unix seconds, by the server's clock

    @property
    def mark(self) -> str:
        """Tells two states of one name apart."""
        told = f"{self.name}\n{self.size}\n{self.modified}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(told).hexdigest()[:16]


def listing(session: Session, folder: str) -> list[Entry]:
    """The regular files of a folder, by name. Files that cannot be called by their names here are left there."""
    found = []
    left = 0
    for name, facts in session.wire.names(folder):
        if facts.st_mode is None or not S_ISREG(facts.st_mode):
            continue
        try:
            called = _usable(name)
        except ValueError:
            left += 1
        else:
            found.append(Entry(called, int(facts.st_size or 0), int(facts.st_mtime or 0)))
    if left:
        _log.warning("sftp.names", peer=session.server.peer, files=left)
    return sorted(found, key=lambda entry: entry.name)


def _usable(name: bytes) -> str:
    """Raises ValueError where it is not UTF-8, too long for a local copy, or leads elsewhere."""
    if not name or len(name) > _LONGEST_NAME or b"/" in name or b"\0" in name:
        raise ValueError("not the name of a file")
    return name.decode()


def now(session: Session, folder: str, name: str) -> Entry | None:
    """How a file is at this moment; None where it is not."""
    [found] = session.wire.stats(f"{folder}/{name}")
    return _entry(name, found)


def download(session: Session, folder: str, entry: Entry, into: Path) -> None:
    """Brings a file over, durably, in constant memory; goes on where an earlier attempt was cut.

    Raises:
        Changed: it is not, or not any more, the file that was listed.
        NotSent: it could not be written here; what there was room for stays, to go on with.
    """
    part = into.with_name(f".{entry.mark}.part")
    with session.wire.open(f"{folder}/{entry.name}", "r") as remote:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            begun = os.fstat(descriptor).st_size
            for block in session.wire.read_all(remote, begun, entry.size):
                with _locally(session):
                    _written(descriptor, block)
            with _locally(session):
                os.fsync(descriptor)
            whole = os.fstat(descriptor).st_size == entry.size
            after = _entry(entry.name, session.wire.finish(remote, f"{folder}/{entry.name}", sync=False))
        finally:
            os.close(descriptor)
    if not whole or after != entry:
        part.unlink()
        raise Changed("changed", session.server.peer)
    part.rename(into)


def put_away(session: Session, folder: str, entry: Entry, target: str | None) -> str | None:
    """Moves a file that was taken to another folder, never over another; deletes it where there is no such folder.

    Returns what it is called there; None where it was deleted or is not there any more.

    A file that was replaced since it was taken is a new one and stays.

    Raises:
        Said: the server does not allow it.
    """
    if now(session, folder, entry.name) != entry:
        return None
    if target is None:
        session.wire.remove(f"{folder}/{entry.name}")
        return None
    for name in _free(entry):
        if now(session, target, name) is None:
            session.wire.rename(f"{folder}/{entry.name}", f"{target}/{name}")
            return name
    return None


def ensure(session: Session, folder: str) -> None:
    """Makes a folder if it is not there."""
    try:
        session.wire.stat(folder)
    except Said:
        with suppress(Said):  # where this fails too, using the folder says why
            session.wire.mkdir(folder)


def writable(session: Session, folder: str, name: str) -> None:
    """Puts an empty file there and takes it away again. Raises Said where that is not allowed."""
    with session.wire.open(f"{folder}/{name}", "w"):
        pass
    session.wire.remove(f"{folder}/{name}")


def _entry(name: str, found: Any) -> Entry | None:
    return None if found is None else Entry(name, int(found.st_size or 0), int(found.st_mtime or 0))


def _written(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _locally(session: Session) -> Iterator[None]:
    """Our own disk's errors are not the connection's."""
    try:
        yield
    except OSError:
        raise NotSent("local", session.server.peer) from None


def _free(entry: Entry) -> Iterator[str]:
    yield entry.name
    stem, ending = splitext(entry.name)
    yield from (f"{stem}~{number}{ending}" for number in count(2))

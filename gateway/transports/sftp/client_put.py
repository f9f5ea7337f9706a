"""A file of ours onto the partner's server: whole and verified, or not there.

    look ─ same file there ───────────────────────────────► companion
      └ nothing ─► .name.DIGEST.part ─ fsync ─ verify ─ rename ─► companion ─ the same way

The last rename is what hands the file over. Before it is asked for, whatever happens is `NotSent`. After it, only
evidence counts: a second pass looks, and the part is part of the evidence: while it is there, the rename has not
happened; while the file is there, it has. Where neither is, somebody may have taken the file already.

Blocking: call in a thread.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO, Final, Literal

from gateway.transports.sftp.client_errors import Conflict, NoAnswer, NotSent, Said
from gateway.transports.sftp.client_session import Session
from gateway.transports.sftp.client_wire import BLOCK, IN_FLIGHT

#: Bytes at the end of a cut upload that are written again: requests in flight may have left holes.
_DOUBTFUL: Final = BLOCK * IN_FLIGHT


@dataclass(frozen=True)
class Document:
    """What is to stand under a name. A path's file is read block by block and must not change meanwhile."""

    name: str  #: full path on the server
    source: bytes | Path
    digest: str = field(init=False)  #: SHA-256, hex
    size: int = field(init=False)

    def __post_init__(self) -> None:
        digest, size = hashlib.sha256(), 0
        for block in self.blocks(0):
            digest.update(block)
            size += len(block)
        object.__setattr__(self, "digest", digest.hexdigest())
        object.__setattr__(self, "size", size)

    @property
    def part(self) -> str:
        """Where it grows. Its name says which content, so that only the same content goes on with it."""
        folder, slash, name = self.name.rpartition("/")
        return f"{folder}{slash}.{name}.{self.digest[:16]}.part"

    def blocks(self, offset: int) -> Iterator[bytes]:
        opened: BinaryIO = (
            io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")
        )
        with opened:
            opened.seek(offset)
            while block := opened.read(BLOCK):
                yield block


@dataclass
class Upload:
    """One hand-over: the documents in order, of which the last one makes the others count.

    Attributes:
        verify: `size`, or `content` to read back what was written. What was resumed is always read back.
        asked: the last rename was asked for, in this pass or an earlier one.
    """

    documents: tuple[Document, ...]
    verify: Literal["size", "content"] = "size"
    asked: bool = False

    def run(self, session: Session) -> None:
        """One pass. The same again is harmless.

        Raises:
            Conflict: another file of that name is there.
            NotSent, NoAnswer, Said, Lost: as these say.
        """
        peer = session.server.peer
        for document in self.documents:
            last = document is self.documents[-1]
            there = stands(session, document)
            if there is False:
                raise Conflict("conflict", peer)
            if there is None:
                self._place(session, document, last)

    def _place(self, session: Session, document: Document, last: bool) -> None:
        wire, peer = session.wire, session.server.peer
        grown = size_of(session, document.part)
        if self.asked and grown is None:
            raise NoAnswer("gone", peer)
        self._grow(session, document, grown or 0)
        try:
            # By the standard a rename never replaces a file, posix-rename does: so it comes second.
            self._rename(wire.rename, document, last)
        except Said as said:
            there = stands(session, document)
            if there is False:
                raise Conflict("conflict", peer) from None
            if there is None and "posix-rename@openssh.com" not in wire.extensions:
                raise NotSent(said.kind, peer) from None
            if there is None:
                self._rename(wire.posix_rename, document, last)

    def _rename(self, rename: Callable[[str, str], None], document: Document, last: bool) -> None:
        earlier = self.asked
        self.asked = earlier or last
        try:
            rename(document.part, document.name)
        except Said:
            self.asked = earlier
            raise

    def _grow(self, session: Session, document: Document, grown: int) -> None:
        wire = session.wire
        offset = max(0, min(grown, document.size) - _DOUBTFUL)
        with wire.open(document.part, "r+" if grown else "w") as file:
            wire.write_all(file, document.blocks(offset), offset)
            if grown > document.size:
                file.truncate(document.size)
            wire.sync(file)
        if size_of(session, document.part) == document.size:
            if self.verify == "size" and not grown:
                return
            if digest_of(session, document.part, document.size) == document.digest:
                return
        with suppress(Said):  # it would never become right
            wire.remove(document.part)
        raise NotSent("verify", session.server.peer)


def stands(session: Session, document: Document) -> bool | None:
    """Whether the document is what stands under its name; None where nothing does."""
    size = size_of(session, document.name)
    if size is None:
        return None
    return size == document.size and digest_of(session, document.name, size) == document.digest


def size_of(session: Session, name: str) -> int | None:
    """Bytes of a regular file; None where there is none.

    Raises:
        Said: the server does not say.
    """
    try:
        found: Any = session.wire.stat(name)
    except Said as said:
        if said.kind == "missing":
            return None
        raise
    if found.st_mode is not None and not S_ISREG(found.st_mode):
        raise Said("failed")
    return int(found.st_size)


def digest_of(session: Session, name: str, size: int) -> str:
    """SHA-256 of what the server gives back, hex."""
    digest = hashlib.sha256()
    with session.wire.open(name, "r") as file:
        for block in session.wire.read_all(file, 0, size):
            digest.update(block)
    return digest.hexdigest()

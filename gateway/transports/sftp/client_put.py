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
from typing import Any, BinaryIO, Final, Literal, TypeAlias

from gateway.transports.sftp.client_errors import Conflict, NoAnswer, NotSent, Said, SftpError
from gateway.transports.sftp.client_session import Session
from gateway.transports.sftp.client_wire import BLOCK, IN_FLIGHT_BYTES

#: Bytes at the end of a cut upload that are written again: requests in flight may have left holes.
_DOUBTFUL: Final = IN_FLIGHT_BYTES


#: A callable gives the same pieces each time it is called.
Source: TypeAlias = bytes | Path | Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Document:
    """What is to stand under a name. It is read block by block, more than once, and must not change meanwhile."""

    name: str  #: full path on the server
    source: Source
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

    def blocks(self, offset: int, size: int = BLOCK) -> Iterator[bytes]:
        """From an offset on, none longer than `size` bytes."""
        if callable(self.source):
            yield from _cut(self.source(), offset, size)
            return
        opened: BinaryIO = (
            io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")
        )
        with opened:
            opened.seek(offset)
            while block := opened.read(size):
                yield block


@dataclass
class Upload:
    """One hand-over: the documents in order, of which the last one makes the others count.

    Attributes:
        verify: `size`, or `content` to read back what was written. What was resumed is always read back.
        before: called before the first document's rename is asked for, with its part whole, or when it stands there.
        asked: the last rename was asked for, in this pass or an earlier one.
        shown: the first document has its name, or its rename was asked for: `before` was called, once and for all.
    """

    documents: tuple[Document, ...]
    verify: Literal["size", "content"] = "size"
    before: Callable[[], None] = lambda: None
    asked: bool = False
    shown: bool = False

    def run(self, session: Session) -> None:
        """One pass. The same again is harmless.

        Raises:
            Conflict: another file of that name is there.
            NotSent, NoAnswer, Said, Lost: as these say.
        """
        found = [_found(session, document) for document in self.documents]
        if found[0][0] is not None:
            self._show()
        for document, (same, _) in zip(self.documents, found, strict=True):
            if same is False:
                raise self._in_the_way(document, found[0][0] is True, session.server.peer)
        for document, (same, grown) in zip(self.documents, found, strict=True):
            if same is None:
                self._place(session, document, grown, document is self.documents[-1])

    def _in_the_way(self, document: Document, first_stands: bool, peer: str) -> SftpError:
        """Beside a file of ours, a companion of another content may have made it count."""
        if document is not self.documents[0] and first_stands:
            return NoAnswer("conflict", peer)
        return Conflict("conflict", peer)

    def _place(self, session: Session, document: Document, grown: int | None, last: bool) -> None:
        wire, peer = session.wire, session.server.peer
        first = document is self.documents[0]
        if grown is None and (self.asked or (first and self.shown)):
            raise NoAnswer("gone", peer)  # it had its name, maybe, and somebody may have taken it
        self._grow(session, document, grown or 0)
        if first:
            self._show()
        try:
            # By the standard a rename never replaces a file, posix-rename does: so it comes second.
            self._rename(wire.rename, document, last)
        except Said as said:
            there = stands(session, document)
            if there is False:
                raise self._in_the_way(document, True, peer) from None
            if there is None and sizes_of(session, document.part) == [None]:
                raise NoAnswer("gone", peer) from None  # said no, did it, and somebody has taken it
            if there is None and "posix-rename@openssh.com" not in wire.extensions:
                raise NotSent(said.kind, peer) from None
            if there is None:
                self._rename(wire.posix_rename, document, last)

    def _show(self) -> None:
        if not self.shown:
            self.before()
            self.shown = True

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
            wire.write_all(file, document.blocks(offset, wire.block), offset)
            if grown > document.size:
                file.truncate(document.size)
            stands_now = wire.finish(file, document.part, sync=True)
        if stands_now is not None and _size(stands_now) == document.size:
            if self.verify == "size" and not grown:
                return None
            try:
                if digest_of(session, document.part, document.size) == document.digest:
                    return None
            except Said:
                if not grown:
                    raise
                # A box that one may only write to: what was resumed cannot be proved, what is written in one go need not be.
                return self._grow(session, document, 0)
        with suppress(Said):  # it would never become right
            wire.remove(document.part)
        raise NotSent("verify", session.server.peer)


def _found(session: Session, document: Document) -> tuple[bool | None, int | None]:
    """Whether the document is what stands under its name (None: nothing does), and the bytes of its part."""
    there, grown = sizes_of(session, document.name, document.part)
    return (None if there is None else _same(session, document, there)), grown


def stands(session: Session, document: Document) -> bool | None:
    """Whether the document is what stands under its name; None where nothing does."""
    [size] = sizes_of(session, document.name)
    return None if size is None else _same(session, document, size)


def sizes_of(session: Session, *names: str) -> list[int | None]:
    """Bytes of regular files; None where there is none.

    Raises:
        Said: the server does not say.
    """
    return [None if found is None else _size(found) for found in session.wire.stats(*names)]


def _size(found: Any) -> int:
    if found.st_mode is not None and not S_ISREG(found.st_mode):
        raise Said("failed")
    return int(found.st_size)


def _same(session: Session, document: Document, size: int) -> bool:
    return size == document.size and digest_of(session, document.name, size) == document.digest


def digest_of(session: Session, name: str, size: int) -> str:
    """SHA-256 of what the server gives back, hex."""
    digest = hashlib.sha256()
    with session.wire.open(name, "r") as file:
        for block in session.wire.read_all(file, 0, size):
            digest.update(block)
    return digest.hexdigest()


def _cut(pieces: Iterator[bytes], offset: int, size: int) -> Iterator[bytes]:
    """Pieces of any size as blocks, from an offset on."""
    for piece in pieces:
        if offset >= len(piece):
            offset -= len(piece)
            continue
        for start in range(offset, len(piece), size):
            yield piece[start : start + size]
        offset = 0

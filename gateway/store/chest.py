"""Contents too large for a message (EIP Claim Check): sealed files beside the database.

    data_dir/chest/<xx>/<claim>.content     the file as received
                        <claim>.records     the canonical records read from it, one JSON a line

A claim belongs to one message, whose id it becomes: so the message's row alone says whether a claim is still needed,
and nothing has to be kept in step. Everything here blocks; call it in a thread.
"""

from __future__ import annotations

import errno
import hmac
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Final

import msgspec
from msgspec import Struct

from gateway.canonical import Attachment
from gateway.contract import Unavailable
from gateway.store.chest_file import PIECE, PieceReader, PieceWriter
from gateway.store.filelock import sync_names
from gateway.store.keyring import SALT, KeyRing

CONTENT: Final = "content"
RECORDS: Final = "records"
#: Records that are encoded at once: between two such batches a cancellation is heard.
_BATCH: Final = 256
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_encode_lines = msgspec.json.Encoder(decimal_format="string").encode_lines


class Cancelled(Exception):
    """Whoever asked for a copy does not want it any more; nothing of it is left."""


class Chest:
    """Keeps and opens large contents. Implements `gateway.contract.Attachments`."""

    def __init__(self, folder: Path, ring: KeyRing, random: Callable[[int], bytes] = os.urandom) -> None:
        self._folder = folder
        self._ring = ring
        self._random = random

    def keep(
        self,
        claim: str,
        file: Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
        records: Iterable[Struct] | None = None,
        cancelled: Event | None = None,
    ) -> Attachment:
        """See `gateway.contract.Inbox.keep`.

        Raises:
            Unavailable: no room, or the disk does not do.
            Cancelled: `cancelled` was set meanwhile.
        """
        stop = cancelled or Event()
        salt = self._random(SALT)
        try:
            content = self._place(claim, CONTENT)
            self._shelf(content.parent)
            count = None if records is None else self._keep_records(claim, salt, records, stop)
            with PieceWriter(content, self._ring, claim, CONTENT, salt) as out:
                plain, keyed = sha256(), hmac.new(salt, digestmod=sha256)
                with file.open("rb") as source:
                    while piece := source.read(PIECE):
                        _heed(stop)
                        plain.update(piece)
                        keyed.update(piece)
                        out.add(piece, len(piece))
                size = out.finish(f"hmac-sha256:{keyed.hexdigest()}")
            sync_names(content.parent)
        except OSError as error:
            self.remove(claim)
            raise _explained(error) from error
        except BaseException:
            self.remove(claim)
            raise
        return Attachment(
            claim=claim, size=size, sha256=plain.hexdigest(), name=name, media_type=media_type, records=count
        )

    def read(self, attachment: Attachment) -> Iterator[bytes]:
        """See `gateway.contract.Attachments.read`."""
        with self._reader(attachment.claim, CONTENT) as reader:
            for _, piece in reader.pieces():
                yield piece

    def records(self, attachment: Attachment, start: int = 0) -> Iterator[bytes]:
        """See `gateway.contract.Attachments.records`."""
        with self._reader(attachment.claim, RECORDS) as reader:
            if start >= reader.summary.total:
                return
            for first, piece in reader.pieces(start):
                lines = piece.split(b"\n")
                lines.pop()  # after the last line end
                yield from lines[start - first :] if first < start else lines

    def digest(self, claim: str) -> str:
        """The salted digest of a kept content, as the audit log knows it.

        Raises:
            ConfigError: there is no such claim, or it does not open.
        """
        with self._reader(claim, CONTENT) as reader:
            return reader.summary.digest

    def salt(self, claim: str) -> bytes:
        """The key of that digest. Raises as `digest`."""
        with self._reader(claim, CONTENT) as reader:
            return reader.salt

    def remove(self, claim: str) -> None:
        """Removes what was kept under a claim. The salt of its digest goes with it."""
        for part in (CONTENT, RECORDS):
            place = self._place(claim, part)
            # What is being sealed anew first: it cannot get its name after that.
            place.with_name(place.name + ".part").unlink(missing_ok=True)
            place.unlink(missing_ok=True)

    def reseal(self, claim: str) -> bool:
        """Seals what is kept under a claim anew under the current key, with the same salt; False where nothing was to be
        done, or it is there no more. One process at a time does this.

        Raises:
            ConfigError: it is damaged, or its key is gone.
            OSError: no room, or the disk does not do; it is as it was.
        """
        done = False
        for part in (CONTENT, RECORDS):
            path = self._place(claim, part)
            if path.exists() and self.keys_of(claim, part) != {self._ring.current}:
                self._renew(claim, part, path)
                done = True
        return done

    def _renew(self, claim: str, part: str, path: Path) -> None:
        # Where the file itself is complete, only somebody who died while doing this has left a draft.
        path.with_name(path.name + ".part").unlink(missing_ok=True)
        with (
            suppress(FileNotFoundError),  # it was erased meanwhile, or the gateway has tidied up at its start
            self._reader(claim, part) as reader,
            PieceWriter(path, self._ring, claim, part, reader.salt) as out,
        ):
            firsts = reader.summary.firsts
            for number, (first, piece) in enumerate(reader.pieces()):
                out.add(piece, firsts[number + 1] - first)
            if path.exists():
                out.finish(reader.summary.digest)
                sync_names(path.parent)

    def keys_of(self, claim: str, part: str | None = None) -> set[str]:
        """Ids of the keys that what is kept under a claim is sealed under."""
        found: set[str] = set()
        for one in (CONTENT, RECORDS) if part is None else (part,):
            if self._place(claim, one).exists():
                with self._reader(claim, one) as reader:
                    found |= reader.keys()
        return found

    def shelves(self) -> list[Path]:
        """The folders that claims lie in."""
        return sorted(path for path in self._folder.glob("[0-9a-f][0-9a-f]") if path.is_dir())

    @staticmethod
    def claims_on(shelf: Path) -> dict[str, float]:
        """Every claim of a folder with the time of its latest change, in seconds since 1970."""
        found: dict[str, float] = {}
        for entry in os.scandir(shelf):
            claim = entry.name.partition(".")[0]
            if not claim:
                continue  # such as what a network file system keeps of a file that is open
            with suppress(FileNotFoundError):  # a draft that has just got its name
                found[claim] = max(found.get(claim, 0.0), entry.stat().st_mtime)
        return found

    def claims(self) -> list[str]:
        """Every claim."""
        return [claim for shelf in self.shelves() for claim in self.claims_on(shelf)]

    def drafts(self) -> int:
        """How many files are being written, or were when a process was killed."""
        return sum(1 for _ in self._folder.glob("*/*.part"))

    def tidy(self) -> None:
        """Removes what a killed process was writing; nobody else may be writing."""
        for draft in self._folder.glob("*/*.part"):
            draft.unlink(missing_ok=True)

    def _shelf(self, shelf: Path) -> None:
        """Makes the folder, durably, where it is not there."""
        for folder in (self._folder, shelf):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                sync_names(folder.parent)

    def _keep_records(self, claim: str, salt: bytes, records: Iterable[Struct], stop: Event) -> int:
        with PieceWriter(self._place(claim, RECORDS), self._ring, claim, RECORDS, salt) as out:
            lines, count, rest = bytearray(), 0, iter(records)
            while batch := list(islice(rest, _BATCH)):
                _heed(stop)
                lines += _encode_lines(batch)
                count += len(batch)
                if len(lines) >= PIECE:
                    out.add(bytes(lines), count)
                    lines, count = bytearray(), 0
            if lines:
                out.add(bytes(lines), count)
            return out.finish()

    def _reader(self, claim: str, part: str) -> PieceReader:
        return PieceReader(self._place(claim, part), self._ring, claim, part)

    def _place(self, claim: str, part: str) -> Path:
        if not claim.replace("-", "").isalnum():
            raise ValueError("not a claim")  # it becomes a file's name
        return self._folder / claim[-2:] / f"{claim}.{part}"


def _heed(stop: Event) -> None:
    if stop.is_set():
        raise Cancelled


def _explained(error: OSError) -> Unavailable:
    if error.errno in _FULL:
        return Unavailable(
            "磁盘空间不足，文件未保存，请清理后重试",
            "the disk is full, the file was not kept: make room, then try again",
        )
    cause = error.strerror or type(error).__name__
    return Unavailable(
        f"文件无法保存（{cause}），请稍后重试", f"the file cannot be kept ({cause}): try again later"
    )

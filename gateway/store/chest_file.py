"""A sealed file of any size, in pieces that can be opened one by one.

    piece │ piece │ … │ summary │ length of the summary, 4 bytes

    piece, summary: what `KeyRing.seal` makes; its aad names the claim, the part, and the piece's number or `summary`

The summary says where each piece begins. A file that was cut has none, and pieces that were changed, swapped, repeated
or brought from another file do not open in their places.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from gateway.contract import ConfigError
from gateway.store.filelock import belong
from gateway.store.keyring import HEAD, KeyRing, about, key_id_of

#: Plain bytes a piece holds, about: enough for sealing to be quick, little enough for memory.
PIECE: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")


class Summary(Struct, frozen=True):
    """What a file says of itself. The lists have one entry a piece, and one more for the end."""

    offsets: list[int]  #: where the piece begins in the file
    firsts: list[int]  #: number of the first of its records; of its first byte, where it holds no records
    digest: str = ""  #: salted, as the audit log knows the content

    @property
    def total(self) -> int:
        """Records in all, or bytes."""
        return self.firsts[-1]


_summary = msgspec.msgpack.Decoder(Summary)


class PieceWriter:
    """Writes one sealed file under a draft's name; it gets its own with `finish`, and is gone otherwise."""

    def __init__(self, path: Path, ring: KeyRing, claim: str, part: str, salt: bytes) -> None:
        self._path = path
        self._draft = path.with_name(path.name + ".part")
        self._ring = ring
        self._owner = claim
        self._part = part
        self._salt = salt
        self._offsets = [0]
        self._firsts = [0]
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = open(descriptor, "wb")  # noqa: SIM115
        belong(descriptor, path)

    def __enter__(self) -> PieceWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()  # writes what it holds back, and a full disk refuses that again
        finally:
            self._draft.unlink(missing_ok=True)

    def add(self, plain: bytes, count: int) -> None:
        """One more piece, of so many records or bytes."""
        name = f"{self._part}/{len(self._offsets) - 1}"
        sealed = self._ring.seal(plain, about(self._owner, name), self._salt)
        self._file.write(sealed)
        self._offsets.append(self._offsets[-1] + len(sealed))
        self._firsts.append(self._firsts[-1] + count)

    def finish(self, digest: str = "") -> int:
        """Complete and durable under its name, as soon as the folder is; returns the total."""
        plain = msgspec.msgpack.encode(Summary(self._offsets, self._firsts, digest))
        sealed = self._ring.seal(plain, about(self._owner, f"{self._part}/summary"), self._salt)
        self._file.write(sealed + _LENGTH.pack(len(sealed)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._draft.rename(self._path)
        return self._firsts[-1]


class PieceReader:
    """Opens one sealed file.

    Raises (all methods): ConfigError: it is not there, was changed, or does not open under the key ring.
    """

    def __init__(self, path: Path, ring: KeyRing, claim: str, part: str) -> None:
        self._ring = ring
        self._owner = claim
        self._part = part
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            raise _gone(claim) from None
        try:
            self.summary = self._read_summary()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PieceReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def pieces(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(number of its first record or byte, plain bytes) of every piece from the one that holds `start`."""
        offsets, firsts = self.summary.offsets, self.summary.firsts
        begin = bisect_right(firsts, start, hi=len(firsts) - 1) - 1 if start else 0
        self._file.seek(offsets[begin])
        for number in range(begin, len(offsets) - 1):
            sealed = self._file.read(offsets[number + 1] - offsets[number])
            yield firsts[number], self._open(sealed, str(number))

    def keys(self) -> set[str]:
        """Ids of the keys that its parts are sealed under."""
        return {key_id_of(self._at(offset, HEAD)) for offset in self.summary.offsets}

    def _read_summary(self) -> Summary:
        size = self._file.seek(0, os.SEEK_END)
        tail = self._at(max(0, size - _LENGTH.size), _LENGTH.size)
        if len(tail) < _LENGTH.size:
            raise _damaged(self._owner)
        (length,) = _LENGTH.unpack(tail)
        begin = size - _LENGTH.size - length
        if begin < 0:
            raise _damaged(self._owner)
        sealed = self._at(begin, length)
        if not sealed:
            raise _damaged(self._owner)
        self.salt, plain = self._ring.open_with_salt(sealed, about(self._owner, f"{self._part}/summary"))
        summary = _summary.decode(plain)
        if summary.offsets[-1] != begin:
            raise _damaged(self._owner)
        return summary

    def _at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def _open(self, sealed: bytes, place: str) -> bytes:
        if not sealed:
            raise _damaged(self._owner)
        return self._ring.open(sealed, about(self._owner, f"{self._part}/{place}"))


def _gone(claim: str) -> ConfigError:
    return ConfigError(
        f"附件 {claim} 已不存在：已被删除，或请从备份恢复 data_dir/chest",
        f"the attachment {claim} is not there any more: it was erased, or data_dir/chest must be restored from backup",
    )


def _damaged(claim: str) -> ConfigError:
    return ConfigError(
        f"附件 {claim} 已损坏（被截断或改动）：请从备份恢复 data_dir/chest",
        f"the attachment {claim} is damaged (cut or changed): restore data_dir/chest from backup",
    )

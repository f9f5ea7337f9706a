"""SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02): numbers, fields of requests, and the forms of answers.

request:  uint32 length | byte type | uint32 id | …
answer:   the same shape
"""

from __future__ import annotations

import os
import stat
import struct
import time
from typing import Final

#: Largest request we take and answer we give, beside the data in it.
MAX_DATA: Final = 255 << 10
MAX_PACKET: Final = MAX_DATA + 1024
INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = 1, 3, 4, 5, 6, 7, 8, 9, 10
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME = 11, 12, 13, 14, 15, 16, 17, 18
READLINK, SYMLINK, EXTENDED = 19, 20, 200
VERSION, STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 2, 101, 102, 103, 104, 105, 201
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8


WRITE_FLAG, APPEND, CREAT, TRUNC, EXCL = 0x02, 0x04, 0x08, 0x10, 0x20
_SIZE, _MODE, _TIMES = 0x01, 0x04, 0x08


class BadPacket(Exception):
    """What came is no SFTP: the session ends."""


class Fields:
    """Reads the fields of a packet one by one. Raises BadPacket where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str = ">I") -> int:
        size = struct.calcsize(form)
        if self._at + size > len(self._data):
            raise BadPacket
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return int(value)

    def text(self) -> bytes:
        length = self.number()
        end = self._at + length
        if end > len(self._data):
            raise BadPacket
        found, self._at = self._data[self._at : end], end
        return found

    def view(self) -> memoryview:
        """As `text`, without a copy."""
        length = self.number()
        if self._at + length > len(self._data):
            raise BadPacket
        return memoryview(self._data)[self._at : self._at + length]

    def size(self) -> int | None:
        """The size among file attributes; the others are of no interest here."""
        return self.number(">Q") if self.number() & _SIZE else None


def _mode(found: os.stat_result) -> int:
    return stat.S_IFDIR | 0o750 if stat.S_ISDIR(found.st_mode) else stat.S_IFREG | 0o640


def attributes(found: os.stat_result) -> bytes:
    times = int(found.st_mtime) & 0xFFFFFFFF
    return struct.pack(">IQIII", _SIZE | _MODE | _TIMES, found.st_size, _mode(found), times, times)


def named(name: str, found: os.stat_result, encoding: str) -> bytes:
    """One entry of a listing. Raises UnicodeEncodeError where the encoding cannot say the name."""
    when = time.strftime("%b %d %Y", time.gmtime(found.st_mtime))
    mode = stat.filemode(_mode(found))
    line = f"{mode} 1 account account {found.st_size:>12} {when} {name}".encode(encoding)
    return text(name.encode(encoding)) + text(line) + attributes(found)


def text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def result(code: int, said: str = "") -> bytes:
    return struct.pack(">BI", STATUS, code) + text(said.encode()) + text(b"")


def status(request: int, code: int, said: str) -> bytes:
    return struct.pack(">BII", STATUS, request, code) + text(said.encode()) + text(b"")

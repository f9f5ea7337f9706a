"""SFTP version 3 (draft-ietf-secsh-filexfer-02): a session's requests, in their order, to answers and events.

    request:  uint32 length | byte type | uint32 id | …
    answer:   the same shape

Blocking: `Answers.work` runs in a thread, and never twice at once for a session. Conch's own server answers one request
at a time in the reactor's thread and looks a handle up by its hash; this one takes all that have come.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.transports.sftp.server_accounts import Account, Event, Kind
from gateway.transports.sftp.server_files import Download, Files, Upload
from gateway.transports.sftp.server_names import FOLDERS, Denied, Place, place

#: Largest request we take and answer we give, beside the data in it.
MAX_DATA: Final = 255 << 10
MAX_PACKET: Final = MAX_DATA + 1024
_HANDLES: Final = 64
_NAMES_AT_ONCE: Final = 200

INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = 1, 3, 4, 5, 6, 7, 8, 9, 10
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME = 11, 12, 13, 14, 15, 16, 17, 18
READLINK, SYMLINK, EXTENDED = 19, 20, 200
VERSION, STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 2, 101, 102, 103, 104, 105, 201
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8

_READ_FLAG, _WRITE_FLAG, _CREAT, _TRUNC, _EXCL = 0x01, 0x02, 0x08, 0x10, 0x20
_SIZE, _MODE, _TIMES = 0x01, 0x04, 0x08
_EXTENSIONS: Final = (
    (b"posix-rename@openssh.com", b"1"),
    (b"fsync@openssh.com", b"1"),
    (b"limits@openssh.com", b"1"),
)


class BadPacket(Exception):
    """What came is no SFTP: the session ends."""


@dataclass(slots=True)
class Worked:
    """What came of some requests."""

    answers: bytearray = field(default_factory=bytearray)
    events: list[Event] = field(default_factory=list)
    uploaded: bool = False  #: something in `in/` may be complete now


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

    def size(self) -> int | None:
        """The size among file attributes; the others are of no interest here."""
        return self.number(">Q") if self.number() & _SIZE else None


Listing = Iterator[tuple[str, os.stat_result]]


class Answers:
    """One session of an account.

    Args:
        peer: its address, for events.

    Raises:
        OSError: the account's folders cannot be opened.
    """

    def __init__(self, account: Account, peer: str) -> None:
        self._account = account
        self._peer = peer
        self._files = Files(account)
        self._handles: dict[bytes, Upload | Download | Listing] = {}
        self._last = 0
        self._done = Worked()
        self._table: dict[int, Callable[[Fields], bytes]] = {
            OPEN: self._open, CLOSE: self._close, READ: self._read, WRITE: self._write,
            STAT: self._stat, LSTAT: self._stat, FSTAT: self._fstat, SETSTAT: self._setstat,
            FSETSTAT: self._fsetstat, OPENDIR: self._opendir, READDIR: self._readdir, REMOVE: self._remove,
            RENAME: self._rename, REALPATH: self._realpath, EXTENDED: self._extended,
            MKDIR: self._fixed, RMDIR: self._fixed, SYMLINK: self._fixed, READLINK: self._fixed,
        }  # fmt: skip

    def work(self, packets: Sequence[bytes]) -> Worked:
        """Each packet is one request without its length.

        Raises:
            BadPacket: one is no request.
        """
        self._done = Worked()
        for packet in packets:
            answer = self._answer(packet)
            self._done.answers += struct.pack(">I", len(answer)) + answer
        return self._done

    def end(self) -> list[Event]:
        """The connection is gone. Uploads that were open stay as they are, to be resumed."""
        self._done = Worked()
        for handle in self._handles.values():
            if isinstance(handle, Upload):
                self._tell("upload-cut", handle.place, handle.stat().st_size)
            if isinstance(handle, Upload | Download):
                handle.drop()
        self._handles.clear()
        self._files.close()
        return self._done.events

    def _answer(self, packet: bytes) -> bytes:  # noqa: PLR0911  one for each way it can end
        fields = Fields(packet)
        kind = fields.number(">B")
        if kind == INIT:
            extensions = b"".join(_text(name) + _text(value) for name, value in _EXTENSIONS)
            return struct.pack(">BI", VERSION, 3) + extensions
        request = fields.number()
        work = self._table.get(kind)
        try:
            if work is None:
                return _status(request, UNSUPPORTED, "not supported")
            answer = work(fields)
            return answer[:1] + struct.pack(">I", request) + answer[1:]
        except Denied as denied:
            self._done.events.append(Event("refused", self._peer, rule=denied.rule))
            return _status(request, PERMISSION_DENIED, denied.text)
        except FileNotFoundError:
            return _status(request, NO_SUCH_FILE, "no such file")
        except FileExistsError:
            return _status(request, FAILURE, "a file of this name is there")
        except NotImplementedError:
            return _status(request, UNSUPPORTED, "not supported")
        except OSError as error:
            return _status(request, FAILURE, os.strerror(error.errno or 0))

    # Files

    def _open(self, fields: Fields) -> bytes:
        where = self._place(fields)
        flags = fields.number()
        if len(self._handles) >= _HANDLES:
            return _result(FAILURE, "too many open files")
        if flags & _WRITE_FLAG:
            fresh = bool(flags & _TRUNC)
            opened: Upload | Download = self._files.upload(
                where, fresh=fresh, exclusive=bool(flags & _EXCL and flags & _CREAT)
            )
        else:
            opened = self._files.download(where)
        return self._handle(opened)

    def _close(self, fields: Fields) -> bytes:
        handle = self._handles.pop(fields.text(), None)
        if handle is None:
            return _result(FAILURE, "no such handle")
        if isinstance(handle, Upload):
            self._tell("upload", handle.place, handle.finish())
            self._done.uploaded = True
        elif isinstance(handle, Download):
            handle.drop()
            self._tell("download", handle.place, handle.furthest)
        return _result(OK)

    def _read(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        offset, length = fields.number(">Q"), fields.number()
        if not isinstance(handle, Upload | Download):
            return _result(FAILURE, "no such handle")
        data = handle.read(offset, min(length, MAX_DATA)) if offset < 1 << 63 else b""
        return bytes([DATA]) + _text(data) if data else _result(EOF)

    def _write(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        offset, data = fields.number(">Q"), fields.text()
        if not isinstance(handle, Upload):
            return _result(FAILURE, "not open for writing")
        handle.write(offset, data)
        return _result(OK)

    def _remove(self, fields: Fields) -> bytes:
        where = self._place(fields)
        self._files.remove(where)
        self._tell("remove", where)
        return _result(OK)

    def _rename(self, fields: Fields, *, over: bool = False) -> bytes:
        old, new = self._place(fields), self._place(fields)
        self._files.rename(old, new, over=over)
        self._tell("rename", new)
        self._done.uploaded = True
        return _result(OK)

    # Attributes

    def _stat(self, fields: Fields) -> bytes:
        return bytes([ATTRS]) + _attributes(self._files.stat(self._place(fields)))

    def _fstat(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        if not isinstance(handle, Upload | Download):
            return _result(FAILURE, "no such handle")
        return bytes([ATTRS]) + _attributes(handle.stat())

    def _setstat(self, fields: Fields) -> bytes:
        """Times and modes are ours; clients that want to set them (`put -p`) are not made to fail."""
        self._files.stat(self._place(fields))
        if fields.size() is not None:
            raise Denied("write", "open the file to change its size")
        return _result(OK)

    def _fsetstat(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        size = fields.size()
        if size is not None and isinstance(handle, Upload):
            handle.truncate(size)
        elif size is not None:
            return _result(FAILURE, "not open for writing")
        return _result(OK)

    # Folders

    def _opendir(self, fields: Fields) -> bytes:
        where = self._place(fields)
        if where.name:
            raise FileNotFoundError
        if len(self._handles) >= _HANDLES:
            return _result(FAILURE, "too many open files")
        self._tell("list", where)
        if where.folder is None:
            here: Listing = ((name, self._files.stat(Place(name))) for name in FOLDERS)
        else:
            here = self._files.list(where.folder)
        return self._handle(here)

    def _readdir(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        if handle is None or isinstance(handle, Upload | Download):
            return _result(FAILURE, "no such handle")
        named = []
        for name, found in handle:
            with suppress(UnicodeEncodeError):  # a name that this client's encoding cannot say
                named.append(self._named(name, found))
            if len(named) == _NAMES_AT_ONCE:
                break
        return bytes([NAME]) + struct.pack(">I", len(named)) + b"".join(named) if named else _result(EOF)

    def _realpath(self, fields: Fields) -> bytes:
        where = self._place(fields)
        path = _text(str(where).encode(self._account.encoding))
        return bytes([NAME]) + struct.pack(">I", 1) + path + path + struct.pack(">I", 0)

    def _fixed(self, fields: Fields) -> bytes:
        raise Denied("folders", "the folders are fixed, and there are no links")

    def _extended(self, fields: Fields) -> bytes:
        match fields.text():
            case b"posix-rename@openssh.com":
                return self._rename(fields, over=True)
            case b"fsync@openssh.com":
                handle = self._handles.get(fields.text())
                if not isinstance(handle, Upload):
                    return _result(FAILURE, "not open for writing")
                handle.sync()
                return _result(OK)
            case b"limits@openssh.com":
                return bytes([EXTENDED_REPLY]) + struct.pack(">4Q", MAX_PACKET, MAX_DATA, MAX_DATA, _HANDLES)
            case _:
                raise NotImplementedError

    def _place(self, fields: Fields) -> Place:
        return place(fields.text(), self._account.encoding)

    def _handle(self, opened: Any) -> bytes:
        self._last += 1
        name = struct.pack(">I", self._last)
        self._handles[name] = opened
        return bytes([HANDLE]) + _text(name)

    def _named(self, name: str, found: os.stat_result) -> bytes:
        when = time.strftime("%b %d %Y", time.gmtime(found.st_mtime))
        mode = stat.filemode(_mode(found))
        line = f"{mode} 1 account account {found.st_size:>12} {when} {name}".encode(self._account.encoding)
        return _text(name.encode(self._account.encoding)) + _text(line) + _attributes(found)

    def _tell(self, kind: Kind, where: Place, size: int = 0) -> None:
        self._done.events.append(Event(kind, self._peer, str(where), size))


def _mode(found: os.stat_result) -> int:
    return stat.S_IFDIR | 0o750 if stat.S_ISDIR(found.st_mode) else stat.S_IFREG | 0o640


def _attributes(found: os.stat_result) -> bytes:
    times = int(found.st_mtime) & 0xFFFFFFFF
    return struct.pack(">IQIII", _SIZE | _MODE | _TIMES, found.st_size, _mode(found), times, times)


def _text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _result(code: int, text: str = "") -> bytes:
    return struct.pack(">BI", STATUS, code) + _text(text.encode()) + _text(b"")


def _status(request: int, code: int, text: str) -> bytes:
    return struct.pack(">BII", STATUS, request, code) + _text(text.encode()) + _text(b"")

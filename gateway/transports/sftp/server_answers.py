"""A session's requests, in their order, to answers and events.

Blocking: `Answers.work` runs in a thread, and never twice at once for a session. Conch's own server answers one request
at a time in the reactor's thread and looks a handle up by its hash; this one takes all that have come.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.transports.sftp import server_wire as wire
from gateway.transports.sftp.server_accounts import Account, Event, Kind
from gateway.transports.sftp.server_files import Files
from gateway.transports.sftp.server_handles import Download, Upload
from gateway.transports.sftp.server_names import FOLDERS, Denied, Place, place
from gateway.transports.sftp.server_wire import Fields

_HANDLES: Final = 64
_LISTINGS: Final = 4  #: open at a time: each may hold ten thousand names
_NAMES_AT_ONCE: Final = 200
#: Refusals of a session that are told one by one; the others are counted, so that nobody fills the record with them.
_TOLD_REFUSALS: Final = 20
#: Bytes of answers after which the rest of the requests has to wait.
_ENOUGH: Final = 1 << 20

_EXTENSIONS: Final = (
    (b"posix-rename@openssh.com", b"1"),
    (b"fsync@openssh.com", b"1"),
    (b"limits@openssh.com", b"1"),
)


@dataclass(slots=True)
class Worked:
    """What came of some requests."""

    requests: int = 0  #: how many were worked on; the others are still to be
    files: int = 0  #: open now
    answers: bytearray = field(default_factory=bytearray)
    events: list[Event] = field(default_factory=list)
    uploaded: bool = False  #: something in `in/` may be complete now


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
        self._refusals = 0
        self._shut = ""
        self._done = Worked()
        self._table: dict[int, Callable[[Fields], bytes]] = {
            wire.OPEN: self._open, wire.CLOSE: self._close, wire.READ: self._read, wire.WRITE: self._write,
            wire.STAT: self._stat, wire.LSTAT: self._stat, wire.FSTAT: self._fstat, wire.SETSTAT: self._setstat,
            wire.FSETSTAT: self._fsetstat, wire.OPENDIR: self._opendir, wire.READDIR: self._readdir, wire.REMOVE: self._remove,
            wire.RENAME: self._rename, wire.REALPATH: self._realpath, wire.EXTENDED: self._extended,
            wire.MKDIR: self._fixed, wire.RMDIR: self._fixed, wire.SYMLINK: self._fixed, wire.READLINK: self._fixed,
        }  # fmt: skip

    def work(self, packets: Sequence[bytes], shut: str = "") -> Worked:
        """Each packet is one request without its length. The last ones wait where there are many bytes of answers.

        Args:
            shut: why no more files are opened; empty: they are.

        Raises:
            BadPacket: one is no request.
        """
        self._done, self._shut = Worked(), shut
        for packet in packets:
            answer = self._answer(packet)
            self._done.answers += struct.pack(">I", len(answer)) + answer
            self._done.requests += 1
            if len(self._done.answers) >= _ENOUGH:
                break
        self._done.files = len(self._handles) - self._listings()
        return self._done

    def end(self) -> list[Event]:
        """The connection is gone. Uploads that were open stay as they are, to be resumed."""
        self._done = Worked()
        for handle in self._handles.values():
            with suppress(OSError):
                if isinstance(handle, Upload):
                    self._tell("upload-cut", handle.place, handle.drop())
                elif isinstance(handle, Download):
                    self._tell("download-cut", handle.place, handle.furthest)
                    handle.drop()
        self._handles.clear()
        self._files.close()
        if self._refusals > _TOLD_REFUSALS:
            more = self._refusals - _TOLD_REFUSALS
            self._done.events.append(Event("refused", self._peer, size=more, rule="repeated"))
        return self._done.events

    def _answer(self, packet: bytes) -> bytes:  # noqa: PLR0911  one for each way it can end
        fields = Fields(packet)
        kind = fields.number(">B")
        if kind == wire.INIT:
            extensions = b"".join(wire.text(name) + wire.text(value) for name, value in _EXTENSIONS)
            return struct.pack(">BI", wire.VERSION, 3) + extensions
        request = fields.number()
        work = self._table.get(kind)
        try:
            if work is None:
                return wire.status(request, wire.UNSUPPORTED, "not supported")
            answer = work(fields)
            return answer[:1] + struct.pack(">I", request) + answer[1:]
        except Denied as denied:
            self._refused(denied.rule)
            return wire.status(request, wire.PERMISSION_DENIED, denied.text)
        except FileNotFoundError:
            return wire.status(request, wire.NO_SUCH_FILE, "no such file")
        except FileExistsError:
            return wire.status(request, wire.FAILURE, "a file of this name is there")
        except NotImplementedError:
            return wire.status(request, wire.UNSUPPORTED, "not supported")
        except OSError as error:  # such as a full disk
            self._refused(errno.errorcode.get(error.errno or 0, "failed").lower())
            return wire.status(request, wire.FAILURE, os.strerror(error.errno or 0))

    # Files

    def _open(self, fields: Fields) -> bytes:
        where = self._place(fields)
        flags = fields.number()
        if self._shut:
            raise Denied("maintenance", self._shut)
        if len(self._handles) >= _HANDLES:
            return wire.result(wire.FAILURE, "too many open files")
        opened: Upload | Download
        if flags & (wire.WRITE_FLAG | wire.APPEND):
            opened = self._files.upload(
                where,
                fresh=bool(flags & wire.TRUNC),
                exclusive=bool(flags & wire.EXCL and flags & wire.CREAT),
                create=bool(flags & wire.CREAT),
                append=bool(flags & wire.APPEND),
            )
        else:
            opened = self._files.download(where)
        return self._handle(opened)

    def _close(self, fields: Fields) -> bytes:
        handle = self._handles.pop(fields.text(), None)
        if handle is None:
            return wire.result(wire.FAILURE, "no such handle")
        if isinstance(handle, Upload):
            self._tell("upload", handle.place, handle.finish())
            self._done.uploaded = True
        elif isinstance(handle, Download):
            handle.drop()
            self._tell("download", handle.place, handle.furthest)
        return wire.result(wire.OK)

    def _read(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        offset, length = fields.number(">Q"), fields.number()
        if not isinstance(handle, Upload | Download):
            return wire.result(wire.FAILURE, "no such handle")
        data = handle.read(offset, min(length, wire.MAX_DATA)) if offset < 1 << 63 else b""
        return bytes([wire.DATA]) + wire.text(data) if data else wire.result(wire.EOF)

    def _write(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        offset, data = fields.number(">Q"), fields.view()
        if not isinstance(handle, Upload):
            return wire.result(wire.FAILURE, "not open for writing")
        handle.write(offset, data)
        return wire.result(wire.OK)

    def _remove(self, fields: Fields) -> bytes:
        where = self._place(fields)
        self._files.remove(where)
        self._tell("remove", where)
        return wire.result(wire.OK)

    def _rename(self, fields: Fields, *, over: bool = False) -> bytes:
        old, new = self._place(fields), self._place(fields)
        self._files.rename(old, new, over=over)
        self._done.events.append(Event("rename", self._peer, str(new), old=str(old)))
        self._done.uploaded = True
        return wire.result(wire.OK)

    # Attributes

    def _stat(self, fields: Fields) -> bytes:
        return bytes([wire.ATTRS]) + wire.attributes(self._files.stat(self._place(fields)))

    def _fstat(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        if not isinstance(handle, Upload | Download):
            return wire.result(wire.FAILURE, "no such handle")
        return bytes([wire.ATTRS]) + wire.attributes(handle.stat())

    def _setstat(self, fields: Fields) -> bytes:
        """Times and modes are ours; clients that want to set them (`put -p`) are not made to fail."""
        self._files.stat(self._place(fields))
        if fields.size() is not None:
            raise Denied("write", "open the file to change its size")
        return wire.result(wire.OK)

    def _fsetstat(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        size = fields.size()
        if not isinstance(handle, Upload | Download):
            return wire.result(wire.FAILURE, "no such handle")
        if size is not None and isinstance(handle, Upload):
            handle.truncate(size)
        elif size is not None:
            return wire.result(wire.FAILURE, "not open for writing")
        return wire.result(wire.OK)

    # Folders

    def _opendir(self, fields: Fields) -> bytes:
        where = self._place(fields)
        if where.name:
            raise FileNotFoundError
        if len(self._handles) >= _HANDLES or self._listings() >= _LISTINGS:
            return wire.result(wire.FAILURE, "too many open files")
        self._tell("list", where)
        if where.folder is None:
            here: Listing = ((name, self._files.stat(Place(name))) for name in FOLDERS)
        else:
            here = self._files.list(where.folder)
        return self._handle(here)

    def _readdir(self, fields: Fields) -> bytes:
        handle = self._handles.get(fields.text())
        if handle is None or isinstance(handle, Upload | Download):
            return wire.result(wire.FAILURE, "no such handle")
        named = []
        for name, found in handle:
            with suppress(UnicodeEncodeError):  # a name that this client's encoding cannot say
                named.append(wire.named(name, found, self._account.encoding))
            if len(named) == _NAMES_AT_ONCE:
                break
        return (
            bytes([wire.NAME]) + struct.pack(">I", len(named)) + b"".join(named)
            if named
            else wire.result(wire.EOF)
        )

    def _realpath(self, fields: Fields) -> bytes:
        where = self._place(fields)
        path = wire.text(str(where).encode(self._account.encoding))
        return bytes([wire.NAME]) + struct.pack(">I", 1) + path + path + struct.pack(">I", 0)

    def _fixed(self, fields: Fields) -> bytes:
        raise Denied("folders", "the folders are fixed, and there are no links")

    def _extended(self, fields: Fields) -> bytes:
        match fields.text():
            case b"posix-rename@openssh.com":
                return self._rename(fields, over=True)
            case b"fsync@openssh.com":
                handle = self._handles.get(fields.text())
                if not isinstance(handle, Upload):
                    return wire.result(wire.FAILURE, "not open for writing")
                handle.sync()
                return wire.result(wire.OK)
            case b"limits@openssh.com":
                return bytes([wire.EXTENDED_REPLY]) + struct.pack(
                    ">4Q", wire.MAX_PACKET, wire.MAX_DATA, wire.MAX_DATA, _HANDLES
                )
            case _:
                raise NotImplementedError

    def _listings(self) -> int:
        return sum(not isinstance(handle, Upload | Download) for handle in self._handles.values())

    def _place(self, fields: Fields) -> Place:
        return place(fields.text(), self._account.encoding)

    def _handle(self, opened: Any) -> bytes:
        self._last += 1
        name = struct.pack(">I", self._last)
        self._handles[name] = opened
        return bytes([wire.HANDLE]) + wire.text(name)

    def _refused(self, rule: str) -> None:
        self._refusals += 1
        if self._refusals <= _TOLD_REFUSALS:
            self._done.events.append(Event("refused", self._peer, rule=rule))

    def _tell(self, kind: Kind, where: Place, size: int = 0) -> None:
        self._done.events.append(Event(kind, self._peer, str(where), size))

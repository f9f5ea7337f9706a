"""An account's files. Blocking: used in threads, by one thread for each session.

    root/in         what has arrived whole          ─┐ the client sees both as `in`
    root/.partial   uploads that have not yet        ─┘
    root/out, receipts, rejected                       read, and deleted where the account may

An upload is written to `.partial` and moved to `in` when it is complete: what stands in `in` is never half a file,
whatever was cut or killed. Every access is relative to an open folder, by a name without `/`, without following links.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.transports.sftp.server_accounts import Account
from gateway.transports.sftp.server_names import FOLDERS, Denied, FolderName, Place, unfinished

PARTIAL: Final = ".partial"
#: Holds what the reader of `in` has taken out and not yet dealt with; counts towards the quota.
TAKING: Final = ".taking"
_COUNTED: Final = ("in", PARTIAL, TAKING, "rejected")
_PLAIN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
#: Bytes granted to a session at once: it counts again after as many.
_GRANT: Final = 64 << 20


class Upload:
    """An open file of `.partial`. A later upload of the same name takes the name over; this one then fails."""

    def __init__(self, files: Files, place: Place, descriptor: int) -> None:
        self.place = place
        self._files = files
        self._descriptor = descriptor
        self._lost = False
        self._lock = threading.Lock()

    def write(self, offset: int, data: bytes) -> None:
        self._files.room(self._descriptor, offset + len(data))
        view = memoryview(data)
        with self._lock:
            self._own()
            while view:
                done = os.pwrite(self._descriptor, view, offset)
                view, offset = view[done:], offset + done

    def truncate(self, size: int) -> None:
        self._files.room(self._descriptor, size)
        with self._lock:
            self._own()
            os.ftruncate(self._descriptor, size)

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def stat(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def lose(self) -> None:
        """Implements `Writer`."""
        with self._lock:
            self._lost = True

    def finish(self) -> int:
        """The client closed it: durable, and moved to `in` where that makes it complete. Gives its size."""
        try:
            size = self.stat().st_size
            self.sync()
            self._files.closed(self, self.place)
            self._own()
        finally:
            os.close(self._descriptor)
        return size

    def drop(self) -> None:
        """The connection ended first: what came so far stays, to be resumed."""
        self._files.left(self, self.place)
        os.close(self._descriptor)

    def _own(self) -> None:
        if self._lost:
            raise Denied("write", "the file was taken over by another upload, renamed or removed")


class Download:
    """An open file that is read."""

    def __init__(self, place: Place, descriptor: int) -> None:
        self.place = place
        self.furthest = 0
        self._descriptor = descriptor

    def read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, offset)
        self.furthest = max(self.furthest, offset + len(data))
        return data

    def stat(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def drop(self) -> None:
        os.close(self._descriptor)


class Files:
    """What one session of an account can reach.

    Raises:
        OSError: the account's folders cannot be made or opened.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._folders: dict[str, int] = {}
        self._ledger = account.ledger
        make_folders(account.root)
        for name in (*FOLDERS, PARTIAL, TAKING):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            self._folders[name] = os.open(account.root / name, flags)

    def close(self) -> None:
        self._ledger.unspent.pop(id(self), None)
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def stat(self, place: Place) -> os.stat_result:
        if place.folder is None:
            return os.fstat(self._folders["in"])
        if not place.name:
            return os.fstat(self._folders[place.folder])
        return self._stat(self._shelf(place), place.name)

    def list(self, folder: FolderName) -> Iterator[tuple[str, os.stat_result]]:
        """Names and what is known of them; only plain files."""
        seen: set[str] = set()
        for shelf in (PARTIAL, folder) if folder == "in" else (folder,):
            for name in sorted(os.listdir(self._folders[shelf])):
                if name in seen or (folder != "in" and name.startswith(".")):
                    continue
                with suppress(FileNotFoundError):
                    yield name, self._stat(shelf, name)
                    seen.add(name)

    def download(self, place: Place) -> Download:
        if place.folder == "in":
            raise Denied("read", "what was uploaded is not given out again")
        descriptor = os.open(place.name, os.O_RDONLY | _PLAIN, dir_fd=self._folder(place))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError
        return Download(place, descriptor)

    def upload(self, place: Place, *, fresh: bool, exclusive: bool) -> Upload:
        """Args:
        fresh: begin anew, whatever came before.
        exclusive: only where there is none of that name.
        """
        self._may_write(place)
        with self._ledger.lock:
            there = self._exists(PARTIAL, place.name)
            if exclusive and (there or self._exists("in", place.name)):
                raise FileExistsError
            if not there:
                self._count(one_more=True)
            self._lose(place.name)
            flags = os.O_RDWR | os.O_CREAT | _PLAIN | (os.O_TRUNC if fresh else 0)
            descriptor = os.open(place.name, flags, 0o640, dir_fd=self._folders[PARTIAL])
            made = self._ledger.writers[place.name] = Upload(self, place, descriptor)
        return made

    def closed(self, upload: Upload, place: Place) -> None:
        with self._ledger.lock:
            if self._ledger.writers.get(place.name) is not upload:
                return  # another upload's, renamed or removed meanwhile
            del self._ledger.writers[place.name]
            if self._account.complete == "close" and not unfinished(place.name):
                self._arrive(PARTIAL, place.name, place.name)

    def left(self, upload: Upload, place: Place) -> None:
        with self._ledger.lock:
            if self._ledger.writers.get(place.name) is upload:
                del self._ledger.writers[place.name]

    def rename(self, old: Place, new: Place, *, over: bool) -> None:
        self._may_write(old)
        self._may_write(new)
        with self._ledger.lock:
            if not over and (self._exists(PARTIAL, new.name) or self._exists("in", new.name)):
                raise FileExistsError
            shelf = self._shelf(old)
            self._stat(shelf, old.name)
            self._lose(old.name)
            self._lose(new.name)
            if unfinished(new.name):
                fd = self._folders[PARTIAL]
                os.rename(old.name, new.name, src_dir_fd=self._folders[shelf], dst_dir_fd=fd)
                return
            if old.name != new.name:
                with suppress(FileNotFoundError):
                    os.unlink(new.name, dir_fd=self._folders[PARTIAL])
            self._arrive(shelf, old.name, new.name)

    def remove(self, place: Place) -> None:
        if not place.name or (place.folder != "in" and not self._account.may_delete):
            raise Denied("remove", "this account may not delete here")
        with self._ledger.lock:
            shelf = self._shelf(place)
            self._stat(shelf, place.name)
            if shelf == PARTIAL:
                self._lose(place.name)
            os.unlink(place.name, dir_fd=self._folders[shelf])

    def room(self, descriptor: int, end: int) -> None:
        """Raises Denied where the file may not become `end` bytes long."""
        more = end - os.fstat(descriptor).st_size
        unspent = self._ledger.unspent
        if more <= 0:
            return
        if more > unspent.get(id(self), 0):
            with self._ledger.lock:
                self._count()
        if more > unspent[id(self)]:
            raise Denied("quota", "quota exceeded")
        unspent[id(self)] -= more

    def _count(self, *, one_more: bool = False) -> None:
        """Counts what the account holds, and grants this session some of what no other session may still add."""
        size = number = 0
        for shelf in _COUNTED:
            with os.scandir(self._folders[shelf]) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_size
                        number += 1
        if one_more and number >= self._account.quota_files:
            raise Denied("quota", "too many files")
        others = sum(bytes_ for session, bytes_ in self._ledger.unspent.items() if session != id(self))
        self._ledger.unspent[id(self)] = max(0, min(self._account.quota_bytes - size - others, _GRANT))

    def _lose(self, name: str) -> None:
        writer = self._ledger.writers.pop(name, None)
        if writer is not None:
            writer.lose()

    def _arrive(self, shelf: str, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folders[shelf], dst_dir_fd=self._folders["in"])
        os.fsync(self._folders["in"])

    def _may_write(self, place: Place) -> None:
        if place.folder != "in" or not place.name:
            raise Denied("write", "files are put into /in only")

    def _shelf(self, place: Place) -> str:
        assert place.folder is not None
        if place.folder == "in" and self._exists(PARTIAL, place.name):
            return PARTIAL
        return place.folder

    def _folder(self, place: Place) -> int:
        if place.folder is None or not place.name:
            raise Denied("read", "a folder")
        return self._folders[place.folder]

    def _exists(self, shelf: str, name: str) -> bool:
        try:
            self._stat(shelf, name)
        except FileNotFoundError:
            return False
        return True

    def _stat(self, shelf: str, name: str) -> os.stat_result:
        """Raises FileNotFoundError also for what is no plain file: a link or a pipe somebody put there."""
        found = os.stat(name, dir_fd=self._folders[shelf], follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError
        return found


def make_folders(root: Path) -> None:
    """The folders of an account, where they are not there yet."""
    for name in (*FOLDERS, PARTIAL, TAKING):
        (root / name).mkdir(mode=0o750, parents=True, exist_ok=True)

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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.transports.sftp.server_accounts import Account
from gateway.transports.sftp.server_handles import Download, Upload
from gateway.transports.sftp.server_names import FOLDERS, Denied, FolderName, Place, unfinished
from gateway.transports.sftp.server_quota import Quota

PARTIAL: Final = ".partial"
#: Holds what the reader of `in` has taken out and not yet dealt with; counts towards the quota.
TAKING: Final = ".taking"
_COUNTED: Final = ("in", PARTIAL, TAKING, "rejected")
_PLAIN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


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
        try:
            for name in (*FOLDERS, PARTIAL, TAKING):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                self._folders[name] = os.open(account.root / name, flags)
        except OSError:
            self.close()
            raise
        self._quota = Quota(account, [self._folders[name] for name in _COUNTED])

    def close(self) -> None:
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
        if place.folder is None or not place.name:
            raise Denied("read", "a folder")
        self._stat(place.folder, place.name)  # a link is no file here, whatever it leads to
        return Download(place, self._opened(place.folder, place.name, os.O_RDONLY))

    def upload(
        self, place: Place, *, fresh: bool, exclusive: bool = False, create: bool = True, append: bool = False
    ) -> Upload:
        """Args:
        fresh: begin anew, whatever came before.
        exclusive: only where there is none of that name.
        create: where there is none of that name, begin one.
        append: every write goes to the end.
        """
        self._may_write(place)
        with self._ledger.lock:
            there, arrived = self._exists(PARTIAL, place.name), self._exists("in", place.name)
            if exclusive and (there or arrived):
                raise FileExistsError
            if not there and arrived and not fresh:
                raise Denied("write", "this file has arrived already: send it anew or under another name")
            if not there and not arrived and not create:
                raise FileNotFoundError
            if not there:
                self._quota.one_more()
            self._lose(place.name)
            self._ledger.broken.discard(place.name)
            flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if fresh else 0)
            descriptor = self._opened(PARTIAL, place.name, flags)
            made = self._ledger.writers[place.name] = Upload(self, place, descriptor, append=append)
        return made

    def closed(self, upload: Upload, place: Place) -> None:
        """Implements `Shelves`."""
        with self._ledger.lock:
            if self._ledger.writers.get(place.name) is not upload:
                return  # another upload's, renamed or removed meanwhile
            del self._ledger.writers[place.name]
            if self._account.complete != "close" or unfinished(place.name):
                return
            self._arrive(PARTIAL, place.name, place.name)
        self._arrived()

    def left(self, upload: Upload, place: Place, *, whole: bool) -> None:
        """Implements `Shelves`."""
        with self._ledger.lock:
            if self._ledger.writers.get(place.name) is upload:
                del self._ledger.writers[place.name]
                if not whole:
                    self._ledger.broken.add(place.name)

    def room(self, more: int) -> None:
        """Implements `Shelves`."""
        with self._ledger.lock:
            self._quota.more(more)

    def rename(self, old: Place, new: Place, *, over: bool) -> None:
        self._may_write(old)
        self._may_write(new)
        with self._ledger.lock:
            if not over and (self._exists(PARTIAL, new.name) or self._exists("in", new.name)):
                raise FileExistsError
            shelf = self._shelf(old)
            self._stat(shelf, old.name)
            open_still = old.name in self._ledger.writers
            if shelf == PARTIAL and (not self._lose(old.name) or old.name in self._ledger.broken):
                self._ledger.broken.add(old.name)
                raise Denied("hole", "parts of the file are missing: go on at its size")
            if open_still:
                self._sync(shelf, old.name)
            self._lose(new.name)
            self._ledger.broken.discard(new.name)
            if unfinished(new.name):
                fd = self._folders[PARTIAL]
                os.rename(old.name, new.name, src_dir_fd=self._folders[shelf], dst_dir_fd=fd)
                return
            if old.name != new.name:
                with suppress(FileNotFoundError):
                    os.unlink(new.name, dir_fd=self._folders[PARTIAL])
            self._arrive(shelf, old.name, new.name)
        self._arrived()

    def remove(self, place: Place) -> None:
        if not place.name or (place.folder != "in" and not self._account.may_delete):
            raise Denied("remove", "this account may not delete here")
        with self._ledger.lock:
            shelf = self._shelf(place)
            self._stat(shelf, place.name)
            if shelf == PARTIAL:
                self._lose(place.name)
                self._ledger.broken.discard(place.name)
            os.unlink(place.name, dir_fd=self._folders[shelf])

    def _lose(self, name: str) -> bool:
        """Ends the writing of that file, if anybody does. Whether all of it is there, as far as is known."""
        writer = self._ledger.writers.pop(name, None)
        return writer is None or writer.lose()

    def _arrive(self, shelf: str, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folders[shelf], dst_dir_fd=self._folders["in"])

    def _arrived(self) -> None:
        """For good. Not with the ledger locked: sessions that wait for the disk at once are served by one write of it."""
        os.fsync(self._folders["in"])

    def _sync(self, shelf: str, name: str) -> None:
        descriptor = self._opened(shelf, name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _may_write(self, place: Place) -> None:
        if place.folder != "in" or not place.name:
            raise Denied("write", "files are put into /in only")

    def _shelf(self, place: Place) -> str:
        assert place.folder is not None
        if place.folder == "in" and self._exists(PARTIAL, place.name):
            return PARTIAL
        return place.folder

    def _opened(self, shelf: str, name: str, flags: int) -> int:
        """Raises FileNotFoundError for what is no plain file, as `_stat`."""
        descriptor = os.open(name, flags | _PLAIN, 0o640, dir_fd=self._folders[shelf])
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError
        return descriptor

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

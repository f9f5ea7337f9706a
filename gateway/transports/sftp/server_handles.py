"""Files that a session has open. Blocking: used in the session's thread; `lose` comes from those of others."""

from __future__ import annotations

import os
import threading
from typing import Final, Protocol

from gateway.transports.sftp.server_names import Denied, Place

#: Pieces with holes between them that an upload may consist of for a while: clients write a little out of order.
_PIECES: Final = 1024


class Shelves(Protocol):
    """What an upload asks of the folders it stands in."""

    def closed(self, upload: Upload, place: Place) -> None:
        """The client closed it."""
        ...

    def left(self, upload: Upload, place: Place, *, whole: bool) -> None:
        """It is not written any more, and did not arrive. `whole`: nothing of it failed to be written."""
        ...

    def room(self, more: int) -> None:
        """Raises Denied where the account may not hold so many bytes more."""
        ...


class Upload:
    """An open file of `.partial`. A later upload of the same name takes the name over; this one then fails.

    What is written behind a hole does not count: at the end the file is cut off there. So the size of an upload that was
    cut says where to go on, and no file arrives with a hole, as it would where a client goes on in one that was taken.
    Nor does a file arrive of which something could not be written: many clients close it all the same.
    """

    def __init__(self, shelves: Shelves, place: Place, descriptor: int, *, append: bool = False) -> None:
        self.place = place
        self._shelves = shelves
        self._descriptor = descriptor
        self._append = append
        self._size = os.fstat(descriptor).st_size
        self._solid = self._size  #: up to here there is no hole
        self._pieces: dict[int, int] = {}  #: behind it: begin → end
        self._failed = False  #: something could not be written
        self._synced = False  #: nothing was written since
        self._lost = False  #: somebody else may write it now
        self._lock = threading.Lock()

    def write(self, offset: int, data: bytes | memoryview) -> None:
        offset = self._size if self._append else offset
        end = offset + len(data)
        try:
            self._room(end)
            self._put(offset, memoryview(data))
            self._filled(offset, end)
        except (OSError, Denied):
            self._failed = True
            raise
        self._size = max(self._size, end)

    def truncate(self, size: int) -> None:
        self._room(size)
        with self._lock:
            self._own()
            self._synced = False
            os.ftruncate(self._descriptor, size)
        self._size = size
        self._solid = min(self._solid, size)
        self._pieces = {begin: min(end, size) for begin, end in self._pieces.items() if begin < size}

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def sync(self) -> None:
        if not self._synced:  # where the client has asked for it before closing, it does not wait twice
            os.fsync(self._descriptor)
        self._synced = True

    def stat(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def lose(self) -> bool:
        """Implements `Writer`."""
        with self._lock:
            whole = self._cut_off() and not self._failed
            self._lost = True
        return whole

    def finish(self) -> int:
        """The client closed it: durable, and moved to `in` where that makes it complete. Gives its size.

        Raises:
            Denied: it was taken over, or is not whole; then it stays in `.partial`, to be resumed.
        """
        whole = False
        try:
            with self._lock:
                whole = self._cut_off() and not self._failed
            self.sync()
            self._own()
            if not whole:
                raise Denied("hole", "parts of the file are missing: go on at its size")
            self._shelves.closed(self, self.place)
            self._own()
        finally:
            self._shelves.left(self, self.place, whole=whole)
            os.close(self._descriptor)
        return self._size

    def drop(self) -> int:
        """The connection ended first: what came so far stays, to be resumed. Gives its size."""
        try:
            with self._lock:
                self._cut_off()
        finally:
            self._shelves.left(self, self.place, whole=not self._failed)
            os.close(self._descriptor)
        return self._size

    def _room(self, end: int) -> None:
        if end > self._size:
            self._shelves.room(end - self._size)

    def _put(self, at: int, view: memoryview) -> None:
        with self._lock:
            self._own()
            self._synced = False
            while view:
                done = os.pwrite(self._descriptor, view, at)
                view, at = view[done:], at + done

    def _filled(self, begin: int, end: int) -> None:
        if begin > self._solid:
            self._pieces[begin] = max(end, self._pieces.get(begin, 0))
            if len(self._pieces) > _PIECES:
                raise Denied("hole", "too many holes in the file")
            return
        self._solid = max(self._solid, end)
        while self._pieces and (first := min(self._pieces)) <= self._solid:
            self._solid = max(self._solid, self._pieces.pop(first))

    def _cut_off(self) -> bool:
        """Whether there was nothing to cut off. Call with the lock held."""
        if self._lost or os.fstat(self._descriptor).st_size <= self._solid:
            return True
        self._synced = False
        os.ftruncate(self._descriptor, self._solid)
        self._size = self._solid
        return False

    def _own(self) -> None:
        if self._lost:
            raise Denied("write", "the file was taken over by another upload, renamed or removed")


class Download:
    """An open file that is read."""

    def __init__(self, place: Place, descriptor: int) -> None:
        self.place = place
        self.furthest = 0  #: bytes up to the last one that was read
        self._descriptor = descriptor

    def read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, offset)
        self.furthest = max(self.furthest, offset + len(data))
        return data

    def stat(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def drop(self) -> None:
        os.close(self._descriptor)

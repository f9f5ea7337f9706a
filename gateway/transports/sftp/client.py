"""The SFTP client: one session kept for many files, worked in a thread of its own, honest about what is known.

Every operation may be made twice: where the session is lost on the way, it is made once more over a new one, from
what it finds. All of them are so built that the second pass settles the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.transports.sftp import client_fetch as fetching
from gateway.transports.sftp.client_errors import Conflict, Lost, NoAnswer, NotSent, Said, SftpError
from gateway.transports.sftp.client_fetch import Entry
from gateway.transports.sftp.client_put import Document, Source, Upload, sizes_of, stands
from gateway.transports.sftp.client_session import Server, Session
from gateway.transports.sftp.client_wire import losing

T = TypeVar("T")


class SftpClient:
    """Files on one server. Operations are made one after another; each fails with `SftpError` and nothing else.

    Args:
        reactor: Twisted's. The session ends with it; `close` ends it earlier.
    """

    def __init__(self, server: Server, reactor: Any) -> None:
        self.server = server
        self._reactor = reactor
        self._pool: ThreadPool | None = None
        self._trigger: Any = None
        self._session: Session | None = None
        self._closed = False

    async def put(
        self,
        *files: tuple[str, Source],
        verify: Literal["size", "content"] = "size",
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Hands over files, each a path on the server with its content, in this order: a companion comes last.

        The same files again change nothing. `before` is called in the thread, once, when the first of them is about
        to be renamed, or stands there already; what it raises comes out, and nothing more is done.

        Raises:
            NotSent: certainly not handed over.
            NoAnswer: the last rename was asked for, and what became of it could not be found out.
            Conflict: another file of that name is there.
        """
        await self._work(self._put, files, verify, before)

    async def look(self, *files: tuple[str, Source]) -> Literal["there", "absent", "gone"]:
        """What became of a hand-over: `there` whole, `absent` (the part of its first document still waits for the rename,
        or that document for the last one), or `gone`: the first is not there, so that it never came or was taken away,
        whatever companions were left behind.

        Raises:
            NotSent: nobody could be asked.
            Conflict: another file of that name is there.
        """
        return await self._work(self._look, files)

    async def listing(self, folder: str) -> list[Entry]:
        """The regular files of a folder, by name."""
        return await self._work(self._twice, lambda s: fetching.listing(s, folder))

    async def download(self, folder: str, entry: Entry, into: Path) -> None:
        """Brings a file over to a local one, durably. Raises Changed where it is not what was listed."""
        await self._work(self._twice, lambda s: fetching.download(s, folder, entry, into))

    async def put_away(self, folder: str, entry: Entry, target: str | None) -> str | None:
        """Moves a file that was taken into another folder, or deletes it; one that was replaced since stays.

        Returns what it is called in the other folder, where this call has moved it.
        """
        return await self._work(self._twice, lambda s: fetching.put_away(s, folder, entry, target))

    async def ensure(self, folder: str) -> None:
        """Makes a folder if it is not there."""
        await self._work(self._twice, lambda s: fetching.ensure(s, folder))

    async def writable(self, folder: str, name: str) -> None:
        """Tries whether files can be put into a folder, with an empty one."""
        await self._work(self._twice, lambda s: fetching.writable(s, folder, name))

    async def opening(self, report: Callable[[str], None]) -> None:
        """Connects anew and reports each step that succeeded: `resolve`, `connect`, `host-key`, `login`."""
        await self._work(self._open, report)

    def close(self) -> None:
        """Ends the session and its thread; what is under way fails."""
        self._closed = True
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        self._end()

    def _end(self) -> None:
        self._closed = True
        if self._session is not None:
            self._session.close()
        if self._pool is not None:
            self._pool.stop()
            self._pool = None

    async def _work(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._closed:
            raise NotSent("closed", self.server.peer)
        if self._pool is None:
            self._pool = ThreadPool(0, 1, name=f"sftp {self.server.peer}")
            self._pool.start()
            self._trigger = self._reactor.addSystemEventTrigger("during", "shutdown", self._end)
        return await deferToThreadPool(self._reactor, self._pool, work, *arguments)

    # What follows runs in the thread.

    def _open(self, report: Callable[[str], None]) -> Session:
        if self._session is not None:
            self._session.close()
        self._session = session = Session(self.server)
        try:
            for step in session.open():
                report(step)
                if self._closed:
                    raise NotSent("closed", self.server.peer)
        except BaseException:
            session.close()
            raise
        return session

    def _live(self) -> Session:
        if self._session is not None and self._session.alive:
            return self._session
        return self._open(lambda _step: None)

    def _passes(self, work: Callable[[Session], T]) -> T:
        """Once, and once more where the session was lost."""
        for last in (False, True):
            session = self._live()
            try:
                with losing():
                    return work(session)
            except Lost:
                session.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def _twice(self, work: Callable[[Session], T]) -> T:
        try:
            return self._passes(work)
        except Said as said:
            raise NotSent(said.kind, self.server.peer) from None
        except Lost:
            raise NotSent("lost", self.server.peer) from None

    def _put(
        self,
        files: tuple[tuple[str, Source], ...],
        verify: Literal["size", "content"],
        before: Callable[[], None],
    ) -> None:
        upload = Upload(tuple(_documents(files)), verify, before)
        try:
            self._passes(upload.run)
        except (Said, Lost, NotSent, Conflict) as error:
            if not upload.asked and isinstance(error, SftpError):
                raise
            kind = "lost" if isinstance(error, Lost) else error.kind
            known = NoAnswer if upload.asked else NotSent
            raise known(kind, self.server.peer) from None

    def _look(self, files: tuple[tuple[str, Source], ...]) -> Literal["there", "absent", "gone"]:
        documents = tuple(_documents(files))

        def look(session: Session) -> Literal["there", "absent", "gone"]:
            found = [stands(session, document) for document in documents]
            if False in found:
                raise Conflict("conflict", self.server.peer)
            if all(found):
                return "there"
            [grown] = sizes_of(session, documents[0].part)
            return "absent" if found[0] or grown is not None else "gone"

        return self._twice(look)


def _documents(files: tuple[tuple[str, Source], ...]) -> Iterator[Document]:
    for name, source in files:
        yield Document(name, source)

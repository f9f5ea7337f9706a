"""What partners put into a folder, wherever that is: which files are complete, and what becomes of each.

    complete? ─► read ─► desk ─ committed ─► settled (done/)
                          └─ refused, on record ─► turned away (rejected/, with a report)

A file that was taken in and not yet moved when the process died is taken again: the message's own id makes that
the same message.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.refusals import Refused, invalid
from adapters.generic.transports.files import report
from adapters.generic.transports.http import unknown_calls
from gateway.canonical import Body
from gateway.contract import ConfigError, Duration, Settings, Size
from mappings import MappingError

Glob = Annotated[str, StringConstraints(pattern=r"^[^/\s]+$"), Field(examples=["*.xml"])]

#: Stands beside a refused file.
REPORT: Final = ".report.txt"
#: Files that say of another one that it is complete.
COMPANIONS: Final = (".ok", ".md5", ".sm3")
#: Half-written files bear one of these endings, or begin with a dot.
_UNFINISHED: Final = (".part", ".tmp", ".temp", ".filepart", ".uploading")
#: Files looked at in one round; the others come next.
_ROUND: Final = 200


class Arriving(Settings):
    """一项操作的文件。 / The files of one operation."""

    files: Glob = Field(default="*", description="文件名式样 / pattern of file names")


class Watched(Settings):
    """收文件的通道共有的设置。 / What all ways have in common by which files arrive."""

    interval: Duration = Field(default=5.0, gt=0, description="查看间隔 / between looks", examples=["5s"])
    body_limit: Size = Field(
        default=4 << 20, gt=0, description="文件大小上限 / largest file", examples=["4MiB"]
    )
    calls: dict[str, Arriving] = Field(
        default={}, description="多项操作时各自的文件名 / file names by operation"
    )

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """One-way operations only, each with files of its own."""
        forms = formats.going("inbound")
        yield from unknown_calls(self.calls, [form.name for form in forms])
        if len(forms) > 1 and {form.name for form in forms} != set(self.calls):
            zh, en = "多项操作须在 calls 中各写文件名式样", "several operations need a pattern each, in calls"
            yield ConfigError(zh, en, path="calls")
        for form in forms:
            if not form.one_way:
                zh, en = (
                    f"目录只能收单向报文：{form.name}",
                    f"a folder takes one-way messages only: {form.name}",
                )
                yield ConfigError(zh, en, path="kind")


def finished(names: Iterable[str], companion: str) -> list[str]:
    """The documents among files, by name; with a companion, those whose companion is there."""
    known = set(names)
    endings = (*_UNFINISHED, *COMPANIONS, REPORT)
    files = sorted(n for n in known if not n.startswith(".") and not n.endswith(endings))
    return [n for n in files if n + companion in known] if companion in COMPANIONS else files


class Watcher(ABC):
    """Implements `Receiver`: looks into a folder every so often, one round at a time."""

    def __init__(self, watched: Watched, desk: Desk) -> None:
        self._watched = watched
        self._desk = desk
        self._timer: Any = None
        self._round: Deferred[None] | None = None
        self._stopped: Deferred[None] | None = None  #: whoever stops it waits for this

    @abstractmethod
    async def complete(self) -> list[str]:
        """The names of the complete files, in the order in which they are taken."""

    @abstractmethod
    async def read(self, name: str) -> bytes:
        """A complete file's content.

        Raises:
            Refused: it is too large, or not what its companion says.
            OSError: it cannot be read now; the others can.
        """

    async def receipted(self, name: str, raw: bytes, answer: Body) -> None:  # noqa: B027  most ways tell nothing
        """Its message is committed: tells its makers, where there is a way. Raises OSError."""

    @abstractmethod
    async def settled(self, name: str) -> None:
        """Its message is committed: away with it. Raises OSError where that is not possible now."""

    @abstractmethod
    async def turned_away(self, name: str, told: bytes) -> None:
        """It was refused, on record: away with it, and `told` to where its makers find it. Raises OSError."""

    async def start(self) -> None:
        self._begin()

    async def stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        elif self._round is not None:
            self._stopped = Deferred()
            await self._stopped

    def _begin(self) -> None:
        self._round = Deferred.fromCoroutine(self.look())
        self._round.addErrback(self._failed).addBoth(self._ended)

    def _failed(self, failure: Failure) -> None:
        # A folder that is away for a while is looked into again; nothing was taken.
        self._desk.context.log.error("folder.unreadable", error=self.cause(failure.value))

    def cause(self, error: BaseException | None) -> str:
        """What the log says of an error: never a path, which may hold personal data."""
        return type(error).__name__

    def _ended(self, _: object) -> None:
        self._round = None
        if self._stopped is not None:
            self._stopped.callback(None)
            return
        self._timer = self._desk.context.reactor.callLater(self._watched.interval, self._begin)

    async def look(self) -> None:
        """One round: every complete file, in order of name."""
        for name in (await self.complete())[:_ROUND]:
            if self._stopped is not None:
                return
            try:
                if not await self._take(name):
                    return  # nothing can be committed now; the files stay where they are
            except OSError as error:  # this one cannot be read or moved now; the others can
                self._desk.context.log.error("folder.file", error=self.cause(error))

    async def _take(self, name: str) -> bool:
        raw = b""
        try:
            raw = await self.read(name)
            form = self._form_of(name)
            try:
                tree = form.request.parse(raw)
            except MappingError as error:
                raise invalid(error) from None
            answer = await self._desk.take(form, tree, raw)
        except Refused as refused:
            return await self._refused(name, raw, refused)
        await self.receipted(name, raw, answer)
        await self.settled(name)
        return True

    async def _refused(self, name: str, raw: bytes, refused: Refused) -> bool:
        try:
            await self._desk.record(refused, raw)
        except Refused:
            return False
        if not refused.refusal_id:
            return False
        text = report(name, refused, self._desk.context.clock.now())
        await self.turned_away(name, text.encode())
        return True

    def _form_of(self, name: str) -> Format:
        forms = self._desk.formats.going("inbound")
        for form in forms:
            call = self._watched.calls.get(form.name) or Arriving()
            if fnmatchcase(name, call.files):
                return form
        zh, en = "文件名不符合任何操作", "the file name fits no operation"
        raise Refused(code="unknown-operation", zh=zh, en=en, rule="file name")

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        reactor = self._desk.context.reactor
        return await deferToThreadPool(reactor, reactor.getThreadPool(), work, *arguments)

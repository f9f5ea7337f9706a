"""Folders: the partner puts files where we look, and finds what we put. Each file is one document.

    in:   folder/x.xml ─ complete? ─► desk ─ committed ─► done/x.xml
                                        └─ refused, on record ─► rejected/x.xml + x.xml.report.txt
    out:  folder/.x.xml.part ─ fsync ─► x.xml ─ fsync ─► x.xml.ok | .md5 | .sm3

A file that was taken in and not yet moved when the process died is taken again: the message's own id makes that
the same message.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from adapters.generic.answers import Done, Proof
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats, fill, slots
from adapters.generic.operations import AnswerSettings
from adapters.generic.refusals import Refused, invalid
from adapters.generic.transports.files import handed_over, put, put_away, read, report
from adapters.generic.transports.http import unknown_calls
from gateway.contract import (
    CheckStep,
    ConfigError,
    Context,
    Duration,
    PartnerDown,
    Rejected,
    Settings,
    Size,
    Unknown,
)
from mappings import MappingError

Glob = Annotated[str, StringConstraints(pattern=r"^[^/\s]+$"), Field(examples=["*.xml"])]
FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._{}:-]+$"), Field(examples=["{reference}.xml"])
]

#: Half-written files bear one of these endings, or begin with a dot.
_UNFINISHED: Final = (".part", ".tmp", ".temp", ".filepart", ".uploading")
_REPORT: Final = ".report.txt"
#: Files looked at in one round; the others come next.
_ROUND: Final = 200


class Arriving(Settings):
    """一项操作的文件。 / The files of one operation."""

    files: Glob = Field(default="*", description="文件名式样 / pattern of file names")


class FolderInbound(Settings):
    """对方把文件放入目录。 / The partner puts files into a folder."""

    kind: Literal["folder"] = Field(description="目录 / a folder")
    path: Path = Field(description="监视的目录 / the folder to watch", examples=["/var/exchange/agency/in"])
    complete: Literal["rename", ".ok", ".md5", ".sm3"] = Field(
        default="rename",
        description="文件何时完整：rename 写完改名；或同名加后缀的文件出现，.md5、.sm3 核对摘要 / when a file is complete: renamed into place, or a companion appears",
        examples=[".ok"],
    )
    interval: Duration = Field(default=5.0, gt=0, description="查看间隔 / between looks", examples=["5s"])
    done: Path | None = Field(default=None, description="已受理的文件，默认 目录/done / taken files")
    rejected: Path | None = Field(
        default=None, description="被拒绝的文件，默认 目录/rejected / refused files"
    )
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

    def receiver(self, desk: Desk) -> FolderReceiver:
        return FolderReceiver(self, desk)


class Leaving(Settings):
    """一项操作的文件。 / The files of one operation."""

    name: FileName = Field(
        default="{reference}.xml", description="文件名，可用 {reference} {operation} / file name"
    )


class FolderOutbound(Settings):
    """我方把文件放入目录。 / We put files into a folder."""

    kind: Literal["folder"] = Field(description="目录 / a folder")
    path: Path = Field(description="放入的目录 / the folder", examples=["/var/exchange/agency/out"])
    companion: Literal["none", ".ok", ".md5", ".sm3"] = Field(
        default=".ok", description="随后写出的同名文件 / the companion written after it", examples=[".ok"]
    )
    calls: dict[str, Leaving] = Field(default={}, description="各操作的文件名 / file names by operation")

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """A folder answers nothing: one-way operations, no queries."""
        forms = formats.going("outbound")
        yield from unknown_calls(self.calls, [form.name for form in forms])
        for form in forms:
            if not form.one_way or form.settings.query is not None:
                zh = f"目录没有应答，不能用于请求应答、查询或冲正：{form.name}"
                en = f"a folder does not answer: no replies, queries or reversals: {form.name}"
                yield ConfigError(zh, en, path="kind")
            call = self.calls.get(form.name) or Leaving()
            yield from slots(call.name, f"calls.{form.name}.name", frozenset({"reference", "operation"}))

    def name_of(self, form: Format, reference: str) -> str:
        call = self.calls.get(form.name) or Leaving()
        return fill(call.name, {"reference": reference, "operation": form.name})

    def link(self, formats: Formats, context: Context) -> FolderLink:
        del formats
        return FolderLink(self, context)


class FolderReceiver:
    """Looks into the folder every so often; one round at a time."""

    def __init__(self, settings: FolderInbound, desk: Desk) -> None:
        self._own = settings
        self._desk = desk
        self._done = settings.done or settings.path / "done"
        self._rejected = settings.rejected or settings.path / "rejected"
        self._timer: Any = None
        self._round: Deferred[None] | None = None
        self._stopped: Deferred[None] | None = None  #: whoever stops it waits for this

    async def start(self) -> None:
        for folder in (self._own.path, self._done, self._rejected):
            folder.mkdir(parents=True, exist_ok=True)
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
        self._desk.context.log.error("folder.unreadable", error=type(failure.value).__name__)

    def _ended(self, _: object) -> None:
        self._round = None
        if self._stopped is not None:
            self._stopped.callback(None)
            return
        self._timer = self._desk.context.reactor.callLater(self._own.interval, self._begin)

    async def look(self) -> None:
        """One round: every complete file, in order of name."""
        for file in self._complete()[:_ROUND]:
            if self._stopped is not None:
                return
            try:
                if not await self._take(file):
                    return  # nothing can be committed now; the files stay where they are
            except OSError as error:  # this one cannot be read or moved now; the others can
                self._desk.context.log.error("folder.file", error=type(error).__name__)

    def _complete(self) -> list[Path]:
        names = {e.name for e in os.scandir(self._own.path) if e.is_file(follow_symlinks=False)}
        endings = (*_UNFINISHED, ".ok", ".md5", ".sm3", _REPORT)
        files = sorted(n for n in names if not n.startswith(".") and not n.endswith(endings))
        if self._own.complete != "rename":
            files = [n for n in files if n + self._own.complete in names]
        return [self._own.path / n for n in files]

    async def _take(self, file: Path) -> bool:
        raw = b""
        try:
            raw = await self._in_thread(read, file, self._own.body_limit, self._own.complete)
            form = self._form_of(file)
            try:
                tree = form.request.parse(raw)
            except MappingError as error:
                raise invalid(error) from None
            await self._desk.take(form, tree, raw)
        except Refused as refused:
            return await self._refused(file, raw, refused)
        await self._in_thread(put_away, file, self._done, self._own.complete)
        return True

    async def _refused(self, file: Path, raw: bytes, refused: Refused) -> bool:
        try:
            await self._desk.record(refused, raw)
        except Refused:
            return False
        if not refused.refusal_id:
            return False
        moved = await self._in_thread(put_away, file, self._rejected, self._own.complete)
        text = report(file.name, refused, self._desk.context.clock.now())
        await self._in_thread(put, moved.with_name(moved.name + _REPORT), text.encode(), "none")
        return True

    def _form_of(self, file: Path) -> Format:
        forms = self._desk.formats.going("inbound")
        for form in forms:
            call = self._own.calls.get(form.name) or Arriving()
            if fnmatchcase(file.name, call.files):
                return form
        zh, en = "文件名不符合任何操作", "the file name fits no operation"
        raise Refused(code="unknown-operation", zh=zh, en=en, rule="file name")

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        reactor = self._desk.context.reactor
        return await deferToThreadPool(reactor, reactor.getThreadPool(), work, *arguments)


class FolderLink:
    """Implements `Link`. What stands under its final name has been handed over."""

    def __init__(self, settings: FolderOutbound, context: Context) -> None:
        self._own = settings
        self._context = context

    async def send(
        self,
        form: Format,
        reference: str,
        content: bytes,
        asked: str = "",
        answer: AnswerSettings | None = None,
    ) -> Proof:
        del asked, answer
        name = self._own.name_of(form, reference)
        if "/" in name or name.startswith("."):
            return Rejected(code="name", reason="编号不能用作文件名 / the reference is no file name")
        file = self._own.path / name
        reactor = self._context.reactor
        try:
            await deferToThreadPool(reactor, reactor.getThreadPool(), put, file, content, self._own.companion)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            if await deferToThreadPool(
                reactor, reactor.getThreadPool(), handed_over, file, self._own.companion
            ):
                return Unknown(reason=f"文件已放入，但未确认落盘：{reason} / put there, maybe not durable")
            raise PartnerDown(f"无法写入目录：{reason}", f"the folder cannot be written: {reason}") from None
        return Done(None, "", name, b"")

    async def check(self) -> AsyncIterator[CheckStep]:
        """Whether a file could be put there."""
        folder = self._own.path
        there = folder.is_dir()
        zh, en = ("目录存在", "the folder is there") if there else ("没有此目录", "there is no such folder")
        yield CheckStep(name="folder", ok=there, zh=f"{zh}：{folder}", en=f"{en}: {folder}")
        if there:
            ok = os.access(folder, os.W_OK | os.X_OK)
            zh, en = ("可以写入", "writable") if ok else ("没有写入权限", "no permission to write")
            yield CheckStep(name="write", ok=ok, zh=zh, en=en)

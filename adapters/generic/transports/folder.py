"""Folders: the partner puts files where we look, and finds what we put. Each file is one document.

in:   folder/x.xml ─ complete? ─► desk ─ committed ─► done/x.xml
                                    └─ refused, on record ─► rejected/x.xml + x.xml.report.txt
out:  folder/.x.xml.part ─ fsync ─► x.xml ─ fsync ─► x.xml.ok | .md5 | .sm3
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from twisted.internet.threads import deferToThreadPool

from adapters.generic.answers import Done, Proof
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.operations import AnswerSettings
from adapters.generic.transports.arriving import REPORT, Watched, Watcher, finished
from adapters.generic.transports.files import handed_over, put, put_away, read
from adapters.generic.transports.leaving import Deposited
from gateway.contract import CheckStep, Context, PartnerDown, Rejected, Unknown


class FolderInbound(Watched):
    """对方把文件放入目录。 / The partner puts files into a folder."""

    kind: Literal["folder"] = Field(description="目录 / a folder")
    path: Path = Field(description="监视的目录 / the folder to watch", examples=["/var/exchange/agency/in"])
    complete: Literal["rename", ".ok", ".md5", ".sm3"] = Field(
        default="rename",
        description="文件何时完整：rename 写完改名；或同名加后缀的文件出现，.md5、.sm3 核对摘要 / when a file is complete: renamed into place, or a companion appears",
        examples=[".ok"],
    )
    done: Path | None = Field(default=None, description="已受理的文件，默认 目录/done / taken files")
    rejected: Path | None = Field(
        default=None, description="被拒绝的文件，默认 目录/rejected / refused files"
    )

    def receiver(self, desk: Desk) -> FolderReceiver:
        return FolderReceiver(self, desk)


class FolderOutbound(Deposited):
    """我方把文件放入目录。 / We put files into a folder."""

    kind: Literal["folder"] = Field(description="目录 / a folder")
    path: Path = Field(description="放入的目录 / the folder", examples=["/var/exchange/agency/out"])
    looks: ClassVar[bool] = False

    def link(self, formats: Formats, context: Context) -> FolderLink:
        del formats
        return FolderLink(self, context)


class FolderReceiver(Watcher):
    """Watches a folder of this machine."""

    def __init__(self, settings: FolderInbound, desk: Desk) -> None:
        super().__init__(settings, desk)
        self._own = settings
        self._done = settings.done or settings.path / "done"
        self._rejected = settings.rejected or settings.path / "rejected"

    async def start(self) -> None:
        for folder in (self._own.path, self._done, self._rejected):
            folder.mkdir(parents=True, exist_ok=True)
        await super().start()

    async def complete(self) -> list[str]:
        names = [e.name for e in os.scandir(self._own.path) if e.is_file(follow_symlinks=False)]
        return finished(names, self._own.complete)

    async def read(self, name: str) -> bytes:
        content: bytes = await self._in_thread(
            read, self._own.path / name, self._own.body_limit, self._own.complete
        )
        return content

    async def settled(self, name: str) -> None:
        await self._in_thread(put_away, self._own.path / name, self._done, self._own.complete)

    async def turned_away(self, name: str, told: bytes) -> None:
        moved = await self._in_thread(put_away, self._own.path / name, self._rejected, self._own.complete)
        await self._in_thread(put, moved.with_name(moved.name + REPORT), told, "none")


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
        if name is None:
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

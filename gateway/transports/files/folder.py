"""Folders of this machine, or mounted on it: the partner puts files where we look, and finds what we put.

out:  folder/.x.xml.part ─ fsync ─► x.xml ─ fsync ─► its companions
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.contract import CheckStep, Context, PartnerDown, Receiver
from gateway.transports.files.arriving import Watched
from gateway.transports.files.companions import Awaited
from gateway.transports.files.content import Content
from gateway.transports.files.leaving import Before, Deposit, Deposited, Found, NameTaken, Uncertain, nothing
from gateway.transports.files.local import TAKING, LocalWatcher
from gateway.transports.files.taking import Taker
from gateway.transports.files.threads import in_thread
from gateway.transports.files.whole import Appeared, holds, last_of, part_of, put


class FolderInbound(Watched):
    """对方把文件放入目录。 / The partner puts files into a folder."""

    kind: Literal["folder"] = Field(description="目录 / a folder")
    path: Path = Field(description="监视的目录 / the folder to watch", examples=["/var/exchange/agency/in"])
    complete: Literal["rename"] | Awaited = Field(
        default="rename",
        description="文件何时完整：rename 写完改名；或伴随文件出现（.ok、.md5、.sm3 或标志文件名），.md5、.sm3 核对摘要 / when a file is complete: renamed into place, or a companion appears; digests are compared",
        examples=[".ok"],
    )
    done: Path | None = Field(default=None, description="已受理的文件，默认 目录/done / taken files")
    rejected: Path | None = Field(
        default=None, description="被拒绝的文件，默认 目录/rejected / refused files"
    )
    receipts: Path | None = Field(
        default=None,
        description="回执目录，不填则不写回执 / folder for receipts; none are written without it",
    )

    def receiver(self, taker: Taker, context: Context) -> Receiver:
        """Watches the folder from `start` on."""
        return LocalWatcher(
            self,
            self.complete,
            taker,
            context,
            arrived=self.path,
            taking=self.path / TAKING,
            done=self.done or self.path / "done",
            rejected=self.rejected or self.path / "rejected",
            receipts=self.receipts,
        )


class FolderOutbound(Deposited):
    """我方把文件放入目录。 / We put files into a folder."""

    kind: Literal["folder"] = Field(description="目录 / a folder")
    path: Path = Field(description="放入的目录 / the folder", examples=["/var/exchange/agency/out"])

    def deposit(self, context: Context) -> Deposit:
        """The folder. It must be there."""
        return FolderDeposit(self.path, self.companions, context)


class FolderDeposit:
    """Implements `Deposit`. What stands under its final name, with its companions, has been handed over."""

    def __init__(self, folder: Path, companions: tuple[str, ...], context: Context) -> None:
        self._folder = folder
        self._companions = companions
        self._context = context

    async def put(
        self,
        name: str,
        content: Content,
        companions: tuple[str, ...] | None = None,
        before: Before = nothing,
    ) -> None:
        """See `Deposit`."""
        await in_thread(self._context, self._put, name, content, companions, before)

    async def look(self, name: str, content: Content, companions: tuple[str, ...] | None = None) -> Found:
        """See `Deposit`."""
        return await in_thread(self._context, self._look, name, content, companions)

    async def check(self) -> AsyncIterator[CheckStep]:
        """Whether a file could be put there."""
        folder = self._folder
        there = folder.is_dir()
        zh, en = ("目录存在", "the folder is there") if there else ("没有此目录", "there is no such folder")
        yield CheckStep(name="folder", ok=there, zh=f"{zh}：{folder}", en=f"{en}: {folder}")
        if there:
            ok = os.access(folder, os.W_OK | os.X_OK)
            zh, en = ("可以写入", "writable") if ok else ("没有写入权限", "no permission to write")
            yield CheckStep(name="write", ok=ok, zh=zh, en=en)

    def close(self) -> None:
        """Nothing is open."""

    def _put(self, name: str, content: Content, companions: tuple[str, ...] | None, before: Before) -> None:
        file = self._folder / name
        own = self._companions if companions is None else companions
        noted = False

        def note() -> None:
            nonlocal noted
            before()
            noted = True

        try:
            if file.exists() and not holds(file, content):
                raise _taken()
            put(file, content, own, note)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            gone = noted and not file.exists() and not part_of(file).exists()
            if gone or isinstance(error, Appeared) or last_of(file, own).exists():
                zh, en = f"文件已放入，但未确认落盘：{reason}", f"put there, maybe not durable: {reason}"
                raise Uncertain(zh, en) from None
            raise PartnerDown(f"无法写入目录：{reason}", f"the folder cannot be written: {reason}") from None

    def _look(self, name: str, content: Content, companions: tuple[str, ...] | None) -> Found:
        file = self._folder / name
        own = self._companions if companions is None else companions
        if not self._folder.is_dir():
            raise PartnerDown("没有此目录", "there is no such folder")
        if not file.exists():
            return "absent" if part_of(file).exists() else "unknown"
        if not holds(file, content):
            raise _taken()
        return "there" if last_of(file, own).exists() else "absent"


def _taken() -> NameTaken:
    return NameTaken("同名文件已存在，内容不同", "another file of that name is there")

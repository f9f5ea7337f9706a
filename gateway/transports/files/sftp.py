"""The partner's SFTP server: we put files there, and fetch those it has put there for us.

out:  .x.xml.DIGEST.part ─ fsync, verified ─► x.xml ─► its companions
in:   x.xml ─ complete, unchanged ─► local copy ─► taker ─ committed ─► done folder, or deleted
                                                     └─ refused, on record ─► rejected folder + reports
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field

from gateway.contract import CheckStep, Context, Duration, PartnerDown, Receiver
from gateway.transports.files.arriving import Watched, Watcher
from gateway.transports.files.checking import check_size
from gateway.transports.files.companions import Awaited, Listing, name_of, sort_out, written
from gateway.transports.files.content import Content
from gateway.transports.files.leaving import Before, Deposit, Deposited, Found, NameTaken, Uncertain, nothing
from gateway.transports.files.partner_server import Folder, PartnerServer, check_way
from gateway.transports.files.reporting import REPORT, REPORT_JSON, Report
from gateway.transports.files.taking import Taker
from gateway.transports.files.threads import in_thread
from gateway.transports.files.whole import free, move, write
from gateway.transports.sftp.client_errors import Conflict, NoAnswer, NotSent, SftpError
from gateway.transports.sftp.client_fetch import Entry

T = TypeVar("T")

#: Failures of one file; any other kind ends the round.
_OF_ONE_FILE: Final = frozenset({"changed", "missing", "denied", "failed", "unsupported", "conflict"})


class SftpInbound(Watched, PartnerServer):
    """我方到对方的 SFTP 服务器取文件。 / We fetch files from the partner's SFTP server."""

    kind: Literal["sftp"] = Field(description="SFTP 取文件 / fetched by SFTP")
    complete: Literal["stable", "rename"] | Awaited = Field(
        default="stable",
        description="文件何时完整：stable 大小和时间不再变；rename 对方写完改名；或伴随文件出现（.ok、.md5、.sm3 或标志文件名），.md5、.sm3 核对摘要 / when a file is complete: unchanged for a while, renamed into place, or a companion appears; digests are compared",
        examples=[".ok"],
    )
    stable_for: Duration = Field(
        default=10.0, gt=0, description="stable：多久不变 / how long unchanged", examples=["10s"]
    )
    done: Folder | None = Field(
        default=None,
        description="已受理的文件移到此目录，不填则删除 / where taken files go; deleted without it",
    )
    rejected: Folder | None = Field(
        default=None,
        description="被拒绝的文件和说明移到此目录，不填则留在我方状态目录 / where refused files and reports go; kept with us without it",
    )

    def receiver(self, taker: Taker, context: Context) -> Receiver:
        """Fetches from `start` on."""
        return SftpReceiver(self, taker, context)

    async def check(self, context: Context) -> AsyncIterator[CheckStep]:
        """The folder can be read, and those for taken and refused files can be written."""
        async for step in check_way(self, context, tuple(filter(None, (self.done, self.rejected)))):
            yield step


class SftpOutbound(Deposited, PartnerServer):
    """我方把文件送到对方的 SFTP 服务器。 / We put files on the partner's SFTP server."""

    kind: Literal["sftp"] = Field(description="SFTP 送文件 / put by SFTP")
    verify: Literal["size", "content"] = Field(
        default="size",
        description="上传后核对大小，或读回核对内容 / what is compared after an upload: size, or the content read back",
    )

    def deposit(self, context: Context) -> Deposit:
        """The folder on the server. Connects when it is first used."""
        return SftpDeposit(self, context)


class SftpDeposit:
    """Implements `Deposit`."""

    def __init__(self, settings: SftpOutbound, context: Context) -> None:
        self._own = settings
        self._context = context
        self._client = settings.client(context)

    async def put(
        self,
        name: str,
        content: Content,
        companions: tuple[str, ...] | None = None,
        before: Before = nothing,
    ) -> None:
        """See `Deposit`."""
        files = await in_thread(self._context, self._files, name, content, companions)
        try:
            await self._client.put(*files, verify=self._own.verify, before=before)
        except NotSent as error:
            raise PartnerDown(error.zh, error.en) from None
        except NoAnswer as error:
            raise Uncertain(error.zh, error.en) from None
        except Conflict as error:
            raise NameTaken(error.zh, error.en) from None

    async def look(self, name: str, content: Content, companions: tuple[str, ...] | None = None) -> Found:
        """See `Deposit`: by the file's digest."""
        files = await in_thread(self._context, self._files, name, content, companions)
        try:
            found = await self._client.look(*files)
        except NotSent as error:
            raise PartnerDown(error.zh, error.en) from None
        except Conflict as error:
            raise NameTaken(error.zh, error.en) from None
        return "unknown" if found == "gone" else found

    async def check(self) -> AsyncIterator[CheckStep]:
        """Up to whether a file could be put there."""
        async for step in check_way(self._own, self._context, (self._own.path,)):
            yield step

    def close(self) -> None:
        """Ends the session."""
        self._client.close()

    def _files(
        self, name: str, content: Content, companions: tuple[str, ...] | None
    ) -> list[tuple[str, Content]]:
        own = self._own.companions if companions is None else companions
        files: list[tuple[str, Content]] = [(name, content), *written(name, content, own)]
        return [(f"{self._own.path}/{called}", what) for called, what in files]


class SftpReceiver(Watcher):
    """Fetches from a folder on the partner's server."""

    def __init__(self, settings: SftpInbound, taker: Taker, context: Context) -> None:
        super().__init__(settings, settings.awaited(settings.complete), taker, context)
        self._own = settings
        self._client = settings.client(context)
        self._local = context.state_dir / "sftp"
        self._listed: dict[str, Entry] = {}
        self._copies: dict[str, Entry] = {}  #: what stands in the local folder
        self._seen: dict[str, tuple[Entry, float]] = {}  #: each file as it is, and since when

    async def start(self) -> None:
        await in_thread(self._context, self._forget_all)
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        self._client.close()

    def cause(self, error: BaseException | None) -> str:
        if isinstance(error, SftpError):
            return str(error)  # says what to do next, such as with a changed host key
        return getattr(error, "strerror", None) or super().cause(error)

    async def listing(self) -> Listing:
        for folder in filter(None, (self._own.done, self._own.rejected)):
            await self._client.ensure(folder)
        self._listed = {entry.name: entry for entry in await self._client.listing(self._own.path)}
        at = self._context.clock.monotonic()
        before = self._seen
        self._seen = {
            name: before[name] if name in before and before[name][0] == entry else (entry, at)
            for name, entry in self._listed.items()
        }
        found = sort_out(self._listed, self._companions)
        return Listing(tuple(n for n in found.complete if self._is_whole(n, at)), found.alone)

    def _is_whole(self, name: str, at: float) -> bool:
        if self._own.complete == "rename":
            return True
        entry, since = self._seen[name]
        # A companion that is older than its document is left over from an earlier one, or came too early.
        if (
            self._own.complete != "stable"
            and self._listed[name_of(self._own.complete, name)].modified >= entry.modified
        ):
            return True
        return at - since >= self._own.stable_for

    async def fetched(self, name: str) -> Path:
        entry = self._listed[name]
        check_size(self._own, entry.size)
        for companion in self._companions:
            await self._fetch(self._listed[name_of(companion, name)])
        return await self._fetch(entry)

    async def settled(self, name: str) -> None:
        await self._away(name, self._own.done)
        self._forget(name)

    async def turned_away(self, name: str, told: Report) -> None:
        if self._own.rejected is not None:
            moved = f"{self._own.rejected}/{await self._away(name, self._own.rejected)}"
            await self._one(self._client.put((moved + REPORT, told.text)))
            await self._one(self._client.put((moved + REPORT_JSON, told.json)))
        else:
            local = await self._fetch(self._listed[name])
            await in_thread(self._context, self._keep, local, told)
            await self._away(name, None)
        self._forget(name)

    def _keep(self, local: Path, told: Report) -> None:
        kept = self._context.state_dir / "rejected"
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = free(kept, local.name)
        write(target.with_name(target.name + REPORT), told.text)
        write(target.with_name(target.name + REPORT_JSON), told.json)
        move(local, target)

    async def _fetch(self, entry: Entry) -> Path:
        local = self._local / entry.name
        if self._copies.get(entry.name) != entry:
            self._local.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._one(self._client.download(self._own.path, entry, local))
            self._copies[entry.name] = entry
        return local

    async def _away(self, name: str, target: str | None) -> str:
        """Moves or deletes the file, then its companions; returns what it is called now."""
        moved = await self._one(self._client.put_away(self._own.path, self._listed[name], target))
        for companion in self._companions:
            await self._one(
                self._client.put_away(self._own.path, self._listed[name_of(companion, name)], None)
            )
        return moved or name

    def _forget(self, name: str) -> None:
        for gone in (name, *(name_of(companion, name) for companion in self._companions)):
            if self._copies.pop(gone, None) is not None:
                (self._local / gone).unlink(missing_ok=True)

    def _forget_all(self) -> None:
        """Copies that a killed process has left: they are fetched again, if they are still there. Parts go on."""
        if self._local.is_dir():
            for copy in self._local.iterdir():
                if not copy.name.startswith("."):
                    copy.unlink()

    async def _one(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except SftpError as error:
            if error.kind in _OF_ONE_FILE:
                raise OSError(0, str(error)) from None
            raise

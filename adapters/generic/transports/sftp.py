"""SFTP: we put files on the partner's server, and fetch those it has put there for us. Each file is one document.

out:  .x.xml.DIGEST.part ─ fsync, verified ─► x.xml ─► x.xml.ok | .md5 | .sm3
in:   x.xml ─ complete, unchanged ─► local copy ─► desk ─ committed ─► done folder, or deleted
                                                    └─ refused, on record ─► rejected folder + x.xml.report.txt
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import Field, StringConstraints, model_validator

from adapters.generic.answers import Done, Proof
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.operations import AnswerSettings
from adapters.generic.transports.arriving import COMPANIONS, REPORT, Watched, Watcher, finished
from adapters.generic.transports.files import put, put_away, read, said, too_large
from adapters.generic.transports.leaving import Deposited
from gateway.contract import (
    Absent,
    CheckStep,
    Context,
    Duration,
    Endpoint,
    PartnerDown,
    Rejected,
    Secret,
    Settings,
    Unknown,
)
from gateway.transports.sftp.client import SftpClient
from gateway.transports.sftp.client_errors import Conflict, NoAnswer, NotSent, SftpError
from gateway.transports.sftp.client_fetch import Entry
from gateway.transports.sftp.client_session import Server

T = TypeVar("T")

Folder = Annotated[str, StringConstraints(pattern=r"^[^\s].*[^/]$|^[^/\s]$"), Field(examples=["/upload"])]
HostKey = Annotated[
    str,
    StringConstraints(pattern=r"^(SHA256:[A-Za-z0-9+/]{43}=?|[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?)$"),
    Field(examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…"]),
]

#: Failures of one file; any other kind ends the round.
_OF_ONE_FILE: Final = frozenset({"changed", "missing", "denied", "failed", "unsupported", "conflict"})
_STEPS: Final = {
    "resolve": ("主机名可以解析", "the host name resolves"),
    "connect": ("可以连接", "it can be reached"),
    "host-key": ("服务器公钥与登记的一致", "the server's key is the one agreed"),
    "login": ("登录成功", "logged in"),
}


class SftpServer(Settings):
    """对方的 SFTP 服务器。 / The partner's SFTP server."""

    server: Endpoint = Field(description="地址 / address", examples=["10.0.0.9:22"])
    user: str = Field(min_length=1, description="用户名 / user name", examples=["tongqu"])
    password: Secret | None = Field(default=None, description="口令 / password")
    key_file: Path | None = Field(
        default=None, description="登录私钥文件 / file of our private key", examples=["secrets/agency.key"]
    )
    passphrase: Secret | None = Field(default=None, description="私钥的口令 / passphrase of that key")
    host_keys: tuple[HostKey, ...] = Field(
        default=(),
        description="服务器公钥：TYPE BASE64，或 SHA256: 指纹；须先向对方核实。对方换钥匙期间可写两个 / keys of the server, confirmed with the partner; two while it changes them",
    )
    known_hosts: Path | None = Field(
        default=None, description="OpenSSH 的 known_hosts 文件 / a known_hosts file of OpenSSH"
    )
    timeout: Duration = Field(
        default=30.0,
        gt=0,
        description="每一步的时限；传输时为无进展的时限 / limit of each step; of standstill while bytes go",
        examples=["30s"],
    )
    path: Folder = Field(description="服务器上的目录 / folder on the server", examples=["/exchange/in"])

    @model_validator(mode="after")
    def _identities(self) -> SftpServer:
        if (self.password is None) == (self.key_file is None):
            raise ValueError("password 与 key_file 须填其一 / either password or key_file")
        if self.passphrase is not None and self.key_file is None:
            raise ValueError("passphrase 属于 key_file / passphrase belongs to key_file")
        if not self.host_keys and self.known_hosts is None:
            raise ValueError(
                "须填 host_keys 或 known_hosts：不接受未知的服务器 / host_keys or known_hosts is needed"
            )
        return self

    def client(self, context: Context) -> SftpClient:
        """Connects when it is first used."""
        host, _, port = self.server.rpartition(":")
        server = Server(
            host=host.strip("[]"),
            port=int(port),
            user=self.user,
            password=self.password.get_secret_value() if self.password else None,
            key_file=self.key_file,
            passphrase=self.passphrase.get_secret_value() if self.passphrase else None,
            host_keys=self.host_keys,
            known_hosts=self.known_hosts,
            timeout=self.timeout,
        )
        return SftpClient(server, context.reactor)


class SftpInbound(Watched, SftpServer):
    """我方到对方的 SFTP 服务器取文件。 / We fetch files from the partner's SFTP server."""

    kind: Literal["sftp"] = Field(description="SFTP 取文件 / fetched by SFTP")
    complete: Literal["stable", "rename", ".ok", ".md5", ".sm3"] = Field(
        default="stable",
        description="文件何时完整：stable 大小和时间不再变；rename 对方写完改名；或同名加后缀的文件出现，.md5、.sm3 核对摘要 / when a file is complete: unchanged for a while, renamed into place, or a companion appears",
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

    def receiver(self, desk: Desk) -> SftpReceiver:
        return SftpReceiver(self, desk)

    async def check(self, context: Context) -> AsyncIterator[CheckStep]:
        """The folder can be read, and those for taken and refused files can be written."""
        async for step in _check(self, context, self.path, tuple(filter(None, (self.done, self.rejected)))):
            yield step


class SftpOutbound(Deposited, SftpServer):
    """我方把文件送到对方的 SFTP 服务器。 / We put files on the partner's SFTP server."""

    kind: Literal["sftp"] = Field(description="SFTP 送文件 / put by SFTP")
    verify: Literal["size", "content"] = Field(
        default="size",
        description="上传后核对大小，或读回核对内容 / what is compared after an upload: size, or the content read back",
    )
    looks: ClassVar[bool] = True

    def link(self, formats: Formats, context: Context) -> SftpLink:
        del formats
        return SftpLink(self, context)


class SftpLink:
    """Implements `Link` and `Looking`."""

    def __init__(self, settings: SftpOutbound, context: Context) -> None:
        self._own = settings
        self._context = context
        self._client = settings.client(context)

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
        try:
            await self._client.put(*self._files(name, content), verify=self._own.verify)
        except NotSent as error:
            raise PartnerDown(error.zh, error.en) from None
        except NoAnswer as error:
            return Unknown(reason=str(error))
        except Conflict as error:
            return Rejected(code="conflict", reason=str(error))
        return Done(None, "", name, b"")

    async def look(self, form: Format, reference: str, content: bytes) -> Proof:
        """By the file's digest: there, still to be renamed, or no trace."""
        name = self._own.name_of(form, reference)
        if name is None:
            return Rejected(code="name", reason="编号不能用作文件名 / the reference is no file name")
        try:
            found = await self._client.look(*self._files(name, content))
        except NotSent as error:
            raise PartnerDown(error.zh, error.en) from None
        except Conflict as error:
            return Unknown(reason=str(error))
        if found == "there":
            return Done(None, "", name, b"")
        if found == "absent":
            return Absent()
        return Unknown(
            reason="服务器上没有痕迹：从未送到，或已被取走 / no trace: never came, or taken already"
        )

    async def check(self) -> AsyncIterator[CheckStep]:
        """Up to whether a file could be put there."""
        async for step in _check(self._own, self._context, self._own.path, (self._own.path,)):
            yield step

    def _files(self, name: str, content: bytes) -> list[tuple[str, bytes]]:
        place, companion = f"{self._own.path}/{name}", self._own.companion
        files = [(place, content)]
        if companion != "none":
            files.append((place + companion, said(name, content, companion)))
        return files


class SftpReceiver(Watcher):
    """Fetches from a folder on the partner's server."""

    def __init__(self, settings: SftpInbound, desk: Desk) -> None:
        super().__init__(settings, desk)
        self._own = settings
        self._client = settings.client(desk.context)
        self._local = desk.context.state_dir / "sftp"
        self._listed: dict[str, Entry] = {}
        self._copies: dict[str, Entry] = {}  #: what stands in the local folder
        self._seen: dict[str, tuple[Entry, float]] = {}  #: each file as it is, and since when

    async def stop(self) -> None:
        await super().stop()
        self._client.close()

    def cause(self, error: BaseException | None) -> str:
        if isinstance(error, SftpError):
            return str(error)  # says what to do next, such as with a changed host key
        return getattr(error, "strerror", None) or super().cause(error)

    async def complete(self) -> list[str]:
        for folder in filter(None, (self._own.done, self._own.rejected)):
            await self._client.ensure(folder)
        self._listed = {entry.name: entry for entry in await self._client.listing(self._own.path)}
        at = self._desk.context.clock.monotonic()
        before = self._seen
        self._seen = {
            name: before[name] if name in before and before[name][0] == entry else (entry, at)
            for name, entry in self._listed.items()
        }
        return [n for n in finished(self._listed, self._own.complete) if self._is_whole(n, at)]

    def _is_whole(self, name: str, at: float) -> bool:
        if self._own.complete == "rename":
            return True
        entry, since = self._seen[name]
        companion = self._listed.get(name + self._own.complete)
        # One that is older than its document is left over from an earlier one, or came too early.
        if companion is not None and companion.modified >= entry.modified:
            return True
        return at - since >= self._own.stable_for

    async def read(self, name: str) -> bytes:
        entry = self._listed[name]
        if entry.size > self._own.body_limit:
            raise too_large(self._own.body_limit)
        local = await self._fetched(entry)
        companion = self._listed.get(name + self._own.complete)
        if companion is not None and self._own.complete in (".md5", ".sm3"):
            await self._fetched(companion)
        content: bytes = await self._in_thread(read, local, self._own.body_limit, self._own.complete)
        return content

    async def settled(self, name: str) -> None:
        await self._away(name, self._own.done)
        self._forget(name)

    async def turned_away(self, name: str, told: bytes) -> None:
        if self._own.rejected is not None:
            moved = await self._away(name, self._own.rejected)
            await self._one(self._client.put((f"{self._own.rejected}/{moved}{REPORT}", told)))
        else:
            kept = self._desk.context.state_dir / "rejected"
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            local = await self._fetched(self._listed[name])
            file: Path = await self._in_thread(put_away, local, kept, "rename")
            await self._in_thread(put, file.with_name(file.name + REPORT), told, "none")
            await self._away(name, None)
        self._forget(name)

    async def _fetched(self, entry: Entry) -> Path:
        local = self._local / entry.name
        if self._copies.get(entry.name) != entry:
            self._local.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._one(self._client.download(self._own.path, entry, local))
            self._copies[entry.name] = entry
        return local

    async def _away(self, name: str, target: str | None) -> str:
        """Moves or deletes the file, then its companion; returns what it is called now."""
        moved = await self._one(self._client.put_away(self._own.path, self._listed[name], target))
        companion = self._listed.get(name + self._own.complete)
        if companion is not None:
            await self._one(self._client.put_away(self._own.path, companion, None))
        return moved or name

    def _forget(self, name: str) -> None:
        for gone in (name, *(name + ending for ending in COMPANIONS)):
            if self._copies.pop(gone, None) is not None:
                (self._local / gone).unlink(missing_ok=True)

    async def _one(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except SftpError as error:
            if error.kind in _OF_ONE_FILE:
                raise OSError(0, str(error)) from None
            raise


async def _check(
    own: SftpServer, context: Context, readable: str, writable: tuple[str, ...]
) -> AsyncIterator[CheckStep]:
    client = own.client(context)
    done: list[str] = []
    try:
        failed = await _failure(client.opening(done.append))
        for name, (zh, en) in _STEPS.items():
            if name in done:
                yield CheckStep(name=name, ok=True, zh=f"{zh}：{own.server}", en=f"{en}: {own.server}")
            elif failed is not None:
                yield CheckStep(name=name, ok=False, zh=failed.zh, en=failed.en)
                return
        failed = await _failure(client.listing(readable))
        yield _step("read", readable, failed, "目录可读", "the folder can be read")
        for folder in writable if failed is None else ():
            trial = f".tongqu-check-{context.random(4).hex()}"
            failed = await _failure(client.writable(folder, trial))
            yield _step("write", folder, failed, "目录可写", "the folder can be written")
    finally:
        client.close()


async def _failure(work: Awaitable[object]) -> SftpError | None:
    try:
        await work
    except SftpError as error:
        return error
    return None


def _step(name: str, folder: str, failed: SftpError | None, zh: str, en: str) -> CheckStep:
    if failed is not None:
        zh, en = failed.zh, failed.en
    return CheckStep(name=name, ok=failed is None, zh=f"{zh}：{folder}", en=f"{en}: {folder}")

"""An account on our SFTP server: the partner logs in, puts files into `in/`, and finds what became of them.

in/x.xml ─ complete ─► .taking/x.xml ─► taker ─ committed ─► receipts/x.xml.receipt.json
                                          └─ refused, on record ─► rejected/x.xml + reports
we ─► out/x.xml, fetched by the partner: when, the account's watch tells
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gateway.contract import (
    ConfigError,
    Context,
    Duration,
    Endpoint,
    Handled,
    Network,
    Receiver,
    Refusal,
    Secret,
    Size,
)
from gateway.transports.files.arriving import Watched
from gateway.transports.files.companions import Awaited
from gateway.transports.files.content import Content
from gateway.transports.files.folder import FolderDeposit
from gateway.transports.files.leaving import Before, Deposit, Deposited, Found
from gateway.transports.files.local import LocalWatcher
from gateway.transports.files.memory import Memory
from gateway.transports.files.taking import Taker
from gateway.transports.files.threads import in_thread
from gateway.transports.sftp.server_accounts import Account, Encoding, Event, parse_hash, public_key
from gateway.transports.sftp.server_closures import closure
from gateway.transports.sftp.server_files import TAKING, make_folders
from gateway.transports.sftp.server_listeners import SftpAccount, SftpLimits


def _key(line: str) -> str:
    try:
        public_key(line)
    except ConfigError as error:
        raise ValueError(error.both) from None
    return line


def _hash(secret: Secret) -> Secret:
    try:
        parse_hash(secret.get_secret_value())
    except ValueError:
        raise ValueError("不是 server_password 所打印的 / not what server_password prints") from None
    return secret


def _closure(text: str) -> str:
    try:
        closure(text)
    except ValueError:
        zh, en = "维护时段写法有误", "not a maintenance window"
        raise ValueError(f"{zh}：{text} / {en}: {text}") from None
    return text


AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
PublicKey = Annotated[str, AfterValidator(_key)]


class AccountInbound(Watched):
    """对方登录我方 SFTP 服务器。 / The partner logs in to our SFTP server."""

    kind: Literal["sftp-account"] = Field(description="我方 SFTP 服务器上的账号 / an account on our server")
    listen: Endpoint = Field(
        description="监听地址，可与其他伙伴共用 / where to listen; may be shared", examples=["0.0.0.0:2222"]
    )
    host_key: Path = Field(
        description="主机密钥文件，首次启动时生成；同一地址须相同 / host key, made at the first start; one for each address",
        examples=["var/sftp-host-key"],
    )
    account: AccountName = Field(description="账号 / account", examples=["agency"])
    path: Path = Field(
        description="账号的目录，其中有 in、out、receipts、rejected / the account's folder",
        examples=["/var/exchange/agency"],
    )
    keys: tuple[PublicKey, ...] = Field(default=(), description="OpenSSH 公钥 / public keys of OpenSSH")
    password_hash: Annotated[Secret, AfterValidator(_hash)] | None = Field(
        default=None,
        description="口令的 scrypt 值，由 python -m gateway.transports.sftp.server_password 得到；能用公钥就不要填 / scrypt hash of a password; keys are better",
    )
    clients: tuple[Network, ...] = Field(
        default=(),
        description="允许的客户端网段，空为不限 / client networks let in",
        examples=[["10.1.0.0/16"]],
    )
    complete: Literal["rename", "close"] | Awaited = Field(
        default="rename",
        description="文件何时完整：rename 上传后改名；close 关闭即完整，中断的客户端也可能正常关闭；或伴随文件出现 / when a file is complete: renamed after uploading; closed, which some clients do when they are interrupted too; or a companion appears",
        examples=[".sm3"],
    )
    names: Encoding = Field(default="utf-8", description="文件名的编码 / encoding of file names")
    may_delete: bool = Field(
        default=True, description="可删除 out、receipts、rejected 中的文件 / may delete what it fetched"
    )
    quota: Size = Field(
        default=1 << 30, gt=0, description="可占空间 / bytes it may hold here", examples=["1GiB"]
    )
    quota_files: int = Field(default=10_000, gt=0, description="可有文件数 / files it may hold here")

    idle: Duration = Field(
        default=600.0, gt=0, description="无操作多久后断开 / idle connections end after", examples=["10min"]
    )
    sessions: int = Field(default=10, gt=0, description="同时连接数 / connections at a time")
    failures: int = Field(
        default=10,
        gt=0,
        description="10 分钟内错误登录多少次后锁定 15 分钟；同一地址须相同 / refused logins within ten minutes that lock for fifteen; alike for all on one address",
    )
    closed: tuple[Annotated[str, AfterValidator(_closure)], ...] = Field(
        default=(),
        description="维护时段（北京时间），不可登录：每天、每周某天或某段时间 / maintenance windows in Beijing time, daily, weekly or once",
        examples=[["02:00-04:00", "sun 01:00-05:00", "2026-12-31T18:00/2027-01-01T08:00"]],
    )

    def receiver(self, taker: Taker, context: Context) -> Receiver:
        """Lets the account in, and takes what it uploads, from `start` on."""
        return AccountReceiver(self, taker, context)


class AccountOutbound(Deposited):
    """我方把文件放入账号的 out 目录，由对方登录取走。 / We put files where the account fetches them."""

    kind: Literal["sftp-account"] = Field(description="我方 SFTP 服务器上的账号 / an account on our server")
    path: Path = Field(
        description="账号的目录，与该伙伴 inbound 的 path 相同 / the account's folder, as in this partner's inbound",
        examples=["/var/exchange/agency"],
    )

    def deposit(self, context: Context) -> Deposit:
        """The account's `out`."""
        return AccountDeposit(self.path, self.companions, context)


class AccountReceiver(LocalWatcher):
    """Watches what the account's uploads leave in `in/`; looks at once when one is complete."""

    def __init__(self, settings: AccountInbound, taker: Taker, context: Context) -> None:
        root = settings.path
        super().__init__(
            settings,
            settings.complete,
            taker,
            context,
            arrived=root / "in",
            taking=root / TAKING,
            rejected=root / "rejected",
            receipts=root / "receipts",
        )
        self._own = settings
        self.opened: SftpAccount | None = None

    async def start(self) -> None:
        own = self._own
        await in_thread(self._context, make_folders, own.path)
        account = Account(
            name=own.account,
            root=own.path,
            watch=self._watch,
            uploaded=self.hurry,
            keys=tuple(public_key(line) for line in own.keys),
            password_hash=own.password_hash.get_secret_value() if own.password_hash else "",
            networks=tuple(ip_network(network) for network in own.clients),
            complete="rename" if own.complete == "rename" else "close",
            encoding=own.names,
            may_delete=own.may_delete,
            quota_bytes=own.quota,
            quota_files=own.quota_files,
            idle=own.idle,
            sessions=own.sessions,
            closures=tuple(closure(text) for text in own.closed),
            now=self._context.clock.now,
        )
        context, limits = self._context, SftpLimits(failures=own.failures)
        self.opened = await context.sftp.add(
            context.reactor, own.listen, own.host_key, account, limits, owner=context.partner
        )
        await super().start()

    async def stop(self) -> None:
        if self.opened is not None:
            await self.opened.remove()
            self.opened = None
        await super().stop()

    async def _watch(self, event: Event) -> None:
        """Puts logins and file operations on record; file names only by their digest."""
        inbox = self._context.inbox
        if event.kind in ("refused", "login-refused"):
            await inbox.refuse(Refusal(code="denied", field=event.kind, rule=event.rule))
        elif event.kind != "list":
            what = f"{event.name} {event.size}".encode()
            await inbox.handled(Handled(kind=f"sftp.{event.kind}", raw=what))
        if event.kind == "download":
            await in_thread(self._context, self._fetched, event.name.lstrip("/"), event.size)

    def _fetched(self, path: str, size: int) -> None:
        """Remembers that the partner has read a file of `out` to its end."""
        folder, _, name = path.partition("/")
        try:
            whole = size >= (self._own.path / path).stat().st_size
        except FileNotFoundError:
            whole = True  # removed since, which is what one does with a file that one has
        if folder == "out" and whole:
            self._memory.fetch(name, self._context.clock.now().isoformat(timespec="seconds"))


class AccountDeposit(FolderDeposit):
    """Implements `Deposit` by the account's `out`, and knows what was fetched from there."""

    def __init__(self, root: Path, companions: tuple[str, ...], context: Context) -> None:
        super().__init__(root / "out", companions, context)
        self._root = root
        self._memory = Memory(context.state_dir)

    def _put(self, name: str, content: Content, companions: tuple[str, ...] | None, before: Before) -> None:
        make_folders(self._root)
        if not (self._folder / name).exists():
            self._memory.forget(name)
        super()._put(name, content, companions, before)

    def _look(self, name: str, content: Content, companions: tuple[str, ...] | None) -> Found:
        found = super()._look(name, content, companions)
        if found != "unknown":
            return found
        # Nobody takes a file from here unseen: one that was never fetched was never there.
        return "taken" if self._memory.fetched(name) else "absent"

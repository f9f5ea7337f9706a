"""An account on our SFTP server: the partner logs in, puts files into `in/`, and finds what became of them.

in/x.xml ─ complete ─► .taking/x.xml ─► desk ─ committed ─► receipts/x.xml.receipt.json
                                          └─ refused, on record ─► rejected/x.xml + x.xml.report.txt
we ─► out/x.xml, fetched by the partner

Before a file is read it is moved to `.taking`, where the partner cannot replace it; what stands there at start had
been complete and is taken.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from pydantic import AfterValidator, Field, StringConstraints

from adapters.generic.access import Network
from adapters.generic.desk import Desk
from adapters.generic.transports.arriving import COMPANIONS, REPORT, Watched, Watcher, finished
from adapters.generic.transports.files import put, put_away, read
from gateway.canonical import Body
from gateway.contract import ConfigError, Endpoint, Handled, Refusal, Secret, Size
from gateway.transports.sftp.server_accounts import Account, Encoding, Event, parse_hash, public_key
from gateway.transports.sftp.server_files import TAKING, make_folders

if TYPE_CHECKING:
    from gateway.transports.sftp.server import SftpAccount

_RECEIPT = ".receipt.json"


def _key(line: str) -> str:
    try:
        public_key(line)
    except ConfigError as error:
        raise ValueError(f"{error.zh} / {error.en}") from None
    return line


def _hash(secret: Secret) -> Secret:
    try:
        parse_hash(secret.get_secret_value())
    except ValueError:
        raise ValueError("不是 server_password 所打印的 / not what server_password prints") from None
    return secret


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
    complete: Literal["rename", "close", ".ok", ".md5", ".sm3"] = Field(
        default="rename",
        description="文件何时完整：rename 上传后改名；close 关闭即完整，中断的客户端也可能正常关闭；或同名加后缀的文件出现 / when a file is complete: renamed after uploading; closed, which some clients do when they are interrupted too; or a companion appears",
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

    def receiver(self, desk: Desk) -> AccountReceiver:
        return AccountReceiver(self, desk)


class AccountReceiver(Watcher):
    """Watches what the account's uploads leave in `in/`; looks at once when one is complete."""

    def __init__(self, settings: AccountInbound, desk: Desk) -> None:
        super().__init__(settings, desk)
        self._own = settings
        self._arrived = settings.path / "in"
        self._taking = settings.path / TAKING
        self.opened: SftpAccount | None = None

    async def start(self) -> None:
        # Conch takes the installed reactor as it is imported: not before there is one.
        from gateway.transports.sftp.server import LISTENERS, SftpLimits  # noqa: PLC0415

        own = self._own
        await self._in_thread(make_folders, own.path)
        account = Account(
            name=own.account,
            root=own.path,
            watch=self._watch,
            uploaded=self._hurry,
            keys=tuple(public_key(line) for line in own.keys),
            password_hash=own.password_hash.get_secret_value() if own.password_hash else "",
            networks=tuple(ip_network(network) for network in own.clients),
            complete="rename" if own.complete == "rename" else "close",
            encoding=own.names,
            may_delete=own.may_delete,
            quota_bytes=own.quota,
            quota_files=own.quota_files,
        )
        reactor = self._desk.context.reactor
        self.opened = await LISTENERS.add(reactor, own.listen, own.host_key, account, SftpLimits())
        await super().start()

    async def stop(self) -> None:
        if self.opened is not None:
            await self.opened.remove()
            self.opened = None
        await super().stop()

    async def complete(self) -> list[str]:
        names: list[str] = await self._in_thread(self._claim)
        return names

    async def read(self, name: str) -> bytes:
        content: bytes = await self._in_thread(
            read, self._taking / name, self._own.body_limit, self._own.complete
        )
        return content

    async def receipted(self, name: str, raw: bytes, answer: Body) -> None:
        """Writes `{"file", "sha256", "size", "message_id", "state", "time"}`; the newest of a name stays."""
        facts = {
            "file": name,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "size": len(raw),
            "message_id": getattr(answer, "message_id", ""),
            "state": getattr(answer, "state", ""),
            "time": self._desk.context.clock.now().isoformat(timespec="seconds"),
        }
        written = msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"
        await self._in_thread(put, self._own.path / "receipts" / (name + _RECEIPT), written, "none")

    async def settled(self, name: str) -> None:
        await self._in_thread(self._discard, name)

    async def turned_away(self, name: str, told: bytes) -> None:
        rejected = self._own.path / "rejected"
        companion = self._own.complete if self._own.complete in COMPANIONS else "rename"
        moved = await self._in_thread(put_away, self._taking / name, rejected, companion)
        await self._in_thread(put, moved.with_name(moved.name + REPORT), told, "none")

    def _claim(self) -> list[str]:
        """Moves complete files out of the partner's reach; also finishes what a crash left half claimed."""
        here, taken = set(os.listdir(self._arrived)), set(os.listdir(self._taking))
        for name in finished(here | taken, self._own.complete):
            if name in here and name in taken:
                continue  # the earlier file of that name comes first
            for part in (name, name + self._own.complete):
                if part in here and part not in taken:
                    os.rename(self._arrived / part, self._taking / part)
        return finished(os.listdir(self._taking), self._own.complete)

    def _discard(self, name: str) -> None:
        if self._own.complete in COMPANIONS:
            with suppress(FileNotFoundError):
                os.unlink(self._taking / (name + self._own.complete))
        os.unlink(self._taking / name)

    def _hurry(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.reset(0)

    async def _watch(self, event: Event) -> None:
        """Puts logins and file operations on record; file names only by their digest."""
        inbox = self._desk.context.inbox
        if event.kind in ("refused", "login-refused"):
            await inbox.refuse(Refusal(code="denied", field=event.kind, rule=event.rule))
        elif event.kind != "list":
            what = f"{event.name} {event.size}".encode()
            await inbox.handled(Handled(kind=f"sftp.{event.kind}", raw=what))

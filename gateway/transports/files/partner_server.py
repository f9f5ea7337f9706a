"""The partner's SFTP server, as settings say it, and the test of the way there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints, model_validator

from gateway.contract import CheckStep, Context, Duration, Endpoint, Secret, Settings
from gateway.transports.sftp.client import SftpClient
from gateway.transports.sftp.client_errors import SftpError
from gateway.transports.sftp.client_session import Server

Folder = Annotated[str, StringConstraints(pattern=r"^[^\s].*[^/]$|^[^/\s]$"), Field(examples=["/upload"])]
HostKey = Annotated[
    str,
    StringConstraints(pattern=r"^(SHA256:[A-Za-z0-9+/]{43}=?|[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?)$"),
    Field(examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…"]),
]

_STEPS: Final = {
    "resolve": ("主机名可以解析", "the host name resolves"),
    "connect": ("可以连接", "it can be reached"),
    "host-key": ("服务器公钥与登记的一致", "the server's key is the one agreed"),
    "login": ("登录成功", "logged in"),
}


class PartnerServer(Settings):
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
    def _identities(self) -> PartnerServer:
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


async def check_way(
    own: PartnerServer, context: Context, writable: tuple[str, ...]
) -> AsyncIterator[CheckStep]:
    """Step by step to the folder, which is listed; then whether files can be put into these folders."""
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
        failed = await _failure(client.listing(own.path))
        yield _step("read", own.path, failed, "目录可读", "the folder can be read")
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

"""Ports of the SFTP server, which accounts of several partners may share.

A port opens with its first account and closes with its last. What belongs to the port (its key, its limits) must be
the same for all who share it: nobody silently gets another's.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import DeferredLock
from twisted.internet.error import CannotListenError

from gateway.contract.errors import ConfigError
from gateway.transports.http.endpoint import server_endpoint

if TYPE_CHECKING:
    from gateway.transports.sftp.server import SftpServer
    from gateway.transports.sftp.server_accounts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpLimits:
    """What clients may ask of a port. Times in seconds."""

    connections: int = 100
    per_address: int = 20  #: connections at a time; an IPv6 network of 64 bits counts as one
    channels: int = 4  #: of one connection
    login: float = 30.0  #: from connecting to being logged in
    tries: int = 6  #: refused attempts of one connection
    failures: int = 10  #: refused logins within `window` that lock an address, or an account's password
    window: float = 600.0
    lock: float = 900.0
    refusal_delay: float = 1.0  #: from the question to the answer where a password is wrong


@dataclass(frozen=True, slots=True)
class _Listener:
    server: SftpServer
    key_file: Path
    owner: str


class SftpListeners:
    """The ports of a gateway."""

    def __init__(self) -> None:
        self._open: dict[str, _Listener] = {}
        self._lock = DeferredLock()

    async def add(
        self,
        reactor: Any,
        endpoint: str,
        key_file: Path,
        account: Account,
        limits: SftpLimits,
        owner: str = "",
    ) -> SftpAccount:
        """Lets an account in on `host:port`.

        Args:
            owner: the partner it belongs to, for errors; where it is not given, the account is named.

        Raises:
            ConfigError: the port cannot be opened, or has another host key or other limits for another partner, or the
                account's name is taken on it.
        """
        await self._lock.acquire()
        try:
            found = self._open.get(endpoint)
            if found is None:
                server = await _listening(reactor, endpoint, key_file, limits)
                # Port 0 is a port of its own for each who asks, known by the number it got.
                endpoint = f"{endpoint[:-1]}{server.port}" if endpoint.endswith(":0") else endpoint
                found = self._open[endpoint] = _Listener(server, key_file, owner or account.name)
            else:
                _agreed(found, endpoint, key_file, account, limits, owner or account.name)
            found.server.accounts[account.name.encode()] = account
            return SftpAccount(self, endpoint, account, found.server.port)
        finally:
            self._lock.release()

    async def remove(self, endpoint: str, account: Account) -> None:
        """Used by `SftpAccount`."""
        await self._lock.acquire()
        try:
            server = self._open[endpoint].server
            server.accounts.pop(account.name.encode(), None)
            await server.cut(account)
            if not server.accounts:
                del self._open[endpoint]
                await server.stop()
        finally:
            self._lock.release()


@dataclass(frozen=True, slots=True)
class SftpAccount:
    """An account that may log in."""

    listeners: SftpListeners
    endpoint: str
    account: Account
    port: int

    async def remove(self) -> None:
        """Ends its connections and lets it in no more."""
        await self.listeners.remove(self.endpoint, self.account)


def _agreed(
    found: _Listener, endpoint: str, key_file: Path, account: Account, limits: SftpLimits, owner: str
) -> None:
    """Raises ConfigError where what belongs to the port is not the same for both partners."""
    shared_zh, shared_en = (
        f"{endpoint} 由 {found.owner} 与 {owner} 共用",
        f"{endpoint} is shared by {found.owner} and {owner}",
    )
    if found.key_file != key_file:
        zh, en = f"{shared_zh}，主机密钥须相同", f"{shared_en}: they need one host key"
        raise ConfigError(zh, en, path="host_key")
    own = found.server.limits
    other = [
        each.name for each in fields(SftpLimits) if getattr(own, each.name) != getattr(limits, each.name)
    ]
    if other:
        told = ", ".join(f"{name} {getattr(own, name)} ≠ {getattr(limits, name)}" for name in other)
        zh, en = f"{shared_zh}，限制须相同：{told}", f"{shared_en}: their limits must be the same: {told}"
        raise ConfigError(zh, en, path=other[0])
    if account.name.encode() in found.server.accounts:
        zh, en = f"{shared_zh}，账号 {account.name} 已被占用", f"{shared_en}: account {account.name} is taken"
        raise ConfigError(zh, en, path="account")


async def _listening(reactor: Any, endpoint: str, key_file: Path, limits: SftpLimits) -> SftpServer:
    # Conch takes the installed reactor as it is imported: not before there is one.
    from gateway.transports.sftp.server import SftpServer  # noqa: PLC0415
    from gateway.transports.sftp.server_hostkey import host_key  # noqa: PLC0415

    server = SftpServer(reactor, host_key(key_file), limits)
    host, _, port = endpoint.rpartition(":")
    try:
        await server.listen(server_endpoint(reactor, host.strip("[]"), int(port)))
    except (CannotListenError, OSError) as error:
        reason = getattr(error, "socketError", error)
        zh, en = f"无法监听 {endpoint}：{reason}", f"cannot listen on {endpoint}: {reason}"
        raise ConfigError(zh, en, path="listen") from error
    return server

"""The SFTP server: one port, many accounts, on Twisted Conch.

    TCP ── Transport (algorithms, limits) ── Login ── Connection ── Channel ── Answers (in a thread) ── Files

Conch gives the SSH protocol. Own are the lists of algorithms (its defaults have 3DES, CBC, MD5 and SHA-1), all limits,
and everything of SFTP itself.
"""
# ruff: noqa: N802, N803, N815  the names are Conch's
# mypy: disable-error-code="no-untyped-call,no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.internet.defer import DeferredLock, DeferredSemaphore
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.python.threadpool import ThreadPool

from gateway.contract.errors import ConfigError
from gateway.transports.http.endpoint import server_endpoint
from gateway.transports.sftp.server_accounts import Account
from gateway.transports.sftp.server_guard import Guard
from gateway.transports.sftp.server_hostkey import host_key
from gateway.transports.sftp.server_login import SIGNATURES, Login
from gateway.transports.sftp.server_session import Connection

_log = structlog.get_logger(__name__)

_KEY_EXCHANGES: Final = [
    b"mlkem768x25519-sha256", b"curve25519-sha256", b"curve25519-sha256@libssh.org",
    b"ecdh-sha2-nistp256", b"ecdh-sha2-nistp384", b"ecdh-sha2-nistp521",
]  # fmt: skip
_CIPHERS: Final = [b"aes128-ctr", b"aes256-ctr", b"aes192-ctr"]
_COMPRESSIONS: Final = [b"none"]
_SERVICES: Final[dict[bytes, Any]] = {b"ssh-userauth": Login, b"ssh-connection": Connection}
_MACS: Final = [b"hmac-sha2-256", b"hmac-sha2-512"]
#: Answers that may wait while a client changes keys; more means that it never ends doing so.
_WAITING_FOR_KEYS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpLimits:
    """What clients may ask of us. Times in seconds."""

    connections: int = 100
    per_address: int = 20
    channels: int = 4  #: sessions of one connection
    login: float = 30.0  #: from connecting to being logged in
    idle: float = 600.0  #: without a request
    tries: int = 6  #: refused attempts of one connection
    failures: int = 10  #: refused logins within `window` that lock an address, or an account's password
    window: float = 600.0
    lock: float = 900.0
    refusal_delay: float = 1.0  #: before a wrong password is answered


class Transport(SSHServerTransport):
    """One connection."""

    factory: Any
    transport: Any
    supportedKeyExchanges = _KEY_EXCHANGES
    supportedCiphers = _CIPHERS
    supportedMACs = _MACS
    supportedCompressions = _COMPRESSIONS
    version = b"Gateway"
    ourVersionString = b"SSH-2.0-Gateway"

    def connectionMade(self) -> None:
        self.peer = str(self.transport.getPeer().host)
        self.full = False  #: the client does not take what we have written
        self._quiet_since = self.factory.reactor.seconds()
        self.factory.connections.add(self)
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timer = self.factory.reactor.callLater(self.factory.limits.login, self.abort)
        super().connectionMade()

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer.active():
            self._timer.cancel()
        self.factory.connections.discard(self)
        super().connectionLost(reason)

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        try:
            super().dispatchMessage(messageNum, payload)
        except Exception as error:  # whatever a peer sends, it ends its own connection and nothing else
            _log.warning("sftp.protocol", peer=self.peer, error=type(error).__name__)
            self.abort()

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        super().sendPacket(messageType, payload)
        if len(self._blockedByKeyExchange or ()) > _WAITING_FOR_KEYS:
            self.abort()

    def sendExtInfo(self, extensions: Any) -> None:
        # Conch would name the signatures of our host key, and clients with other keys would give up.
        super().sendExtInfo([(b"server-sig-algs", b",".join(SIGNATURES))])

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        self.transport.unregisterProducer()  # it would keep the connection open
        super().sendDisconnect(reason, desc)

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        self.transport.unregisterProducer()
        super().ssh_DISCONNECT(packet)

    def abort(self) -> None:
        self.transport.abortConnection()

    # What the channels ask

    def logged_in(self, account: Account) -> None:
        """From here on the idle limit holds."""
        self._timer.cancel()
        self.active()
        self._watch_idleness()
        _log.info("sftp.login", account=account.name, peer=self.peer)

    def active(self) -> None:
        self._quiet_since = self.factory.reactor.seconds()

    def _watch_idleness(self) -> None:
        left = self._quiet_since + self.factory.limits.idle - self.factory.reactor.seconds()
        if left <= 0:
            _log.info("sftp.idle", peer=self.peer)
            self.abort()
        else:
            self._timer = self.factory.reactor.callLater(left, self._watch_idleness)

    # The TCP transport says whether it takes more; nothing is read from a peer that does not read.

    def pauseProducing(self) -> None:
        self.full = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.full = False
        self.transport.resumeProducing()
        if isinstance(self.service, Connection):
            for channel in list(self.service.channels.values()):
                channel.go()

    def stopProducing(self) -> None:
        self.full = True


class SftpServer(SSHFactory):
    """One listening port.

    Args:
        key: the host key.
    """

    noisy = False
    protocol = Transport
    services = _SERVICES

    def __init__(self, reactor: Any, key: Key, limits: SftpLimits) -> None:
        self.reactor = reactor
        self.limits = limits
        self.accounts: dict[bytes, Account] = {}
        self.connections: set[Transport] = set()
        self.sessions: set[object] = set()  #: those whose files are open
        self.guard = Guard(limits.failures, limits.window, limits.lock, reactor.seconds)
        self.pool = ThreadPool(0, 8, "sftp")
        self.hashing = DeferredSemaphore(2)  # 32 MiB each
        self.publicKeys = {b"ssh-ed25519": key.public()}
        self.privateKeys = {b"ssh-ed25519": key}
        self.primes = None
        self._port: Any = None

    async def listen(self, endpoint: Any) -> int:
        """Accepts connections; gives the port."""
        self._port = await endpoint.listen(self)
        self.pool.start()
        return int(self._port.getHost().port)

    async def stop(self) -> None:
        """Ends every connection; uploads under way stay to be resumed."""
        if self._port is not None:
            await self._port.stopListening()
            for connection in list(self.connections):
                connection.abort()
            while self.connections or self.sessions:  # each closes its files, and has it put on record
                await deferLater(self.reactor, 0.01)
            self.pool.stop()
            self._port = None

    def buildProtocol(self, addr: Any) -> Any:
        host = str(getattr(addr, "host", ""))
        near = sum(connection.peer == host for connection in self.connections)
        if self.guard.locked(f"address {host}"):
            return None
        if len(self.connections) >= self.limits.connections or near >= self.limits.per_address:
            _log.warning("sftp.full", peer=host, connections=len(self.connections))
            return None
        return super().buildProtocol(addr)

    def getService(self, transport: Any, service: bytes) -> Any:
        inside = hasattr(transport, "avatar")
        return self.services.get(service) if inside == (service == b"ssh-connection") else None

    def cut(self, account: Account) -> None:
        """Ends the connections of an account."""
        for connection in list(self.connections):
            if getattr(connection, "avatar", None) is account:
                connection.abort()


class SftpListeners:
    """Ports that accounts share: a port opens with its first account and closes with its last."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[SftpServer, Path]] = {}
        self._lock = DeferredLock()

    async def add(
        self, reactor: Any, endpoint: str, key_file: Path, account: Account, limits: SftpLimits
    ) -> SftpAccount:
        """Lets an account in on `host:port`. The limits are those of whoever opened the port.

        Raises:
            ConfigError: the port cannot be opened or has another host key, or the name is taken on it.
        """
        await self._lock.acquire()
        try:
            if endpoint in self._open:
                server, other = self._open[endpoint]
                if other != key_file:
                    zh, en = f"{endpoint} 已使用另一主机密钥", f"{endpoint} has another host key already"
                    raise ConfigError(zh, en, path="host_key")
                if account.name.encode() in server.accounts:
                    zh, en = f"账号 {account.name} 已被占用", f"account {account.name} is taken"
                    raise ConfigError(zh, en, path="account")
                port = int(server._port.getHost().port)
            else:
                server = SftpServer(reactor, host_key(key_file), limits)
                port = await _listening(server, reactor, endpoint)
                # Port 0 is a port of its own for each who asks, known by the number it got.
                endpoint = f"{endpoint[:-1]}{port}" if endpoint.endswith(":0") else endpoint
                self._open[endpoint] = server, key_file
            server.accounts[account.name.encode()] = account
            return SftpAccount(self, endpoint, account, port)
        finally:
            self._lock.release()

    async def remove(self, endpoint: str, account: Account) -> None:
        """Used by `SftpAccount`."""
        await self._lock.acquire()
        try:
            server, _ = self._open[endpoint]
            server.accounts.pop(account.name.encode(), None)
            server.cut(account)
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


#: Those of this process: a port belongs to a process, whoever of it asks first.
LISTENERS: Final = SftpListeners()


async def _listening(server: SftpServer, reactor: Any, endpoint: str) -> int:
    host, _, port = endpoint.rpartition(":")
    try:
        return await server.listen(server_endpoint(reactor, host.strip("[]"), int(port)))
    except (CannotListenError, OSError) as error:
        reason = getattr(error, "socketError", error)
        zh, en = f"无法监听 {endpoint}：{reason}", f"cannot listen on {endpoint}: {reason}"
        raise ConfigError(zh, en, path="listen") from error

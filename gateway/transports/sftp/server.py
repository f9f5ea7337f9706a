"""The SFTP server: one port, many accounts, on Twisted Conch.

    TCP ── Transport (packets, their order, limits) ── Login ── Connection ── Channel ── Answers (in a thread) ── Files

Conch gives key exchange, services and channels of SSH. Own are the packets, the lists of algorithms (Conch's have 3DES,
CBC, MD5 and SHA-1), all limits, and everything of SFTP itself.

    connected ─ keys ─► logging in ─ on record ─► logged in ─► idle, or its account is shut and no file is open ─► over
        └── nothing for `SftpLimits.login` seconds ──► over
"""
# ruff: noqa: N802, N803, N815  the names are Conch's
# mypy: disable-error-code="no-untyped-call,no-untyped-def"

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import structlog
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.task import deferLater
from twisted.python.threadpool import ThreadPool

from gateway.transports.sftp.server_accounts import Account, Event
from gateway.transports.sftp.server_exchange import ExchangeTransport
from gateway.transports.sftp.server_guard import Guard, origin
from gateway.transports.sftp.server_listeners import SftpLimits
from gateway.transports.sftp.server_login import SIGNATURES, Login
from gateway.transports.sftp.server_session import Connection

_log = structlog.get_logger(__name__)

_KEY_EXCHANGES: Final = [
    b"mlkem768x25519-sha256", b"curve25519-sha256", b"curve25519-sha256@libssh.org",
    b"ecdh-sha2-nistp256", b"ecdh-sha2-nistp384", b"ecdh-sha2-nistp521",
]  # fmt: skip
_SERVICES: Final[dict[bytes, Any]] = {b"ssh-userauth": Login, b"ssh-connection": Connection}
#: Packets that may wait while keys are exchanged; a client that only takes small ones has a batch of each channel there.
_WAITING_FOR_KEYS: Final = 8192
_LOOK: Final = 1.0  #: seconds between looks at whether a closure has begun
_GRACE: Final = 2.0  #: seconds for renaming what was closed, before a closure ends the connection


class Transport(ExchangeTransport):
    """One connection."""

    factory: Any
    supportedKeyExchanges = _KEY_EXCHANGES
    version = b"Gateway"
    ourVersionString = b"SSH-2.0-Gateway"

    def connectionMade(self) -> None:
        self.peer = str(self.transport.getPeer().host)
        self.account: Account | None = None  #: whose session it is, from its admission on
        self.inside = False  #: logged in, and that is on record
        self.full = False  #: the client does not take what we have written
        self.over = False  #: the connection has ended, or is about to
        self.sessions = 0  #: of SFTP; those that have ended and still close their files count
        self.since = self._quiet_since = self._handled_at = self.factory.reactor.seconds()
        self.factory.connections.add(self)
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timer = self.factory.reactor.callLater(self.factory.limits.login, self.abort)
        super().connectionMade()

    def connectionLost(self, reason: Any = None) -> None:
        self.over = True
        if self._timer.active():
            self._timer.cancel()
        self.factory.connections.discard(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.inside:
            self.renew()

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        self.guarded(lambda: super(Transport, self).dispatchMessage(messageNum, payload))

    def guarded(self, work: Callable[[], object]) -> None:
        """Whatever a peer sends, it ends its own connection and nothing else."""
        try:
            work()
        except Exception as error:
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
        self._ended = True
        self.transport.unregisterProducer()
        super().ssh_DISCONNECT(packet)

    def ssh_KEXINIT(self, packet: bytes) -> Any:
        if self.sessionID is not None and not self.inside:  # costly, and nobody needs it so early
            return self.abort()
        return super().ssh_KEXINIT(packet)

    def _newKeys(self) -> None:
        super()._newKeys()
        self._go_on()

    def abort(self) -> None:
        self._ended = self.over = True
        self.transport.abortConnection()

    # What the channels ask

    def logged_in(self) -> None:
        """From here on the limits of the account hold."""
        assert self.account is not None
        self.inside = True
        self._timer.cancel()
        self.active()
        self._look()
        _log.info("sftp.login", account=self.account.name, peer=self.peer)

    def active(self) -> None:
        self._quiet_since = self.factory.reactor.seconds()

    def handled(self) -> None:
        """A file was opened or closed."""
        self._handled_at = self.factory.reactor.seconds()

    def _look(self) -> None:
        assert self.account is not None
        now = self.factory.reactor.seconds()
        left = self._quiet_since + self.account.idle - now
        shut = self.account.shut()
        if left <= 0:
            _log.info("sftp.idle", account=self.account.name, peer=self.peer)
            self.abort()
        elif shut and not self._files() and now >= self._handled_at + _GRACE:
            _log.info("sftp.maintenance", account=self.account.name, peer=self.peer)
            self.sendDisconnect(DISCONNECT_BY_APPLICATION, shut.encode())
            self._timer = self.factory.reactor.callLater(_GRACE, self.abort)  # where it does not read
        else:
            wait = min(left, _LOOK) if self.account.closures else left
            self._timer = self.factory.reactor.callLater(wait, self._look)

    def _files(self) -> int:
        channels = self.service.channels.values() if isinstance(self.service, Connection) else ()
        return sum(channel.files for channel in channels)

    # The TCP transport says whether it takes more; nothing is read from a peer that does not read.

    def pauseProducing(self) -> None:
        self.full = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.full = False
        self.transport.resumeProducing()
        self._go_on()

    def _go_on(self) -> None:
        if isinstance(self.service, Connection):
            for channel in list(self.service.channels.values()):
                self.guarded(channel.go)

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
        self.sessions: dict[object, Account] = {}  #: what has files open, or something to put on record
        self.guard = Guard(limits.failures, limits.window, limits.lock, reactor.seconds)
        self.passwords = Guard(limits.failures, limits.window, limits.lock, reactor.seconds)
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
        return self.port

    @property
    def port(self) -> int:
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
        near = sum(origin(connection.peer) == origin(host) for connection in self.connections)
        if self.guard.locked(origin(host)):
            return None
        if near >= self.limits.per_address or not self._room():
            _log.warning("sftp.full", peer=host, connections=len(self.connections))
            return None
        return super().buildProtocol(addr)

    def _room(self) -> bool:
        """For one more. Whoever has been longest about logging in makes way: nobody can hold all places by saying nothing."""
        if len(self.connections) < self.limits.connections:
            return True
        strangers = [connection for connection in self.connections if connection.account is None]
        if not strangers:
            return False
        slowest = min(strangers, key=lambda connection: connection.since)
        _log.warning("sftp.makes_way", peer=slowest.peer)
        self.connections.discard(slowest)
        slowest.abort()
        return True

    def getService(self, transport: Any, service: bytes) -> Any:
        """One login for each connection, once there are keys; then one `ssh-connection`, for who is logged in."""
        if not transport.isEncrypted("both"):
            return None
        if service == b"ssh-userauth":
            fits = transport.service is None
        else:
            fits = isinstance(transport.service, Login) and transport.inside
        return self.services.get(service) if fits else None

    def connections_of(self, account: Account) -> list[Transport]:
        return [connection for connection in self.connections if connection.account is account]

    def record(self, account: Account, event: Event) -> None:
        """Tells an account's watch what nobody waits for."""
        token = object()
        self.sessions[token] = account
        Deferred.fromCoroutine(self._record(account, event)).addBoth(lambda _: self.sessions.pop(token))

    async def _record(self, account: Account, event: Event) -> None:
        try:
            await account.watch(event)
        except Exception as error:
            _log.error("sftp.unrecorded", account=account.name, error=type(error).__name__)

    async def cut(self, account: Account) -> None:
        """Ends the connections of an account; what they did is on record after that."""
        for connection in self.connections_of(account):
            connection.abort()
        while self.connections_of(account) or account in self.sessions.values():
            await deferLater(self.reactor, 0.01)

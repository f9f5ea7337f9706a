"""Logging in: by key, or by password where an account has one. Says nothing of which accounts there are.

address not among the account's ─► as if there were no such account
key      no account, or not its key ─► refused; counted once, when the connection ends
password wrong, locked, no account  ─► refused, always so long after it was asked
right ─► maintenance? too many sessions? ─► told so, disconnected
                                   else  ─► on record, then in
"""
# ruff: noqa: N802, N815  the names are Conch's
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, Final

import structlog
from twisted.conch.error import IgnoreAuthentication
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION, DISCONNECT_TOO_MANY_CONNECTIONS
from twisted.conch.ssh.userauth import MSG_USERAUTH_PK_OK, MSG_USERAUTH_REQUEST, SSHUserAuthServer
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from gateway.transports.sftp.server_accounts import Account, Event, password_fits
from gateway.transports.sftp.server_guard import origin
from gateway.transports.sftp.server_packets import QUIET

_log = structlog.get_logger(__name__)

#: Signatures we take; SHA-1 (`ssh-rsa`, `ssh-dss`) is not among them.
SIGNATURES: Final = (
    b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521", b"rsa-sha2-512", b"rsa-sha2-256",
)  # fmt: skip
_LONGEST_PASSWORD: Final = 1024
_BANNER: Final = 53


class Login(SSHUserAuthServer):
    """The service `ssh-userauth`. The connection's own timer limits how long it takes."""

    transport: Any
    _log = QUIET
    _cancelLoginTimeout: Any = None

    def serviceStarted(self) -> None:
        factory = self.transport.factory
        self.authenticatedWith: list[bytes] = []
        self.loginAttempts = 0
        self.user = b""
        self.nextService = b""
        self.attemptsBeforeDisconnect = factory.limits.tries - 1
        self.supportedAuthentications = [b"publickey"]
        if any(account.password_hash for account in factory.accounts.values()):
            self.supportedAuthentications.append(b"password")
        self._trying = False
        self._strange = False  #: a key came that opens nothing
        self._tried: tuple[Account, str] | None = None  #: whose name came with it, and why it was refused
        self._counted = False

    def serviceStopped(self) -> None:
        if not self._strange or self._counted or self.transport.account is not None:
            return
        account, rule = self._tried or (None, "key")
        for event in self._count(account, rule):
            self.transport.factory.record(account, event)

    def tryAuth(self, kind: bytes, user: bytes, data: bytes) -> Deferred[Any]:
        # One at a time, as an answer must not meet another's name; and none when one was right.
        if self._trying or self.transport.inside:
            self.transport.abort()
            raise IgnoreAuthentication
        self._trying = True
        return Deferred.fromCoroutine(self._try(kind, user, data)).addBoth(self._over)

    def _over(self, result: Any) -> Any:
        self._trying = False
        if isinstance(result, Failure) and not result.check(UnauthorizedLogin, IgnoreAuthentication):
            _log.warning("sftp.protocol", peer=self.transport.peer, error=type(result.value).__name__)
            return Failure(UnauthorizedLogin())  # what came was no request
        return result

    async def _try(self, kind: bytes, user: bytes, data: bytes) -> Any:
        if self.nextService != b"ssh-connection":
            raise UnauthorizedLogin
        account = self.transport.factory.accounts.get(user)
        rule = ""
        if account is not None and not account.near(self.transport.peer):
            rule = "address"
        if kind == b"publickey":
            accepted = await self._key(account, rule, user, data)
        elif kind == b"password" and kind in self.supportedAuthentications:
            accepted = await self._password(account, rule, data)
        else:
            raise UnauthorizedLogin
        return await self._admit(accepted, kind.decode())

    async def _key(self, account: Account | None, rule: str, user: bytes, data: bytes) -> Account:
        algorithm, blob, rest = getNS(data[1:], 2)
        if account is None or rule or algorithm not in SIGNATURES or blob not in account.blobs:
            self._strange = True
            if account is not None:
                self._tried = self._tried or (account, rule or "key")
            raise UnauthorizedLogin
        if not data[0]:  # only asked whether this key would do
            self.transport.sendPacket(MSG_USERAUTH_PK_OK, NS(algorithm) + NS(blob))
            raise IgnoreAuthentication
        signature = getNS(rest)[0]
        signed = (
            NS(self.transport.sessionID)
            + bytes([MSG_USERAUTH_REQUEST]) + NS(user) + NS(self.nextService or b"")
            + NS(b"publickey") + b"\1" + NS(algorithm) + NS(blob)
        )  # fmt: skip
        if getNS(signature)[0] != algorithm or not Key.fromString(blob).verify(signature, signed):
            await self._refused(account, "signature", self._due())
        return account

    async def _password(self, account: Account | None, rule: str, data: bytes) -> Account:
        factory = self.transport.factory
        due = self._due()
        password = getNS(data[1:])[0]
        usable = account is not None and not rule and not factory.passwords.locked(account.name)
        hashed = account.password_hash if account is not None and usable else ""
        if len(password) <= _LONGEST_PASSWORD and not data[0]:  # else: to change it, which nobody can here
            fits = await factory.hashing.run(
                deferToThreadPool, factory.reactor, factory.pool, password_fits, password, hashed
            )
            if fits and account is not None:
                factory.passwords.succeeded(account.name)
                return account
        await self._refused(account, rule or "password", due)
        raise AssertionError  # it has raised

    async def _admit(self, account: Account, kind: str) -> Any:
        """The credentials were right."""
        ssh = self.transport
        said = account.shut()
        if said:
            return await self._turned_away(account, "maintenance", said, DISCONNECT_BY_APPLICATION)
        if len(ssh.factory.connections_of(account)) >= account.sessions:
            said = (
                f"同时登录不得超过 {account.sessions} 个 / no more than {account.sessions} sessions at a time"
            )
            return await self._turned_away(account, "sessions", said, DISCONNECT_TOO_MANY_CONNECTIONS)
        ssh.account = account  # counts as its session from here on
        await self._told(account, Event("login", ssh.peer, kind))
        if ssh.over or ssh.factory.accounts.get(self.user) is not account:  # gone meanwhile
            ssh.abort()
            raise IgnoreAuthentication
        ssh.logged_in()
        return IConchUser, account, lambda: None

    async def _turned_away(self, account: Account, rule: str, said: str, reason: int) -> Any:
        _log.info("sftp.turned_away", account=account.name, peer=self.transport.peer, rule=rule)
        await self._told(account, Event("login-refused", self.transport.peer, rule=rule))
        self.transport.sendPacket(_BANNER, NS(f"{said}\r\n".encode()) + NS(b""))
        self.transport.sendDisconnect(reason, said.encode())
        raise IgnoreAuthentication

    async def _refused(self, account: Account | None, rule: str, due: float) -> None:
        for event in self._count(account, rule):
            if account is not None:
                await self._told(account, event)
        reactor = self.transport.factory.reactor
        await deferLater(reactor, max(0.0, due - reactor.seconds()))
        raise UnauthorizedLogin

    async def _told(self, account: Account, event: Event) -> None:
        """On record; where that is not possible, the connection ends without a word."""
        try:
            await account.watch(event)
        except Exception as error:
            _log.error("sftp.unrecorded", account=account.name, error=type(error).__name__)
            self.transport.abort()
            raise IgnoreAuthentication from error

    def _count(self, account: Account | None, rule: str) -> list[Event]:
        """Gives what the account is to be told."""
        self._counted = True
        factory, peer = self.transport.factory, self.transport.peer
        # Names that are no account of ours are not logged: people type passwords there.
        name = "" if account is None else account.name
        _log.warning("sftp.login_refused", account=name, peer=peer, rule=rule)
        events = [Event("login-refused", peer, rule=rule)]
        if factory.guard.failed(origin(peer)):
            _log.warning("sftp.locked", peer=peer)
            events.append(Event("locked", peer, "address"))
        if account is not None and rule == "password" and factory.passwords.failed(account.name):
            _log.warning("sftp.locked", account=name)
            events.append(Event("locked", peer, "account"))
        return events

    def _due(self) -> float:
        """When a refusal is to be answered: always so long after the question, whatever it was refused for."""
        return float(self.transport.factory.reactor.seconds() + self.transport.factory.limits.refusal_delay)

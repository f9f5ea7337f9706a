"""Logging in: by key, or by password where an account has one. Says nothing of which accounts there are."""
# ruff: noqa: N802, N815  the names are Conch's
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, Final

import structlog
from twisted.conch.error import IgnoreAuthentication
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.userauth import MSG_USERAUTH_PK_OK, MSG_USERAUTH_REQUEST, SSHUserAuthServer
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from gateway.transports.sftp.server_accounts import Account, Event, password_fits

_log = structlog.get_logger(__name__)

#: Signatures we take; SHA-1 (`ssh-rsa`, `ssh-dss`) is not among them.
SIGNATURES: Final = (
    b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521", b"rsa-sha2-512", b"rsa-sha2-256",
)  # fmt: skip
_LONGEST_PASSWORD: Final = 1024


class Login(SSHUserAuthServer):
    """The service `ssh-userauth`. The connection's own timer limits how long it takes."""

    transport: Any
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
        self._offered: Account | None = None  #: whose name came with a key that does not open it
        self._counted = False

    def serviceStopped(self) -> None:
        if self._offered is not None and not self._counted and not hasattr(self.transport, "avatar"):
            self._count(self._offered, "key")

    def tryAuth(self, kind: bytes, user: bytes, data: bytes) -> Deferred[Any]:
        if self._trying:  # one at a time: an answer must not meet another's name
            self.transport.abort()
            raise IgnoreAuthentication
        self._trying = True
        return Deferred.fromCoroutine(self._try(kind, user, data)).addBoth(self._tried)

    def _tried(self, result: Any) -> Any:
        self._trying = False
        return result

    async def _try(self, kind: bytes, user: bytes, data: bytes) -> Any:
        factory = self.transport.factory
        account = factory.accounts.get(user)
        if account is not None and not account.near(self.transport.peer):
            _log.warning("sftp.stranger", account=account.name, peer=self.transport.peer)
            account = None  # to the rest of the world there is no such account
        if kind == b"publickey":
            accepted = await self._key(account, user, data)
        elif kind == b"password" and kind in self.supportedAuthentications:
            accepted = await self._password(account, data)
        else:
            raise UnauthorizedLogin
        await accepted.watch(Event("login", self.transport.peer, kind.decode()))
        factory.guard.succeeded(f"account {accepted.name}")
        self.transport.logged_in(accepted)
        return IConchUser, accepted, lambda: None

    async def _key(self, account: Account | None, user: bytes, data: bytes) -> Account:
        algorithm, blob, rest = getNS(data[1:], 2)
        if account is None or algorithm not in SIGNATURES or blob not in account.blobs:
            self._offered = self._offered or account
            self._counted = self._counted and account is not None
            if account is None:
                self._count(None, "key")
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
            await self._refused(account, "signature")
        return account

    async def _password(self, account: Account | None, data: bytes) -> Account:
        factory = self.transport.factory
        password = getNS(data[1:])[0]
        hashed = "" if account is None else account.password_hash
        if account is not None and factory.guard.locked(f"account {account.name}"):
            hashed = ""
        if len(password) <= _LONGEST_PASSWORD:
            fits = await factory.hashing.run(
                deferToThreadPool, factory.reactor, factory.pool, password_fits, password, hashed
            )
            if fits and account is not None:
                return account
        await self._refused(account, "password")
        raise AssertionError  # it has raised

    async def _refused(self, account: Account | None, rule: str) -> None:
        self._count(account, rule)
        if account is not None:
            await account.watch(Event("login-refused", self.transport.peer, rule=rule))
        await deferLater(self.transport.factory.reactor, self.transport.factory.limits.refusal_delay)
        raise UnauthorizedLogin

    def _count(self, account: Account | None, rule: str) -> None:
        self._counted = True
        factory = self.transport.factory
        # Names that are no account of ours are not logged: people type passwords there.
        name = "" if account is None else account.name
        _log.warning("sftp.login_refused", account=name, peer=self.transport.peer, rule=rule)
        if factory.guard.failed(f"address {self.transport.peer}"):
            _log.warning("sftp.locked", peer=self.transport.peer)
        if account is not None and rule == "password" and factory.guard.failed(f"account {account.name}"):
            _log.warning("sftp.locked", account=account.name)

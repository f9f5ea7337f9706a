"""From an address to a session, step by step, each of which fails in its own words. Blocking: call in a thread."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import paramiko

from gateway.transports.sftp.client_errors import NotSent
from gateway.transports.sftp.client_hosts import Pins
from gateway.transports.sftp.client_wire import IN_FLIGHT_BYTES, Wire

#: Flow control window: twice what is in flight. paramiko crawls with a very large one.
_WINDOW: Final = 2 * IN_FLIGHT_BYTES
_KEEPALIVE: Final = 15

# What goes wrong comes back as an error; paramiko's own account of it would go to stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to connect, as whom, and by which keys the server is known.

    Attributes:
        timeout: seconds for each step of connecting, and without any progress later on.
        ciphers: those to offer, in this order; empty: all that the library has, the quickest first.
    """

    host: str
    port: int = 22
    user: str
    password: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    host_keys: tuple[str, ...] = ()
    known_hosts: Path | None = None
    timeout: float = 30.0
    ciphers: tuple[str, ...] = ()

    @property
    def peer(self) -> str:
        return f"{self.host}:{self.port}"


class Session:
    """A connection that is made step by step: `for step in session.open(): …`."""

    wire: Any  #: there after `open` has ended

    def __init__(self, server: Server) -> None:
        self.server = server
        self._socket: socket.socket | None = None
        self._transport: Any = None

    @property
    def alive(self) -> bool:
        return self._transport is not None and bool(self._transport.is_active())

    def open(self) -> Iterator[str]:
        """Connects; gives `resolve`, `connect`, `host-key` and `login` as each has succeeded.

        Raises:
            NotSent: one did not. HostKeyRefused among them; then no credential was sent.
        """
        addresses = self._resolve()
        yield "resolve"
        self._connect(addresses)
        yield "connect"
        self._negotiate()
        yield "host-key"
        self._login()
        yield "login"

    def close(self) -> None:
        """Ends the session, from whatever thread; what is under way fails."""
        with suppress(Exception):
            if self._transport is not None:
                self._transport.close()
        if self._socket is not None:
            self._socket.close()

    def _resolve(self) -> list[Any]:
        try:
            return socket.getaddrinfo(self.server.host, self.server.port, type=socket.SOCK_STREAM)
        except OSError:
            raise NotSent("dns", self.server.peer) from None

    def _connect(self, addresses: list[Any]) -> None:
        for family, kind, protocol, _, address in addresses:
            self._socket = sock = socket.socket(family, kind, protocol)
            sock.settimeout(self.server.timeout)
            try:
                sock.connect(address)
            except OSError:
                sock.close()
                continue
            # Without it each small request waits for the acknowledgement of the one before.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return
        raise NotSent("connect", self.server.peer)

    def _negotiate(self) -> None:
        own = self.server
        try:
            pins = Pins.of(own.host, own.port, own.host_keys, own.known_hosts)
        except (OSError, ValueError):
            raise NotSent(
                "host-key",
                own.peer,
                "host_keys 或 known_hosts 无法读取",
                "cannot read host_keys or known_hosts",
            ) from None
        try:
            self._transport = transport = paramiko.Transport(self._socket, default_window_size=_WINDOW)
            transport.banner_timeout = transport.handshake_timeout = own.timeout
            transport.auth_timeout = transport.channel_timeout = own.timeout
            options = transport.get_security_options()
            options.ciphers = own.ciphers or sorted(options.ciphers, key=lambda name: "gcm" not in name)
            options.key_types = sorted(options.key_types, key=lambda kind: not _same(kind, pins.types))
            transport.start_client(timeout=own.timeout)
            key = transport.get_remote_server_key()
        except (OSError, EOFError, paramiko.SSHException):
            raise NotSent("negotiation", own.peer) from None
        pins.check(own.peer, key.get_name(), key.asbytes())

    def _login(self) -> None:
        own = self.server
        transport = self._transport
        key = self._key()
        try:
            if key is not None:
                transport.auth_publickey(own.user, key)
            else:
                transport.auth_password(own.user, own.password or "")
            transport.set_keepalive(_KEEPALIVE)
            channel = transport.open_session(window_size=_WINDOW, timeout=own.timeout)
            channel.settimeout(own.timeout)
            channel.invoke_subsystem("sftp")
            self.wire = Wire(channel)
            self.wire.learn()
        except paramiko.AuthenticationException:
            raise NotSent("login", own.peer) from None
        except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError):
            raise NotSent("lost", own.peer) from None

    def _key(self) -> Any:
        own = self.server
        if own.key_file is None:
            return None
        try:
            secret = own.passphrase.encode() if own.passphrase else None
            return paramiko.PKey.from_path(own.key_file, secret)
        except (OSError, ValueError, TypeError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
            raise NotSent("credentials", own.peer) from None


def _same(kind: str, wanted: tuple[str, ...]) -> bool:
    """Whether a signature type is of one of these key types: RSA keys sign as `rsa-sha2-256`, too."""
    return kind in wanted or ("ssh-rsa" in wanted and kind.startswith("rsa-"))

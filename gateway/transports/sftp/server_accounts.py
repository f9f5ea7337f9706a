"""Who may log in, to what folder, and what becomes known of it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import math
import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from twisted.conch.ssh.keys import BadKeyError, Key

from gateway.contract.errors import ConfigError
from gateway.transports.sftp.server_closures import Closure, closed_until, notice

Network: TypeAlias = IPv4Network | IPv6Network
Encoding: TypeAlias = Literal["utf-8", "gb18030"]
#: `close`: a file is complete when its handle is closed; `rename`: when it is renamed after that.
Completion: TypeAlias = Literal["close", "rename"]
Kind: TypeAlias = Literal[
    "login", "login-refused", "locked",
    "list", "upload", "upload-cut", "download", "download-cut", "rename", "remove", "refused",
]  # fmt: skip

_N, _R, _P = 1 << 15, 8, 1  #: scrypt: 32 MiB and about a tenth of a second for each try
_SMALLEST_RSA = 2048


@dataclass(frozen=True, slots=True)
class Event:
    """Something an account did, or tried to."""

    kind: Kind
    peer: str  #: the address
    name: str = ""  #: `/in/x.xml`; for logins the method, for `locked` what is: `address` or `account`
    size: int = 0  #: bytes; for `refused` by rule `repeated`, how many more there were
    rule: str = ""  #: why it was refused
    old: str = ""  #: what it was called before it was renamed


#: Told of every event. An answer goes out only after this has returned; if it raises, the connection ends.
Watch: TypeAlias = Callable[[Event], Awaitable[None]]


class Writer(Protocol):
    """An open upload."""

    def lose(self) -> bool:
        """Ends its right to write: the file is somebody else's now. Whether all of it was there."""
        ...


@dataclass(slots=True)
class Ledger:
    """What the sessions of one account, each in a thread of its own, must agree upon."""

    #: Held for a change, never across a transfer.
    lock: threading.Lock = field(default_factory=threading.Lock)
    writers: dict[str, Writer] = field(default_factory=dict)  #: by name: one may write a file at a time
    broken: set[str] = field(default_factory=set)  #: uploads of which a write failed; not gone on with since
    spare_bytes: int = 0  #: what may still be added, by the last count
    spare_files: int = 0
    counted: float = -math.inf  #: when that was


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One name to log in by.

    `root` holds `in` (write), `out`, `receipts` and `rejected` (read); the client sees nothing else.
    """

    name: str
    root: Path
    watch: Watch
    uploaded: Callable[[], None]  #: something in `in/` may be complete now; called in the reactor's thread
    keys: tuple[Key, ...] = ()
    password_hash: str = ""  #: of `hash_password`; empty: no password opens it
    networks: tuple[Network, ...] = ()  #: empty: from anywhere
    complete: Completion = "rename"
    encoding: Encoding = "utf-8"  #: of file names on the wire; on disk they are UTF-8
    may_delete: bool = True  #: in `out`, `receipts`, `rejected`
    quota_bytes: int = 1 << 30
    quota_files: int = 10_000
    idle: float = 600.0  #: seconds without a request that end a connection
    sessions: int = 10  #: connections at a time
    closures: tuple[Closure, ...] = ()  #: when it may not log in
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    blobs: frozenset[bytes] = field(init=False)
    ledger: Ledger = field(default_factory=Ledger, init=False)

    def __post_init__(self) -> None:
        blobs = frozenset(key.public().blob() for key in self.keys)  # type: ignore[no-untyped-call]
        object.__setattr__(self, "blobs", blobs)

    def shut(self) -> str:
        """What to tell clients that come during a closure; empty where they are welcome."""
        end = closed_until(self.closures, self.now())
        return "" if end is None else notice(end)

    def near(self, peer: str) -> bool:
        """Whether it may be used from that address."""
        if not self.networks:
            return True
        address = ip_address(peer.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self.networks)


def public_key(line: str) -> Key:
    """One line as in OpenSSH's `authorized_keys`, without options.

    Raises:
        ConfigError: it is none, or too weak.
    """
    try:
        key: Key = Key.fromString(line.strip().encode(), type="public_openssh")  # type: ignore[no-untyped-call]
        kind = key.type()
        weak = kind == "DSA" or (kind == "RSA" and key.size() < _SMALLEST_RSA)  # type: ignore[no-untyped-call]
    except (BadKeyError, ValueError, IndexError, TypeError):
        raise ConfigError("不是 OpenSSH 公钥", "not a public key of OpenSSH", path="keys") from None
    if weak:
        zh, en = (
            f"公钥过弱，RSA 至少 {_SMALLEST_RSA} 位",
            f"too weak: RSA needs {_SMALLEST_RSA} bits at least",
        )
        raise ConfigError(zh, en, path="keys")
    return key


def hash_password(password: str) -> str:
    """`scrypt$N$r$p$salt$hash`, the last two in base64."""
    salt = os.urandom(16)
    return _written(salt, _scrypt(password.encode(), salt, _N, _R, _P), _N, _R, _P)


def password_fits(password: bytes, hashed: str) -> bool:
    """Blocking, about a tenth of a second. Where there is no hash, it takes as long and says no."""
    known = hashed or _NOBODY
    n, r, p, salt, wanted = parse_hash(known)
    return hmac.compare_digest(_scrypt(password, salt, n, r, p), wanted) and bool(hashed)


def parse_hash(text: str) -> tuple[int, int, int, bytes, bytes]:
    """The parts of a hash.

    Raises:
        ValueError: it is none, or would take more than 64 MiB.
    """
    kind, n, r, p, salt, wanted = text.split("$")
    numbers = int(n), int(r), int(p)
    if kind != "scrypt" or 128 * numbers[0] * numbers[1] > 64 << 20 or not 1 <= numbers[2] <= 4:
        raise ValueError("not a scrypt hash")
    return *numbers, base64.b64decode(salt, validate=True), base64.b64decode(wanted, validate=True)


def _scrypt(password: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=256 << 20, dklen=32)


def _written(salt: bytes, digest: bytes, n: int, r: int, p: int) -> str:
    return "$".join(
        ["scrypt", str(n), str(r), str(p), base64.b64encode(salt).decode(), base64.b64encode(digest).decode()]
    )


_NOBODY = _written(bytes(16), bytes(32), _N, _R, _P)

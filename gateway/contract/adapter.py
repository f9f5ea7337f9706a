"""What an adapter is to the engine: a manifest, typed settings, and factories for the abilities it has.

Each ability is a small protocol of its own; an adapter offers only those its kind of partner needs.

    partner asks us     Receiver ── Inbox.request / accept / refuse / handled ──► engine
    we ask the partner  engine ──► Sender.prepare ─► (attempt committed) ─► Sender.send ─► Outcome
    nobody knows        engine ──► Resolver.query / Resolver.reverse
    an operator asks    `gateway partner test` ──► Checker.check
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from gateway.canonical import Attachment, Body, Message
from gateway.contract.errors import ConfigError
from gateway.contract.manifest import Manifest, Operation
from gateway.contract.outcome import Outcome, QueryOutcome, ReverseOutcome
from gateway.contract.settings import Settings

S = TypeVar("S", bound=Settings)


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> dt.datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds, for measuring spans."""
        ...


class Log(Protocol):
    """A structlog logger bound to the partner. Keyword values are redacted by name; never pass bodies."""

    def debug(self, event: str, **facts: object) -> None: ...
    def info(self, event: str, **facts: object) -> None: ...
    def warning(self, event: str, **facts: object) -> None: ...
    def error(self, event: str, **facts: object) -> None: ...


class Serials(Protocol):
    """Numbers that are never used twice, not even after a crash (gaps are possible)."""

    async def next(self, name: str) -> int:
        """The next number of the series `name`, from 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What a partner sent, understood: the body, and everything the envelope needs to know."""

    body: Body
    raw: bytes  #: as received; kept sealed, audited by digest. Empty with an `attachment`, which is the evidence
    partner_message_id: str  #: the idempotency key; same id and same raw meaning → the stored answer
    region: str
    mapping: str  #: `name@version`
    subject: str | None = None
    ordering_key: str | None = None
    purpose: str | None = None
    traceparent: str | None = None
    idempotency: bytes | None = (
        None  #: what must be equal for "the same message"; default: the canonical body
    )
    attachment: Attachment | None = None  #: what `Inbox.keep` gave for a large file


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Input that was not accepted. Audited; changes nothing else."""

    code: str  #: stable: `malformed`, `invalid`, `unknown-operation`, `signature`, `replay`, `too-large`, …
    field: str = ""
    rule: str = ""
    raw: bytes = b""  #: only its salted digest is kept
    partner_message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A request that the adapter answers by itself: nothing is owed to anybody for it. Audited."""

    kind: str  #: what was asked, stable: a transaction number, an operation
    raw: bytes = b""  #: only its salted digest is kept
    partner_message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Committed: the gateway now owes the delivery."""

    message_id: str
    repeated: bool = False  #: the same message had been accepted before


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """That the audit log holds what became of a message; anybody can verify it with the log's public key alone."""

    index: int  #: of the entry in the log
    entry: bytes  #: the entry's bytes, as they are hashed
    proof: bytes  #: inclusion proof under a signed checkpoint (c2sp.org/tlog-proof), a file to hand out
    vkey: str  #: the log's public key
    #: Key of the digest in the entry, for whoever has the content: HMAC-SHA-256(salt, content) is that digest.
    salt: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """The other side answered."""

    message_id: str
    reply: Message
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Committed, but not settled before the deadline: ask again with the same message id."""

    message_id: str
    state: str  #: of the delivery: `pending`, `sending`, `waiting`, `in-doubt`, …


class ReplayGuard(Protocol):
    """Remembers one-time tokens (nonces) durably, so that a replay is seen also after a restart."""

    async def first_use(self, token: str, ttl: float) -> bool:
        """True the first time within `ttl` seconds. Tokens of different partners do not meet."""
        ...


class Listeners(Protocol):
    """HTTP listeners shared by all partners: several may mount paths on one `host:port`."""

    async def mount(
        self,
        endpoint: str,
        path: str,
        handler: Any,
        limits: Any = None,
        tls: Any = None,
        refused: Any = None,
    ) -> Any:
        """Serves `path` (exact, or below it where it ends in `/`) by `handler`, which takes and gives the
        request and response of `gateway.transports.http`; `refused` is asked how to answer what HTTP itself
        refuses, such as a body beyond the limit. Returns an object with `port: int` and
        `async unmount()`. The listener opens with its first mount and closes with its last.

        Raises:
            ConfigError: the path is taken, or the port cannot be opened.
        """
        ...


class SftpListeners(Protocol):
    """SFTP listeners shared by all partners: several may have accounts on one `host:port`."""

    async def add(
        self, reactor: Any, endpoint: str, key_file: Path, account: Any, limits: Any, owner: str = ""
    ) -> Any:
        """Lets an account of `gateway.transports.sftp` in. Returns an object with `port: int` and `async remove()`.

        Raises:
            ConfigError: the account's name is taken, the port cannot be opened, or another partner has opened it with
                another host key or other limits.
        """
        ...


class Inbox(Protocol):
    """The engine's door for what partners send. Every method returns only after its commit."""

    async def accept(self, inbound: Inbound) -> Receipt:
        """Takes responsibility for a one-way message.

        Raises:
            Conflict: the id was used before for another message.
            Reject: no route for this type from this partner, or the partner may not send it.
            Unavailable: nothing was committed; the partner should repeat it later.
        """
        ...

    async def request(self, inbound: Inbound, timeout: float) -> Replied | Pending:
        """Accepts, then waits up to `timeout` seconds for the reply. A refusal by the other side is a reply
        whose body is `RequestRefused`. Raises what `accept` raises."""
        ...

    async def refuse(self, refusal: Refusal) -> str:
        """Records input that was not accepted and returns the id under which operators find it. If the
        store cannot commit, raises Unavailable."""
        ...

    async def handled(self, handled: Handled) -> str:
        """Records a request that the adapter answers by itself, such as a sign-in, and returns the id under
        which it is on record; answer only after that. If the store cannot commit, raises Unavailable."""
        ...

    async def keep(
        self,
        file: Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
        records: Iterable[Struct] | None = None,
    ) -> Attachment:
        """Takes a sealed, durable copy of a file of any size, for an `Inbound.attachment` to name.

        Args:
            records: the canonical records read from the file, kept beside it. Iterated in a thread, while it is
                copied; whatever that raises is raised here, and nothing is kept.

        A copy that no accepted message names is removed after a while.

        Raises:
            Unavailable: it cannot be kept now, such as for want of room.
        """
        ...

    async def evidence(self, message_id: str) -> Evidence | None:
        """The audit log's proof that this message was accepted; None until it is in a signed checkpoint, about
        a second after the commit."""
        ...

    async def reference(self, partner_message_id: str) -> str | None:
        """The reference (such as a msgid) under which an earlier message of this partner was sent on; None
        where no such message was accepted, or it ended without being sent.

        Raises:
            Unavailable: it has not been sent on yet, or may be sent once more; the partner should ask again later.
        """
        ...


class Attachments(Protocol):
    """Large contents, kept sealed beside the store. Iterating blocks: do it in a thread, not in the reactor's."""

    def read(self, attachment: Attachment) -> Iterator[bytes]:
        """The content in pieces of about a mebibyte. What has been changed on disk ends in an error, not in bytes.

        Raises:
            ConfigError: it is not there any more, or does not open under the key ring.
        """
        ...

    def records(self, attachment: Attachment, start: int = 0) -> Iterator[bytes]:
        """Its canonical records as JSON, one by one, from number `start` (counted from 0). Raises as `read`."""
        ...


class _NoAttachments:
    def read(self, attachment: Attachment) -> Iterator[bytes]:
        raise ConfigError("此处没有附件", "no attachments are kept here")

    def records(self, attachment: Attachment, start: int = 0) -> Iterator[bytes]:
        return self.read(attachment)


class _NoSftp:
    async def add(
        self, reactor: Any, endpoint: str, key_file: Path, account: Any, limits: Any, owner: str = ""
    ) -> Any:
        raise ConfigError("此处没有 SFTP 服务器", "there is no SFTP server here", path="listen")


@dataclass(frozen=True, slots=True)
class Context:
    """Everything an adapter may use of the world outside its own folder. Only the engine makes one."""

    partner: str
    region: str
    clock: Clock
    random: Callable[[int], bytes]
    log: Log
    serials: Serials
    inbox: Inbox
    replay: ReplayGuard
    listeners: Listeners
    reactor: Any  #: Twisted's; `Any` because its interfaces are zope ones
    state_dir: Path  #: for files of the adapter's own; survives restarts
    #: Folders of the operator's own mappings and code tables; an adapter lays them over its shipped ones.
    mappings: tuple[Path, ...] = ()
    #: Tells how far a long `Sender.send` has come: its `Prepared.reference`, how many parts of how many are done.
    #: Operators see it with the delivery. May be called as often as one likes.
    progress: Callable[[str, int, int], None] = lambda _reference, _done, _total: None
    #: Contents too large for a message, by the claim it carries.
    attachments: Attachments = field(default_factory=_NoAttachments)
    #: Where partners log in to us to exchange files.
    sftp: SftpListeners = field(default_factory=_NoSftp)


class Prepared(Struct, frozen=True, kw_only=True):
    """One exchange with a partner, ready to be sent: stored before the first attempt, reused by every retry.

    Because a retry sends the same bytes under the same reference, the partner can recognise it.
    """

    operation: str
    reference: str  #: how the partner will know it (a msgid, a serial number)
    content: (
        bytes  #: what is sent, without what must be fresh at each attempt (timestamps, nonces, signatures)
    )
    before: tuple[bytes, ...] = ()  #: harmless, repeatable messages that must reach the partner first
    attributes: dict[str, str] = {}


class Sender(Protocol):
    """Delivers canonical messages to the partner."""

    async def prepare(self, message: Message) -> Prepared:
        """Maps the message to what will be sent. No contact with the partner.

        Raises:
            Reject: this message can never be sent to this partner.
        """
        ...

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """Makes one attempt. Raises PartnerDown where certainly nothing was sent; any other exception
        counts as `Unknown`."""
        ...


class Resolver(Protocol):
    """Settles unknown outcomes. Both raise PartnerDown where certainly nobody was asked: that uses no try up."""

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """Asks the partner what became of the message."""
        ...

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """Makes sure that the message has no effect."""
        ...


class Receiver(Protocol):
    """Listens to the partner."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStep:
    """One step of a connection test, in words an operator understands."""

    name: str
    ok: bool
    zh: str
    en: str


class Checker(Protocol):
    """Tests the connection without any business effect; succeeds only if later calls will."""

    def check(self) -> AsyncIterator[CheckStep]: ...


def _none(_settings: Any, _context: Context) -> None:
    return None


def _whole(raw: bytes) -> bytes:
    return raw


def _nothing(_settings: Any) -> Iterable[ConfigError]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Adapter(Generic[S]):
    """The object behind an entry point in the group `gateway.adapters`."""

    folder: Path  #: holds `manifest.yaml`, `samples/`, `README.md`
    manifest: Manifest
    settings: type[S]
    sender: Callable[[S, Context], Sender | None] = field(default=_none)
    resolver: Callable[[S, Context], Resolver | None] = field(default=_none)
    receiver: Callable[[S, Context], Receiver | None] = field(default=_none)
    checker: Callable[[S, Context], Checker | None] = field(default=_none)
    #: What a partner with these settings can do; None: all that the manifest lists. Where the manifest says
    #: `configured`, the settings alone tell; elsewhere they can only leave some out.
    operations: Callable[[S], Iterable[Operation]] | None = None
    #: What is wrong with settings beyond their declaration, such as with files they name; each with the
    #: `path` inside the settings (`operations[0].request`). Reads files, contacts nobody.
    problems: Callable[[S], Iterable[ConfigError]] = field(default=_nothing)

    #: What a mapping reads of a stored raw message: without SOAP, signature or other wrapping around it.
    #: For tools that read stored messages again; raises ValueError where it is not there.
    document: Callable[[bytes], bytes] = field(default=_whole)

    def operations_of(self, settings: S) -> tuple[Operation, ...]:
        """What a partner with these settings can do."""
        return self.manifest.operations if self.operations is None else tuple(self.operations(settings))

"""How a book takes a message in, piece by piece, each piece once; and what it needs of the world for that."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from itertools import islice
from threading import Event
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from gateway.canonical import Message
from gateway.contract import Attachments, Log, PartnerDown, Unavailable
from gateway.store.api import Accept, AuditRow
from gateway.store.intake import begin_intake

T = TypeVar("T")
R = TypeVar("R", bound=Struct)

CHINA: Final = dt.timezone(dt.timedelta(hours=8))
#: Records of one transaction.
CHUNK: Final = 2_000


class Book(Protocol):
    """The part of the store that a book uses (`gateway.store.SqlStore`)."""

    def work(self, do: Callable[..., T], *arguments: Any) -> Deferred[T]: ...

    def ask(self, question: Callable[..., T], *values: Any) -> Deferred[T]: ...

    def message(self, message_id: str) -> Deferred[Any]: ...


class Journal(Protocol):
    """Makes audit entries (`gateway.engine.journal.Journal`)."""

    def entry(
        self,
        event: str,
        *,
        message: str | None = None,
        partner: str | None = None,
        actor: str | None = None,
        detail: dict[str, str | int] | None = None,
    ) -> AuditRow: ...


#: A message of a book's own to one partner: the unit that commits it, and what to call after the commit. None where
#: no route takes such messages there.
Dispatch = Callable[[Message, str], tuple[Accept, Callable[[], None]] | None]


class Taking(Protocol):
    """What taking in needs of a book's parts."""

    @property
    def name(self) -> str:
        """Of the house target."""
        ...

    @property
    def store(self) -> Book: ...
    @property
    def attachments(self) -> Attachments: ...
    @property
    def chunk(self) -> int: ...
    @property
    def halt(self) -> Event:
        """Set when the gateway stops."""
        ...

    @property
    def progress(self) -> Callable[[str, int, int], None]:
        """How far a long intake has come: reference, records done, records in all."""
        ...


def reference_of(name: str, message: Message) -> str:
    """Under which the engine knows the delivery of a message to the book of that name."""
    return f"{name}/{message.id}"


class Intake:
    """Takes the records of one message in, in chunks of which each is in once.

    `position` is where the next chunk begins; it stands in the store, with what was taken in.
    """

    def __init__(self, parts: Taking, message: Message) -> None:
        self.parts = parts
        self.message = message
        self.position = 0

    async def begin(self) -> bool:
        """False where all of it is in already."""
        self.position, done = await self.parts.store.work(begin_intake, self.message.id)
        return not done

    async def chunks(self, inline: Sequence[R], kind: type[R]) -> AsyncIterator[list[R]]:
        """The records from `position` on: the body's, or those of the attachment, read ahead in a thread."""
        size = self.parts.chunk
        attachment = self.message.attachment
        if attachment is None or not attachment.records:
            for start in range(self.position, len(inline), size):
                yield list(inline[start : start + size])
            return
        records = self.parts.attachments.records(attachment, self.position)
        decode = msgspec.json.Decoder(kind).decode

        def read() -> list[R]:
            return [decode(record) for record in islice(records, size)]

        ahead: Deferred[list[R]] = deferToThread(read)
        while chunk := await ahead:
            ahead = deferToThread(read)
            try:
                yield chunk
            except BaseException:
                ahead.addErrback(lambda _: None)
                raise

    async def each(
        self, inline: Sequence[R], kind: type[R], take: Callable[[list[R]], Coroutine[Any, Any, None]]
    ) -> None:
        """Hands every chunk to `take`, which moves the position in the store in the same transaction."""
        attachment = self.message.attachment
        total = len(inline) if attachment is None else attachment.records or 0
        async for chunk in self.chunks(inline, kind):
            refuse_if_stopping(self.parts)
            await take(chunk)
            self.position += len(chunk)
            self.parts.progress(reference_of(self.parts.name, self.message), self.position, total)


def refuse_if_stopping(parts: Taking) -> None:
    """
    Raises:
        PartnerDown: the gateway stops; what is left is taken in after its next start.
    """
    if parts.halt.is_set():
        raise PartnerDown(
            "网关正在停止，下次启动后继续", "the gateway stops; it goes on after the next start"
        )


async def alone(log: Log, event: str, work: Awaitable[object], **about: str) -> None:
    """One piece of a duty's work: what fails is logged as `event` and holds up nobody else; the next round tries it again.

    Raises:
        Unavailable: of the store; that concerns every piece alike.
    """
    try:
        await work
    except Unavailable:
        raise
    except Exception as error:
        log.error(event, error=type(error).__name__, **about)

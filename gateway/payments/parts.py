"""What the desk's parts need of the world, and how they take a message in piece by piece."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from gateway.canonical import Message
from gateway.contract import Attachments, Clock, Log, PartnerDown
from gateway.payments.batches import CHINA
from gateway.payments.seals import Seals
from gateway.payments.settings import AccountSettings, PaymentsSettings
from gateway.store.api import Accept, AuditRow
from gateway.store.payments_changes import begin_intake

T = TypeVar("T")
R = TypeVar("R", bound=Struct)

#: Records of one transaction.
CHUNK = 2_000


class Book(Protocol):
    """The part of the store that the desk uses (`gateway.store.SqlStore`)."""

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


#: A message of the desk's own to one partner: the unit that commits it, and what to call after the commit. None where
#: no route takes such messages there.
Dispatch = Callable[[Message, str], tuple[Accept, Callable[[], None]] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that booking needs."""

    store: Book
    seals: Seals
    settings: PaymentsSettings
    attachments: Attachments
    journal: Journal
    dispatch: Dispatch
    open_message: Callable[[bytes, str], Message]
    #: Tells the engine that a delivery certainly took effect, whatever is known of it so far.
    took_effect: Callable[[str], Awaitable[object]]
    ids: Callable[[], str]
    clock: Clock
    log: Log
    chunk: int = CHUNK
    #: How far a long intake has come: reference, records done, records in all.
    progress: Callable[[str, int, int], None] = lambda _reference, _done, _total: None
    halt: Event = field(default_factory=Event)  #: set when the gateway stops

    @property
    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.now().timestamp() * 1000)

    def today(self) -> dt.date:
        """China's."""
        return self.clock.now().astimezone(CHINA).date()

    def account(self, name: str) -> AccountSettings | None:
        """The account of that name."""
        return next((account for account in self.settings.accounts if account.name == name), None)

    def accounts_of(self, bank: str, party_id: str | None = None) -> list[AccountSettings]:
        """Our accounts at a bank: those known by that number, else those that have none."""
        there = [account for account in self.settings.accounts if account.bank == bank]
        if party_id is None:
            return there
        known = [account for account in there if account.party_id == party_id]
        return known or [account for account in there if account.party_id is None]


def reference_of(message: Message) -> str:
    """Under which the engine knows the delivery of a message to the desk."""
    return f"payments/{message.id}"


class Intake:
    """Takes the records of one message in, in chunks of which each is in once.

    `position` is where the next chunk begins; it stands in the store, with what was taken in.
    """

    def __init__(self, parts: Parts, message: Message) -> None:
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
            if self.parts.halt.is_set():
                raise PartnerDown(
                    "网关正在停止，下次启动后继续", "the gateway stops; it goes on after the next start"
                )
            await take(chunk)
            self.position += len(chunk)
            self.parts.progress(reference_of(self.message), self.position, total)

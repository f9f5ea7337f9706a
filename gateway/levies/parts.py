"""What the book's parts need of the world."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import ClassVar

from msgspec import Struct

from gateway.books.intake import CHINA, CHUNK, Book, Dispatch, Journal
from gateway.canonical import Attachment, Body, Message, type_of
from gateway.contract import Attachments, Clock, Log
from gateway.levies.codes import Codes
from gateway.levies.seals import Seals
from gateway.levies.settings import CollectorSettings, LeviesSettings
from gateway.store.levies import DifferenceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that booking needs."""

    name: ClassVar[str] = "levies"  #: under which routes send to the book, and under which it sends
    store: Book
    seals: Seals
    codes: Codes
    settings: LeviesSettings
    attachments: Attachments
    keep: Callable[[Sequence[Struct]], Awaitable[Attachment]]  #: rows that are too many for a body
    journal: Journal
    dispatch: Dispatch  #: where a route leads there
    send: Dispatch  #: to the partner that the settings name, without a route
    open_message: Callable[[bytes, str], Message]
    #: Tell the engine what a delivery came to, if it does not know: it certainly took effect, or certainly had none.
    took_effect: Callable[[str], Awaitable[object]]
    had_no_effect: Callable[[str], Awaitable[object]]
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

    def here(self) -> dt.datetime:
        """Now, in China."""
        return self.clock.now().astimezone(CHINA)

    def collector(self, partner: str, code: str) -> CollectorSettings | None:
        """The collector of that code whose debits go to that partner."""
        fitting = (c for c in self.settings.collectors if (c.partner, c.collector_code) == (partner, code))
        return next(fitting, None)

    def named(self, name: str) -> CollectorSettings | None:
        """The collector of that short name."""
        return next((c for c in self.settings.collectors if c.name == name), None)

    def message(
        self,
        body: Body,
        *,
        key: str,
        subject: str,
        region: str,
        cause: Message | None = None,
        attachment: Attachment | None = None,
    ) -> Message:
        """A message of the book's own; `key` makes it one, however often it is made."""
        id_ = self.ids() if attachment is None else attachment.claim
        return Message(
            id=id_,
            source=f"/{self.name}",
            type=type_of(body),
            time=self.clock.now(),
            subject=subject,
            partner=self.name,
            partner_message_id=key,
            correlation_id=id_ if cause is None else cause.correlation_id,
            causation_id=None if cause is None else cause.id,
            region=region,
            attachment=attachment,
            data=body,
        )

    def difference(
        self,
        kind: str,
        collector: str,
        message_id: str,
        *,
        debit_id: str | None = None,
        batch_no: str | None = None,
        reference: str | None = None,
        day: str | None = None,
        ours: str | None = None,
        theirs: str | None = None,
    ) -> DifferenceRow:
        """Something for people; see `DifferenceRow`."""
        return DifferenceRow(
            kind=kind,
            collector=collector,
            debit_id=debit_id,
            batch_no=batch_no,
            reference=reference,
            day=day,
            message_id=message_id,
            ours=ours,
            theirs=theirs,
            created=self.now,
        )

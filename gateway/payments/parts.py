"""What the desk's parts need of the world."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import Event
from typing import ClassVar

from gateway.books.intake import CHINA, CHUNK, Book, Dispatch, Journal
from gateway.canonical import Message
from gateway.contract import Attachments, Clock, Log
from gateway.payments.seals import Seals
from gateway.payments.settings import AccountSettings, PaymentsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that booking needs."""

    name: ClassVar[str] = "payments"  #: under which routes send to the desk, and under which it sends
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

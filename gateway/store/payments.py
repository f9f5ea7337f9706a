"""The book of payments: its rows, and the units that change it.

An *item* is one transfer or debit, a *batch* what is given to a bank in one go, a *proposal* the file by which
an agency asked for items. Amounts are fen, in the clear; who is paid is sealed (`sealed`), with keyed tags for
comparing. The machines that say which state follows which are in `gateway/payments/lifecycle.py`; the store
compares and sets, and raises `Moved` where what it finds is not what was seen: nothing is written then.

Units run in the writer's transaction, as `Work`: functions of `payments_changes` and `payments_booking`.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from gateway.store.api import Accept, AuditRow


class ItemRow(Struct, frozen=True, kw_only=True):
    """One item. Times are milliseconds since 1970 UTC, days ISO dates of China's calendar."""

    id: str
    account: str  #: of `payments.yaml`
    kind: str  #: `credit-transfer` or `direct-debit`
    proposer: str  #: partner that asked for it
    proposal: str  #: id of the message by which it did
    end_to_end_id: str  #: unique for the proposer
    own_reference: str | None  #: what the proposer called it; None where it only numbered its items
    own_sequence: int | None
    amount: int
    state: str = "arriving"
    account_tag: bytes  #: keyed, of the other side's account number
    digest: bytes  #: keyed, of everything the proposer said of it
    sealed: bytes  #: name, account, document: `gateway.payments.seals.Party`
    replaces: str | None = None  #: the refused or returned item that is proposed anew by this one
    approved_by: str | None = None
    batch_id: str | None = None
    batch_sequence: int | None = None
    verification: str | None = None  #: `asked`, `verified`, `refused`
    verification_request: str | None = None
    verification_sequence: int | None = None
    settled_amount: int | None = None
    settled_on: str | None = None
    bank_reference: str | None = None
    code: str | None = None  #: the bank's last word, as a canonical status or its own code
    created: int
    updated: int


class BatchRow(Struct, frozen=True, kw_only=True):
    """One batch; `id` is the number under which the bank knows it."""

    id: str
    account: str
    bank: str  #: partner
    kind: str
    state: str
    count: int
    total: int  #: fen
    digest: str  #: salted, of the body as it will be sent
    salt: bytes  #: sealed: whoever has it and the content can prove what was released
    created: int  #: also the body's `created_at`
    built_by: str
    released_by: str | None = None
    released_at: int | None = None
    message_id: str | None = None
    delivery_id: str | None = None
    bank_reference: str | None = None
    updated: int


class ProposalRow(Struct, frozen=True, kw_only=True):
    """A file of items, all taken in or none."""

    message_id: str
    proposer: str
    region: str
    batch_id: str  #: the proposer's own
    account: str
    kind: str
    count: int
    total: int
    state: str = "arriving"  #: `arriving`, `proposed`, `refused`
    repeated: int = 0  #: items that had been proposed before, and are one with those
    touched: int = 0  #: raised when an item of it has come to an end; 0 when that was looked at
    reports: int = 0  #: results given back so far
    created: int


class DifferenceRow(Struct, frozen=True, kw_only=True):
    """Something people must look into. Closed by one of them, or by a later file."""

    n: int = 0
    kind: str  #: a key of `gateway.payments.words.DIFFERENCES`
    account: str
    item_id: str | None = None
    batch_id: str | None = None
    reference: str | None = None  #: what the bank called it: an end-to-end id or number of its own
    day: str | None = None  #: of a daily reconciliation
    message_id: str  #: that showed it
    ours: str | None = None  #: amount in fen or state, as we have it
    theirs: str | None = None
    created: int
    closed_at: int | None = None
    closed_by: str | None = None
    reason: str | None = None


class DayRow(Struct, frozen=True, kw_only=True):
    """A day that was compared with the bank's books."""

    account: str
    day: str
    message_id: str
    count: int  #: the bank's lines
    total: int
    differences: int
    updated: int


class HistoryRow(Struct, frozen=True, kw_only=True):
    """One word of a bank's on an item."""

    item_id: str
    at: int
    message_id: str
    status: str
    state: str  #: of the item after it
    code: str | None
    text: bytes | None  #: sealed


class Change(NamedTuple):
    """A step of an item that a bank's word leads to."""

    after: str
    settled_amount: int | None
    settled_on: str | None
    bank_reference: str | None
    code: str | None
    updated: int
    id: str
    before: str


class Word(NamedTuple):
    """A row of the history."""

    item_id: str
    at: int
    message_id: str
    status: str
    state: str
    code: str | None
    text: bytes | None


class Line(NamedTuple):
    """A line of a bank's books, while a day is compared."""

    message_id: str
    n: int
    end_to_end_id: str | None
    bank_reference: str | None
    amount: int
    outcome: str


class TakeIn(Struct, frozen=True, kw_only=True):
    """A chunk of a proposal's items. Guard: the intake stands at `position`."""

    message_id: str
    proposer: str
    position: int
    after: int
    rows: tuple[ItemRow, ...]


class Decide(Struct, frozen=True, kw_only=True):
    """A person's word on items. Guard: all of them are in `before` (and verified, where that is required)."""

    ids: tuple[str, ...]
    before: tuple[str, ...]
    after: str
    by: str
    at: int
    verified: bool = False
    audit: tuple[AuditRow, ...]


class Build(Struct, frozen=True, kw_only=True):
    """A new batch of approved items, in this order. Guard: they are approved, and its number is new."""

    batch: BatchRow
    ids: tuple[str, ...]
    audit: tuple[AuditRow, ...]


class Release(Struct, frozen=True, kw_only=True):
    """A batch goes to its bank. Guard: it is as it was built, nobody released it, no difference about it is open
    (`payments_disputes`), and `by` is a second person: neither who built it nor who approved any of its items."""

    batch_id: str
    digest: str
    by: str
    at: int
    message: Accept
    audit: tuple[AuditRow, ...]


class Book(Struct, frozen=True, kw_only=True):
    """A chunk of a bank's words. Guard: the intake of the message stands at `position`.

    `changes` and `words` hold the values of `Change` and `Word`: plain tuples travel to the store in a third of the time.
    """

    message_id: str
    position: int
    after: int
    changes: tuple[tuple[object, ...], ...] = ()
    words: tuple[tuple[object, ...], ...] = ()
    differences: tuple[DifferenceRow, ...] = ()
    batches: tuple[str, ...] = ()  #: whose items these are, where the message does not name one batch for all
    at: int = 0


class Compare(Struct, frozen=True, kw_only=True):
    """Compares the lines taken in with what was booked for these accounts and days.

    Guard: the intake stands at `position`.
    """

    message_id: str
    position: int
    name: str  #: of the account, or of several that the bank's file covers together
    accounts: tuple[str, ...]
    day: str
    at: int

"""The book of levies: its rows, and the units that change it.

A *debit* is one levy to be taken from one account, known by its collector and voucher number. A *file* is what an agency
asked for debits with; a *package* what goes to the treasury network in one message. Amounts are fen, in the clear; who
pays is sealed (`sealed`), with keyed tags for finding. The machine that says which state follows which is in
`gateway/levies/lifecycle.py`; the store compares and sets, and raises `Moved` where what it finds is not what was seen:
nothing is written then.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

#: Nobody knows yet what became of the debit.
OPEN: Final = ("asked", "sent", "doubtful")
OPEN_SQL: Final = "'asked', 'sent', 'doubtful'"


class DebitRow(Struct, frozen=True, kw_only=True):
    """One debit. Times are milliseconds since 1970 UTC, days ISO dates."""

    id: str
    collector: str  #: of `levies.yaml`
    voucher_no: str  #: unique for the collector
    way: str  #: `batch`, or `single` for a real-time debit, which goes to the network without the book
    proposer: str  #: partner that asked for it
    file: str  #: id of the message by which it did
    number: int  #: place in the file, from 1
    entrusted_on: str
    serial: str
    bank: str  #: clearing point of the payer's bank
    amount: int
    day: str  #: the network's working day whose check settles it
    state: str = "arriving"
    digest: bytes  #: keyed, of everything the proposer said of it
    contributor_tag: bytes
    employer_tag: bytes | None
    sealed: bytes  #: `gateway.canonical.levy.BatchDebit`
    package: str | None = None  #: batch number of the package it is in, of the same `entrusted_on`
    debited_on: str | None = None
    code: str | None = None  #: the network's last word
    receipt: str | None = None
    listed_on: str | None = None  #: the day in whose check it is
    created: int
    updated: int


class FileRow(Struct, frozen=True, kw_only=True):
    """A file of debits, all taken in or none. `count` and `total` are of the debits that are its own.

    A real-time debit is one, too, whose serial number stands for `batch_no`.
    """

    message_id: str
    proposer: str
    region: str
    collector: str
    entrusted_on: str
    batch_no: str  #: the proposer's own
    payer_bank_line_no: str | None  #: None where each debit has its own
    count: int = 0
    total: int = 0
    repeated: int = (
        0  #: debits that stood in the book before, and are one with those: their results go to both files
    )
    state: str = "arriving"  #: `arriving`, `registered` (its packages follow), `sent`, `refused`; or `single`
    touched: int = 0  #: raised when a debit of it has come to an end; 0 when that was looked at
    reports: int = 0
    created: int


class PackageRow(Struct, frozen=True, kw_only=True):
    """One package; the network's answers name it by collector, `entrusted_on` and `batch_no`."""

    collector: str
    entrusted_on: str
    batch_no: str
    file: str
    count: int
    total: int
    state: str = (
        "released"  #: `released`, `sent` (the network has it), `closed`, `failed` (refused as a whole)
    )
    answered: int = 0  #: 1 when results of it have come
    message_id: str
    delivery_id: str
    created: int
    updated: int


class DifferenceRow(Struct, frozen=True, kw_only=True):
    """Something people must look into. Closed by one of them, or by a later check of the day."""

    n: int = 0
    kind: str  #: a key of `gateway.levies.words.DIFFERENCES`
    collector: str  #: or the partner, where no collector of ours is meant
    debit_id: str | None = None
    batch_no: str | None = None
    reference: str | None = None  #: a voucher number
    day: str | None = None  #: of a day's check
    message_id: str  #: that showed it
    ours: str | None = None  #: amount in fen or state, as we have it
    theirs: str | None = None
    created: int
    closed_at: int | None = None
    closed_by: str | None = None
    reason: str | None = None


class EarlyRow(Struct, frozen=True, kw_only=True):
    """A word on a debit that is not known yet. It is about `voucher_no`, or (a reversal) `entrusted_on` and `serial`."""

    n: int = 0
    collector: str
    voucher_no: str | None
    entrusted_on: str
    serial: str
    message_id: str
    word: str
    code: str
    debited_on: str | None
    text: bytes | None  #: sealed, about the message
    created: int
    told: int = 0  #: 1 when people have been told


class PartRow(Struct, frozen=True, kw_only=True):
    """One part of a day's check. `total` and `total_count` are what it says of all parts together."""

    collector: str
    day: str
    batch_no: str
    part_no: int
    part_count: int
    total_count: int
    total: int
    message_id: str
    count: int
    sum: int
    created: int  #: when the message came: what was asked for later cannot be in it


class DayRow(Struct, frozen=True, kw_only=True):
    """A working day: it waits for its check (`batch_no` None), or was compared with it."""

    collector: str
    day: str
    batch_no: str | None
    count: int  #: the network's debits
    total: int
    differences: int
    settled: int  #: debits that only the check has settled
    late: int  #: 1 when people have been told that it is missing
    updated: int


class HistoryRow(Struct, frozen=True, kw_only=True):
    """One word on a debit."""

    debit_id: str
    at: int
    message_id: str
    word: str
    state: str  #: of the debit after it
    code: str | None
    text: bytes | None  #: sealed


class AgreementRow(Struct, frozen=True, kw_only=True):
    """What is known of an agreement of payer, bank and collector."""

    collector: str
    tag: bytes  #: of agreement, account and contributor
    state: str  #: `verified`, `refused`, `revoked`
    at: int  #: when the answer was given: an older one changes nothing
    message_id: str


class Change(NamedTuple):
    """A step of a debit that a word leads to."""

    after: str
    debited_on: str | None
    code: str | None
    updated: int
    id: str
    before: str


class Word(NamedTuple):
    """A row of the history."""

    debit_id: str
    at: int
    message_id: str
    word: str
    state: str
    code: str | None
    text: bytes | None


class Line(NamedTuple):
    """A row of a day's check, while it is compared."""

    message_id: str
    n: int
    voucher_no: str
    amount: int
    state: str
    booked: int  #: 1 where this state means that money moved
    debited_on: str | None


class TakeIn(Struct, frozen=True, kw_only=True):
    """A chunk of a file's debits. Guard: the intake stands at `position`."""

    message_id: str
    position: int
    after: int
    rows: tuple[DebitRow, ...]


class Book(Struct, frozen=True, kw_only=True):
    """A chunk of words. Guard: the intake of the message stands at `position`; or, where these are words that had come
    too early, these still wait.

    `changes` and `words` hold the values of `Change` and `Word`: plain tuples travel to the store in a third of the time.
    """

    collector: str
    receipts: str  #: what receipt numbers begin with
    message_id: str
    position: int = 0
    after: int = 0
    changes: tuple[tuple[object, ...], ...] = ()
    words: tuple[tuple[object, ...], ...] = ()
    differences: tuple[DifferenceRow, ...] = ()
    early: tuple[EarlyRow, ...] = ()  #: kept until their debits are known
    waited: tuple[int, ...] = ()  #: numbers of the early words that these are; empty: the message's own
    at: int
    last: bool = False  #: nothing more is to be taken in of the message


class EndPart(Struct, frozen=True, kw_only=True):
    """All lines of a part of a day's check are in. Guard: its intake stands at `position`."""

    part: PartRow
    position: int
    partner: str  #: that the collector's debits go to
    receipts: str
    package_days: int  #: later days that must be checked before silence about a whole package means no effect
    at: int


class Compared(NamedTuple):
    """What came of a part: whether the day is compared now, and how."""

    word: str  #: `waiting`, `double`, `contradiction`, `compared`
    differences: int = 0
    settled: int = 0

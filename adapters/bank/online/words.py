"""What a bank says about batches, in the words that both dialects share.

    submit ─► Taken | Refused | Doubt          ask ─► Head | Nobody | Refused | Doubt
    details, refunds ─► Page | Refused | Doubt

Reasons are for operators and hold no personal data; `text` is the bank's own and may.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.canonical.payment import BatchReturned, PaymentBatch, PaymentResult, StatusReported

Kind = Literal["credit-transfer", "direct-debit"]


class Batch(Struct, frozen=True, kw_only=True):
    """A batch as we know it. No personal data: it is kept on disk as it is."""

    reference: str  #: 业务参考号 YURREF, by which the bank recognises it
    message: str  #: id of the message it is
    kind: Kind
    count: int
    total: int  #: fen
    at: dt.datetime  #: the time of its message: chooses the versions of mappings
    tried: dt.datetime  #: when its first slice was last submitted, UTC: the bank has it under this day
    begun: int = (
        0  #: slices that were submitted; one more than `taken` where it is not known what became of the last
    )
    taken: int = 0  #: slices the bank has confirmed
    request: str | None = None  #: the bank's number of it (流程实例号 REQNBR)

    def query(self) -> PaymentBatch:
        """As the mappings of queries by reference take it."""
        return PaymentBatch(
            batch_id=self.reference,
            kind=self.kind,
            number_of_transactions=self.count,
            control_sum=self.total,
        )

    def named(self) -> BatchReturned:
        """As the mappings of queries by the bank's number take it."""
        return BatchReturned(batch_id=self.reference, stage="final", bank_reference=self.request)


class Slice(Struct, frozen=True, kw_only=True):
    """What is submitted at once: the number of the slice is counted from 0."""

    number: int
    of: int
    document: bytes


class Taken(Struct, frozen=True, kw_only=True):
    """The bank has this slice."""

    report: StatusReported
    raw: bytes
    mapping: str


class Refused(Struct, frozen=True, kw_only=True):
    """The bank answered, authentic and readable, and said no."""

    code: str
    text: str
    raw: bytes


class Doubt(Struct, frozen=True, kw_only=True):
    """Nothing can be concluded."""

    reason: str
    raw: bytes = b""
    authentic: bool = False  #: the bank's answer, and well-formed; it only proves nothing


class Head(Struct, frozen=True, kw_only=True):
    """What the bank has of a batch, without its items; `stage` says how far it is."""

    body: BatchReturned
    raw: bytes
    mapping: str

    @property
    def finished(self) -> bool:
        """Only then its status means anything (RTNFLG counts where REQSTS is FIN)."""
        return self.body.stage == "final"

    @property
    def receiving(self) -> bool:
        """The bank still waits for slices."""
        return self.body.stage == "intermediate.receiving"


class Nobody(Struct, frozen=True, kw_only=True):
    """The bank has no batch of this reference, and its answer proves it."""

    raw: bytes


#: Where details go on (续传), as the bank wants to hear it: names of its fields in small letters → values.
Cursor: TypeAlias = dict[str, str]


class Page(Struct, frozen=True, kw_only=True):
    """Some of the details; `after` is empty on the last page."""

    results: tuple[PaymentResult, ...]
    after: Cursor
    raw: bytes
    mapping: str


def doubt(zh: str, en: str, raw: bytes = b"", *, authentic: bool = False) -> Doubt:
    """Nothing can be concluded, for this reason."""
    return Doubt(reason=f"{zh} / {en}", raw=raw, authentic=authentic)

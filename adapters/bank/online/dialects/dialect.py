"""What a dialect is to the rest: four questions to a bank, and what its answers prove."""

from __future__ import annotations

from typing import Final, Protocol

from adapters.bank.online.words import (
    Batch,
    Cursor,
    Doubt,
    Head,
    Nobody,
    Page,
    Refused,
    Slice,
    Taken,
)
from gateway.canonical.payment import PaymentBatch

#: Stands in stored slices where the bank's number of the batch belongs, which only the first slice's answer tells.
REQUEST: Final = "@REQNBR@@@"


class Dialect(Protocol):
    """One way of asking. Every question raises PartnerDown where certainly nothing was sent."""

    def write(self, piece: PaymentBatch, whole: PaymentBatch, number: int, of: int, batch: Batch) -> bytes:
        """The document of one slice, with `REQUEST` in all but the first. Raises Reject where it cannot be said."""
        ...

    async def submit(self, piece: Slice, batch: Batch) -> Taken | Refused | Doubt:
        """Submits a slice; it is one more than `batch.taken`."""
        ...

    async def ask(self, batch: Batch) -> Head | Nobody | Refused | Doubt:
        """What the bank has under this reference."""
        ...

    async def details(self, batch: Batch, after: Cursor) -> Page | Refused | Doubt:
        """Some of the items of a batch, whose `request` is known."""
        ...

    async def refunds(self, batch: Batch, after: Cursor) -> Page | Refused | Doubt | None:
        """Items of a batch that came back; None where this dialect cannot ask."""
        ...


def with_request(document: bytes, request: str | None) -> bytes:
    """A stored slice with the bank's number in its place, which is the first element or member whose whole text is
    `REQUEST`: the head stands before the items, and `<` and `"` in values are escaped. The first slice has none."""
    if request is None:
        return document
    value, mark = request.encode(), REQUEST.encode()
    for left, right in ((b">", b"<"), (b'"', b'"')):
        document = document.replace(left + mark + right, left + value + right, 1)
    return document


def known_of(piece: PaymentBatch, whole: PaymentBatch, number: int, of: int) -> dict[str, str]:
    """What both dialects say about a slice beside its items."""
    return {
        "begtag": "Y" if number == 0 else "N",
        "endtag": "Y" if number == of - 1 else "N",
        "reqnbr": "" if number == 0 else REQUEST,
        "ttlamt": _yuan(whole.control_sum),
        "ttlcnt": str(whole.number_of_transactions),
        "ttlnum": str(of),
        "curamt": _yuan(piece.control_sum),
        "curcnt": str(piece.number_of_transactions),
    }


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"

"""From a finished batch to canonical messages: all pages of its items, complete or said to be incomplete.

A message's id is made from what it says, so that a batch fetched twice, such as around a crash, is one message, and one
whose results have changed is another.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.internet.threads import deferToThreadPool

from adapters.bank.online.channel import Channel
from adapters.bank.online.words import Batch, Cursor, Doubt, Head, Page, Refused
from gateway.canonical import Body
from gateway.canonical.payment import BatchReturned, PaymentResult, StatusReported, outcome
from gateway.contract import Inbound

_encode: Final = msgspec.json.Encoder().encode
_SPOOL: Final = "answers-"
#: What of an item is no end of it, also where the bank calls the batch finished.
_UNDER_WAY: Final = ("accepted", "pending")

#: Asks for the page behind a cursor.
Turning = Callable[[Cursor], Coroutine[Any, Any, Page | Refused | Doubt | None]]


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """All pages."""

    results: tuple[PaymentResult, ...]
    raw: tuple[bytes, ...]
    mapping: str


class Results:
    """Fetches and takes over results. Every method raises PartnerDown, and what `Inbox.accept` raises."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._context = channel.context
        self.stopping = False  #: no further page is asked for

    async def take(self, batch: Batch, head: Head) -> bool:
        """Takes over what became of a finished batch; whether that is all of it."""
        fetched = await self.fetch(batch, lambda after: self._channel.dialect.details(batch, after))
        if isinstance(fetched, Refused) and _refused(head) and head.body.settled_count == 0:
            # Of a batch that was never begun a bank may have no items to tell of.
            fetched = Fetched(results=(), raw=(fetched.raw,), mapping=head.mapping)
        if not isinstance(fetched, Fetched):
            return False
        results = tuple(_in_part(row) for row in fetched.results)
        if _nothing_moved(head, results):
            await self._tell(batch, self._refused_whole(head), (head.raw, *fetched.raw), head.mapping, ())
            return True
        ended = sum(1 for row in results if outcome(row.status) not in _UNDER_WAY)
        complete = (ended, sum(r.amount or 0 for r in results)) == (batch.count, batch.total)
        if not complete:
            self._context.log.warning(
                "bank.details_incomplete", reference=batch.reference, has=ended, of=batch.count
            )
        stage = "final" if complete else "intermediate.incomplete"
        body = msgspec.structs.replace(head.body, stage=stage, results=())
        await self._tell(batch, body, (head.raw, *fetched.raw), fetched.mapping, results)
        return complete

    async def take_refunds(self, batch: Batch) -> None:
        """Takes over each item that came back, as a message of its own."""
        fetched = await self.fetch(batch, lambda after: self._channel.dialect.refunds(batch, after))
        if not isinstance(fetched, Fetched):
            return
        for row in fetched.results:
            body = msgspec.structs.replace(batch.named(), stage="final.refund", results=(row,))
            number = row.sequence if row.sequence is not None else _digest(_encode(row))
            await self._accept(
                batch,
                body=body,
                raw=b"\n".join(fetched.raw),
                partner_message_id=f"{batch.reference}/refund/{number}",
                mapping=fetched.mapping,
            )

    async def fetch(self, batch: Batch, turn: Turning) -> Fetched | Refused | None:
        """All pages; None where they cannot be had, or contradict each other, and what the bank refused."""
        rows: dict[int | None, PaymentResult] = {}
        raw: list[bytes] = []
        after: Cursor = {}
        while not self.stopping:
            page = await turn(after)
            if not isinstance(page, Page):
                return self._stopped(batch, page)
            raw.append(page.raw)
            before = len(rows)
            for row in page.results:
                if rows.setdefault(row.sequence, row) != row:
                    return self._stopped(
                        batch, Doubt(reason="同一笔的两条明细不一致 / two details of one number differ")
                    )
            if not page.after:
                return Fetched(results=tuple(rows.values()), raw=tuple(raw), mapping=page.mapping)
            if len(rows) == before or len(rows) > batch.count:
                return self._stopped(batch, Doubt(reason="分页没有尽头 / the pages do not end"))
            after = page.after
        return None

    def _stopped(self, batch: Batch, heard: Refused | Doubt | None) -> Refused | None:
        """Nothing, and why."""
        if heard is not None:
            reason = (
                f"查询被拒绝，代码 {heard.code} / refused with code {heard.code}"
                if isinstance(heard, Refused)
                else heard.reason
            )
            self._context.log.warning("bank.details_failed", reference=batch.reference, reason=reason)
        return heard if isinstance(heard, Refused) else None

    def _refused_whole(self, head: Head) -> StatusReported:
        """A batch that ended without being executed has no items to tell of."""
        body = head.body
        return StatusReported(
            batch_id=body.batch_id,
            status=body.status,
            bank_reference=body.bank_reference,
            number_of_transactions=body.number_of_transactions,
            control_sum=body.control_sum,
            raw_text=body.raw_text,
        )

    # Taking over

    async def _tell(
        self,
        batch: Batch,
        body: BatchReturned | StatusReported,
        raw: tuple[bytes, ...],
        mapping: str,
        results: tuple[PaymentResult, ...],
    ) -> None:
        digest = _digest(_encode(body) + _encode(results))
        stage = body.stage if isinstance(body, BatchReturned) else "status"
        facts: dict[str, Any] = {
            "partner_message_id": f"{batch.reference}/{stage}/{digest}",
            "mapping": mapping,
            "idempotency": digest.encode(),
        }
        if len(results) <= self._channel.settings.poll.inline:
            whole = msgspec.structs.replace(body, results=results)
            await self._accept(batch, body=whole, raw=b"\n".join(raw), **facts)
            return
        file = await self._in_thread(self._spool, raw)
        try:
            name = f"{batch.reference}.{stage}"
            kept = await self._context.inbox.keep(file, name=name, records=iter(results))
            await self._accept(batch, body=body, raw=b"", attachment=kept, **facts)
        finally:
            file.unlink(missing_ok=True)

    async def _accept(self, batch: Batch, body: Body, raw: bytes, **facts: Any) -> None:
        await self._context.inbox.accept(
            Inbound(
                body=body,
                raw=raw,
                region=self._context.region,
                subject=batch.reference,
                ordering_key=batch.reference,
                **facts,
            )
        )

    def _spool(self, raw: tuple[bytes, ...]) -> Path:
        """The answers as a file, only until the inbox has sealed a copy."""
        file = self._context.state_dir / f"{_SPOOL}{self._context.random(8).hex()}"
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as out:
            out.writelines(part + b"\n" for part in raw)
        return file

    def clear(self) -> None:
        """Removes what a crash has left."""
        for file in self._context.state_dir.glob(f"{_SPOOL}*"):
            with suppress(OSError):
                file.unlink()

    async def _in_thread(self, work: Callable[..., Path], *arguments: object) -> Path:
        reactor = self._context.reactor
        done: Path = await deferToThreadPool(reactor, reactor.getThreadPool(), work, *arguments)
        return done


def _in_part(row: PaymentResult) -> PaymentResult:
    """A debit that is a success for the bank although it collected less (实际代扣金额) is one in part."""
    if outcome(row.status) != "settled" or not 0 < (row.settled_amount or 0) < (row.amount or 0):
        return row
    return msgspec.structs.replace(row, status="partial")


def _refused(head: Head) -> bool:
    return outcome(head.body.status or "") == "rejected"


def _nothing_moved(head: Head, results: tuple[PaymentResult, ...]) -> bool:
    """Whether the bank refuses the batch as a whole: it is asked for its items, and has none, or none but such as it never
    began and counts no success."""
    if not _refused(head) or head.body.settled_count:
        return False
    return not results or (
        head.body.settled_count == 0 and all(outcome(row.status) in _UNDER_WAY for row in results)
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]

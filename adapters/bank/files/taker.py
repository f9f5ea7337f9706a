"""Takes what a bank sends: recognised by its name, read, checked against what was sent, committed, noted.

Nothing is believed that the file does not prove: a batch that was sent is looked up by the name it went out under, a
final return of other items than that batch is refused, and so is another file under a name that was taken before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from typing import Any

from adapters.bank.files.formats import ANSWERED, Document, Documents
from adapters.bank.files.ledger import Ledger, Sent
from adapters.bank.files.names import Parts, Unnameable
from adapters.bank.files.profile import Incoming
from adapters.bank.files.reading import Reading, Wrong
from gateway.contract import Conflict, Context, Inbound, Refusal, Reject, Unavailable
from gateway.transports.files.taking import Arrived, Finding, NotNow, Taken, TurnedAway
from gateway.transports.files.threads import in_thread
from mappings.catalogue import NoMapping, china_day


class BankTaker:
    """Implements `Taker`.

    Args:
        party: the number by which the bank knows us.
    """

    def __init__(self, documents: Documents, party: str, ledger: Ledger, context: Context) -> None:
        self._documents = documents
        self._party = party
        self._ledger = ledger
        self._context = context

    async def take(self, file: Arrived) -> Taken:
        """See `Taker.take`."""
        try:
            return await self._take(file)
        except TurnedAway as away:
            away.refusal_id = await self.refuse(
                file.name, away.code, away.findings, bytes.fromhex(file.sha256)
            )
            raise
        except Unavailable as error:
            raise NotNow(error.zh, error.en) from None

    async def refuse(self, name: str, code: str, findings: tuple[Finding, ...], digest: bytes) -> str:
        """See `Taker.refuse`. An agreed name tells of a batch, and goes on record; any other might tell of a person."""
        first = findings[0] if findings else Finding(rule="", zh="", en="")
        agreed = self._documents.recognised(name, self._party) is not None
        refusal = Refusal(
            code=code,
            field=first.field,
            rule=first.rule,
            raw=digest,
            partner_message_id=name if agreed else None,
        )
        try:
            return await self._context.inbox.refuse(refusal)
        except Unavailable as error:
            raise NotNow(error.zh, error.en) from None

    async def _take(self, file: Arrived) -> Taken:
        recognised = self._documents.recognised(file.name, self._party)
        if recognised is None:
            raise _away(
                "unknown-operation", "file-name", "文件名不是约定的任何一种", "a name that was not agreed"
            )
        document, parts = recognised
        sent = await in_thread(self._context, self._sent, document, parts)
        reading = self._reading(file, document, parts, sent)
        try:
            await in_thread(self._context, reading.start)
            return await self._commit(file, document, reading, sent, parts)
        except Wrong as wrong:
            raise TurnedAway(code="invalid", findings=wrong.findings, more=wrong.more) from None
        finally:
            await in_thread(self._context, reading.close)

    def _sent(self, document: Document[Incoming], parts: Parts) -> Sent | None:
        """What the file answers, as far as its name tells."""
        asked = self._documents.outgoing.get(document.settings.answers or "")
        if asked is None:
            return None
        try:
            found = self._ledger.named(asked.name.fill(replace(parts, party=self._party)))
        except Unnameable:
            found = None
        return found or (self._ledger.of_batch(asked.type, parts.batch) if parts.batch else None)

    def _reading(
        self, file: Arrived, document: Document[Incoming], parts: Parts, sent: Sent | None
    ) -> Reading:
        own = document.settings
        known = {"batch": parts.batch or (sent and sent.batch), "date": parts.date}
        elsewhere: dict[str, Any] = {field: known[slot] for field, slot in own.elsewhere.items()}
        if None in elsewhere.values():
            zh, en = "不是对我方所送任何批次的答复", "it answers no batch of ours"
            raise _away("unknown-batch", "file-name", zh, en)
        if own.stage is not None:
            elsewhere["stage"] = own.stage
        day = parts.date or china_day(self._context.clock.now())
        try:
            return Reading(file.path, document.mapping(day), elsewhere)
        except NoMapping as error:
            raise _away("no-mapping", "mapping", error.zh, error.en) from None

    async def _commit(
        self, file: Arrived, document: Document[Incoming], reading: Reading, sent: Sent | None, parts: Parts
    ) -> Taken:
        inbox = self._context.inbox
        raw, attachment = b"", None
        if reading.complete:
            raw = await in_thread(self._context, file.path.read_bytes)
        else:
            attachment = await inbox.keep(file.path, name=file.name, records=reading.rows())
        if file.sha256 != (attachment.sha256 if attachment else hashlib.sha256(raw).hexdigest()):
            raise OSError(0, "the file changed while it was read")  # taken in a later round
        body = reading.body
        batch = getattr(body, "batch_id", None) or getattr(body, "request_id", None)
        if batch not in (None, sent.batch if sent else parts.batch or batch):
            zh, en = "文件内的批次号与文件名不是同一批次", "it speaks of another batch than its name"
            raise _away("invalid", "batch-number", zh, en)
        if sent is None and batch is not None:
            sent = await in_thread(self._context, self._ledger.of_batch, ANSWERED[document.type], batch)
        if document.settings.whole and sent is not None:
            _compare(body, reading.count, sent)
        subject = batch or _day(body) or file.name
        mapping = reading.mapping
        identity = f"{document.key}/{subject}/{file.name}"
        inbound = Inbound(
            body=reading.whole() if reading.complete else body,
            raw=raw,
            partner_message_id=f"{identity}#{file.sha256[:16]}" if document.settings.replaces else identity,
            region=self._context.region,
            mapping=f"{mapping.name}@{mapping.version}",
            subject=subject,
            ordering_key=batch and f"batch {batch}",
            idempotency=bytes.fromhex(file.sha256),
            attachment=attachment,
        )
        try:
            receipt = await inbox.accept(inbound)
        except Conflict:
            zh, en = "同名文件已受理，而内容不同", "another file of this name was taken before"
            raise _away("conflict", "same-name", zh, en) from None
        except Reject as error:
            raise _away(error.code, error.rule, error.zh, error.en) from None
        if sent is not None:
            note = self._ledger.note
            await in_thread(
                self._context, note, file.name, file.sha256, document.key, sent.name, receipt.message_id
            )
        return Taken(
            message_id=receipt.message_id,
            repeated=receipt.repeated,
            count=reading.count,
            total=getattr(body, "control_sum", None),
        )


def _compare(body: Any, count: int, sent: Sent) -> None:
    """A final return names every item of its batch, with its amount."""
    told = getattr(body, "number_of_transactions", None)
    total = getattr(body, "control_sum", None)
    if {count, count if told is None else told} != {sent.count}:
        raise _away(
            "invalid", "batch-count", "笔数与所送批次不符", "not as many items as the batch that was sent"
        )
    if None not in (total, sent.total) and total != sent.total:
        raise _away(
            "invalid", "batch-sum", "金额与所送批次不符", "another sum than that of the batch that was sent"
        )


def _day(body: Any) -> str | None:
    """What a file without a batch is about: a day, or the bank's own number of it."""
    day: dt.date | None = getattr(body, "reconciled_on", None)
    if day is not None:
        return day.isoformat()
    return getattr(body, "statement_id", None) or getattr(body, "notification_id", None)


def _away(code: str, rule: str, zh: str, en: str) -> TurnedAway:
    return TurnedAway(code=code, findings=(Finding(rule=rule, zh=zh, en=en),))

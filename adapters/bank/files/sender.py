"""Batches to the bank, one file each.

    prepare   document chosen ─► rows counted ─► written ─► named, once and for good (ledger)
    send      put, then its companions; looked for first, where an earlier attempt came to giving it its name
    query     it never came to giving it its name?      ─ yes ─► absent
              has anything come for the batch?  ─ yes ─► the bank has it
              still in the folder, or fetched?  ─ yes ─► the bank has it
              unfinished, or gone from a folder the bank leaves alone ─► absent: the same file is put again
              else ─► nobody knows yet: the bank is asked by file where that was agreed; looked again later

A second file for a batch is never made: the bank might execute both.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Literal

from adapters.bank.files.formats import Document, Documents
from adapters.bank.files.ledger import Ledger, Sent
from adapters.bank.files.ledger import Taken as NameGiven
from adapters.bank.files.names import Parts, Unnameable
from adapters.bank.files.profile import Outgoing
from gateway.canonical import Message
from gateway.canonical.rows import ROWS, rows_beside, with_rows
from gateway.contract import (
    Absent,
    Accepted,
    Context,
    Outcome,
    PartnerDown,
    Prepared,
    QueryOutcome,
    Reject,
    Rejected,
    ReverseOutcome,
    Unknown,
)
from gateway.transports.files import Deposit, NameTaken, Uncertain
from gateway.transports.files.threads import in_thread
from mappings import MappingError
from mappings.catalogue import NoMapping, china_day

_DOCUMENT: Final = "document"
_GONE: Final = Unknown(
    reason="目录中没有此文件，也没有回执：可能已被银行取走，等待回盘"
    " / neither the file nor an answer to it is there: the bank may have taken it"
)


class FilesSender:
    """Implements `Sender` and `Resolver`.

    Args:
        party: the number by which the bank knows us.
        deposits: where documents are put, by their `folder`.
        operations: names of the manifest's operations, by canonical type.
    """

    def __init__(
        self,
        documents: Documents,
        party: str,
        deposits: dict[str, Deposit],
        ledger: Ledger,
        operations: dict[str, str],
        context: Context,
    ) -> None:
        self._documents = documents
        self._party = party
        self._deposits = deposits
        self._ledger = ledger
        self._operations = operations
        self._context = context

    async def prepare(self, message: Message) -> Prepared:
        """See `Sender.prepare`. The reference is the file's name."""
        document = self._documents.sending(message.type, message.data)
        if document is None:
            raise Reject(
                "这家银行的文件约定中没有这种批次",
                "this bank has no document for such a batch",
                code="unsupported",
            )
        field = ROWS[document.type]
        rows = rows_beside(message) or len(getattr(message.data, field))
        most = document.settings.max_rows
        if rows > most:
            raise Reject(
                f"每个文件至多 {most} 笔，此批次有 {rows} 笔，请拆分批次",
                f"a file holds {most} rows at most, this batch has {rows}: make several of it",
                code="too-many",
                field=field,
                rule=f"max {most}",
            )
        content = await in_thread(self._context, self._written, document, message)
        name = await self._name(document, message, rows)
        return Prepared(
            operation=self._operations[message.type],
            reference=name,
            content=content,
            attributes={_DOCUMENT: document.key},
        )

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """See `Sender.send`. Accepted means: the bank has the file. What became of its items, its returns say."""
        del message
        document = self._documents.outgoing[prepared.attributes[_DOCUMENT]]
        deposit = self._deposits[document.settings.folder]
        name = prepared.reference

        try:
            known = await in_thread(self._context, self._ledger.named, name)
        except OSError as error:
            raise _unnoted(error) from None
        if known is not None and known.begun and not self._documents.profile.keeps:
            # It was about to appear before, and whoever said that it had not may have looked too early.
            earlier = await self._found(deposit, document, prepared)
            if earlier != "absent":
                return _GONE if earlier == "gone" else earlier

        def begin() -> None:
            try:
                self._ledger.begin(name)
            except OSError as error:
                raise _unnoted(error) from None

        try:
            await deposit.put(name, prepared.content, document.settings.companions, begin)
        except Uncertain as error:
            return Unknown(reason=error.both)
        except NameTaken as error:
            return Rejected(code="conflict", reason=error.both)
        return Accepted(reference=name)

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """See `Resolver.query`."""
        sent = await in_thread(self._context, self._ledger.named, prepared.reference)
        if sent is not None and not sent.begun:
            return Absent()
        if await in_thread(self._context, self._ledger.answered, prepared.reference):
            return Accepted(reference=prepared.reference)
        document = self._documents.outgoing[prepared.attributes[_DOCUMENT]]
        deposit = self._deposits[document.settings.folder]
        found = await self._found(deposit, document, prepared)
        if isinstance(found, Accepted | Unknown):
            return found
        if found == "absent" or self._documents.profile.keeps:
            return Absent()
        asking = self._documents.asking(document)
        if asking is not None:
            await self._ask(asking, document, message, prepared)
        return _GONE

    async def _found(
        self, deposit: Deposit, document: Document[Outgoing], prepared: Prepared
    ) -> Accepted | Unknown | Literal["absent", "gone"]:
        """What became of a file, by what stands in the folder. Raises PartnerDown."""
        try:
            found = await deposit.look(prepared.reference, prepared.content, document.settings.companions)
        except NameTaken as error:
            return Unknown(reason=error.both)
        if found == "absent":
            return "absent"
        if found in ("there", "taken"):
            return Accepted(reference=prepared.reference)
        return "gone"

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """A file cannot be taken back."""
        del message, prepared
        return Unknown(reason="文件送出后不能撤回 / a file cannot be taken back")

    async def _ask(
        self,
        asking: Document[Outgoing],
        about: Document[Outgoing],
        message: Message,
        prepared: Prepared,
    ) -> None:
        """Puts the question. Its answer comes as any other file; the same question again does no harm."""
        known = about.name.match(prepared.reference) or Parts()
        name = asking.name.fill(replace(known, party=self._party, batch=_batch(message.data)))
        content = await in_thread(self._context, self._written, asking, message)
        with suppress(Uncertain, NameTaken):
            await self._deposits[asking.settings.folder].put(name, content, asking.settings.companions)

    def _written(self, document: Document[Outgoing], message: Message) -> bytes:
        values = {"batch": _batch(message.data), "party": self._party}
        own = document.settings.envelope
        try:
            mapping = document.mapping(china_day(message.time))
            return mapping.encode(self._body(message), {place: values[slot] for place, slot in own.items()})
        except NoMapping as error:
            raise Reject(error.zh, error.en, code="no-mapping") from None
        except MappingError as error:
            raise Reject(
                f"无法写成银行的格式：{error.zh}",
                f"cannot be said in the bank's format: {error.en}",
                code="mapping",
                field=error.canonical or error.field,
                rule=error.rule,
            ) from None

    def _body(self, message: Message) -> Any:
        if not rows_beside(message) or message.attachment is None:
            return message.data
        return with_rows(message, self._context.attachments.records(message.attachment))

    async def _name(self, document: Document[Outgoing], message: Message, rows: int) -> str:
        """The one the message was given before, or a new one."""
        known = await in_thread(self._context, self._ledger.of_message, message.id)
        if known is not None:
            return known.name
        today = china_day(self._context.clock.now())
        sequence = None
        if "sequence" in document.name.slots:
            series = f"{document.settings.name} {today.isoformat()}"  # begins anew each day
            sequence = await self._context.serials.next(series)
        batch = _batch(message.data)
        try:
            name = document.name.fill(Parts(party=self._party, batch=batch, date=today, sequence=sequence))
        except Unnameable as error:
            raise _unnameable(error.slot) from None
        sent = Sent(
            name=name,
            type=message.type,
            batch=batch,
            day=(_day(message.data) or today).isoformat(),
            message=message.id,
            count=rows,
            total=getattr(message.data, "control_sum", None),
        )
        try:
            await in_thread(self._context, self._ledger.give, sent)
        except NameGiven:
            raise Reject(
                f"批次号 {batch} 已送过，不再送第二个文件",
                f"batch {batch} has gone out: no second file is sent for it",
                code="duplicate",
                field="batch_id",
                rule="once",
            ) from None
        return name


def _batch(body: Any) -> str:
    return str(getattr(body, "batch_id", None) or body.request_id)


def _day(body: Any) -> dt.date | None:
    """The batch's own day, where it has one: daily numbers begin anew with it."""
    day: dt.date | None = getattr(body, "requested_on", None) or getattr(body, "asked_on", None)
    return day


def _unnoted(error: OSError) -> PartnerDown:
    zh, en = "无法记下开始送出，未送", "that it is begun cannot be noted, so nothing is sent"
    return PartnerDown(f"{zh}：{error.strerror}", f"{en}: {error.strerror}")


def _unnameable(slot: str) -> Reject:
    if slot == "sequence":
        zh, en = "当日文件序号已用完", "the day's file numbers are used up"
    else:
        zh, en = (
            "批次号不能用于文件名：只能是字母、数字和连字符",
            "a batch number in a file name is letters, digits and hyphens",
        )
    return Reject(zh, en, code="name", field="batch_id", rule=slot)

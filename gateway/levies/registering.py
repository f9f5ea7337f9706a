"""An agency's file of debits: all of it is taken in, or nothing; then it goes to the network in packages."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from twisted.internet.threads import deferToThread

from gateway.books.intake import Intake
from gateway.canonical import Message
from gateway.canonical.levy import BatchDebit, DebitBatchSubmitted
from gateway.contract import Reject
from gateway.levies import packing, reports
from gateway.levies.lifecycle import ARRIVING
from gateway.levies.parts import Parts
from gateway.levies.rows import debit_row
from gateway.levies.settings import CollectorSettings
from gateway.store import levies_changes as changes
from gateway.store import levies_reads as reads
from gateway.store.levies import DebitRow, FileRow, TakeIn

_NAMED = 10  #: rows that a refusal names


async def take_file(parts: Parts, message: Message) -> None:
    """Registers the debits of a `levy.batch.submitted.v1`, and sends them on.

    Raises:
        Reject: its sender may not collect so, or something in it cannot be; nothing of it was taken in.
    """
    body = message.data
    assert isinstance(body, DebitBatchSubmitted)
    intake = Intake(parts, message)
    file = await parts.store.ask(reads.file, message.id)
    if not await intake.begin():
        if file is None or file.state == "refused":  # stopped between the refusal and its delivery's end
            raise Reject("该文件已被拒收", "the file was refused before", code="refused")
        return
    if file is None or file.state == "arriving":
        try:
            collector = await _register(parts, intake, body)
        except Reject as refusal:
            told = reports.refused(parts, message, body, refusal)
            await parts.store.work(changes.refuse, message.id, [] if told is None else [told[0]])
            if told is not None:
                told[1]()
            parts.log.warning("levies.refused", message=message.id, code=refusal.code, field=refusal.field)
            raise
    else:
        collector = _collector(parts, message, body)
    await packing.pack(parts, message, body, collector)


async def _register(parts: Parts, intake: Intake, body: DebitBatchSubmitted) -> CollectorSettings:
    message = intake.message
    collector = _collector(parts, message, body)
    if body.currency != "CNY":
        raise Reject("只受理人民币", "only CNY is collected", code="currency", field="currency")
    row = FileRow(
        message_id=message.id,
        proposer=message.partner,
        region=message.region,
        collector=collector.name,
        entrusted_on=body.entrusted_on.isoformat(),
        batch_no=body.batch_no,
        payer_bank_line_no=body.payer_bank_line_no,
        created=parts.now,
    )
    await parts.store.work(changes.open_file, row)

    async def take_chunk(chunk: list[BatchDebit]) -> None:
        made = await deferToThread(_rows, parts, row, chunk, intake.position + 1)
        rows = (
            await _with_agreements(parts, collector, made)
            if collector.require_agreement
            else [one for _, one in made]
        )
        unit = TakeIn(
            message_id=message.id,
            position=intake.position,
            after=intake.position + len(chunk),
            rows=tuple(rows),
        )
        conflicts = await parts.store.work(changes.take_in, unit)
        if conflicts:
            raise _conflict(conflicts)

    await intake.each(body.debits, BatchDebit, take_chunk)
    if not intake.position:
        raise Reject("文件中没有扣款明细", "the file has no debits", code="empty", field="debits")
    await parts.store.work(changes.confirm, message.id, collector.partner, parts.now)
    parts.log.info("levies.registered", message=message.id, collector=collector.name, count=intake.position)
    return collector


def _collector(parts: Parts, message: Message, body: DebitBatchSubmitted) -> CollectorSettings:
    for collector in parts.settings.collectors:
        if collector.collector_code == body.collector_code and message.partner in collector.proposers:
            return collector
    raise Reject(
        f"{message.partner} 不得以征收机关 {body.collector_code} 扣款（见 levies.yaml 的 proposers）",
        f"{message.partner} may not collect as {body.collector_code} (proposers in levies.yaml)",
        code="not-allowed",
        field="collector_code",
    )


def _rows(
    parts: Parts, file: FileRow, chunk: Sequence[BatchDebit], first: int
) -> list[tuple[BatchDebit, DebitRow]]:
    """Each with its debit, which names the payer's bank now."""
    made = []
    for number, given in enumerate(chunk, first):
        bank = given.payer_bank_line_no or file.payer_bank_line_no
        if bank is None:
            raise Reject(
                f"第 {number} 笔：明细与文件都没有写明付款行行号",
                f"debit {number}: neither it nor the file names the payer's bank",
                code="bank",
                field=f"debits[{number}].payer_bank_line_no",
            )
        if given.amount <= 0:
            raise Reject(
                f"第 {number} 笔：金额须大于零",
                f"debit {number}: the amount must be more than nothing",
                code="amount",
                field=f"debits[{number}].amount",
            )
        debit = replace(given, payer_bank_line_no=bank)
        row = debit_row(
            parts,
            debit,
            bank=bank,
            collector=file.collector,
            way="batch",
            proposer=file.proposer,
            file=file.message_id,
            number=number,
            entrusted_on=file.entrusted_on,
            state=ARRIVING,
        )
        made.append((debit, row))
    return made


async def _with_agreements(
    parts: Parts, collector: CollectorSettings, made: Sequence[tuple[BatchDebit, DebitRow]]
) -> list[DebitRow]:
    """Debits without a verified agreement are marked: they end as refused, and are never sent."""
    tags = [parts.seals.agreement(debit) for debit, _ in made]
    agreed = await parts.store.ask(reads.agreed, collector.name, sorted(set(tags)))
    return [
        row if tag in agreed else replace(row, code=changes.NO_AGREEMENT)
        for (_, row), tag in zip(made, tags, strict=True)
    ]


def _conflict(numbers: list[int]) -> Reject:
    shown = "、".join(map(str, numbers[:_NAMED])) + ("…" if len(numbers) > _NAMED else "")
    return Reject(
        f"第 {shown} 笔的税（费）票号码已用于内容不同的扣款，或在文件中重复（共 {len(numbers)} 笔），整个文件未受理",
        f"the voucher numbers of debits {shown} are taken by others, or stand twice in the file ({len(numbers)});"
        " nothing of the file was taken in",
        code="conflict",
        field=f"debits[{numbers[0]}].voucher_no",
    )

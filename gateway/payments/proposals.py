"""An agency's file of items: all of it is taken in, or nothing."""

from __future__ import annotations

from gateway.books.intake import Intake
from gateway.canonical import Message
from gateway.canonical.payment import PaymentBatch, PaymentItem
from gateway.contract import Reject
from gateway.payments import reports
from gateway.payments.parts import Parts
from gateway.payments.seals import Party
from gateway.payments.settings import AccountSettings
from gateway.store import payments_changes as changes
from gateway.store import payments_reads as reads
from gateway.store.payments import ItemRow, ProposalRow, TakeIn

LONGEST = 35  #: of an end-to-end id (ISO 20022 Max35Text)
_NAMED = 10  #: rows that a refusal names


async def take(parts: Parts, message: Message) -> None:
    """Proposes the items of a `payment.batch.submitted.v1`.

    Raises:
        Reject: it may not use the account, or something in it cannot be; nothing of it was taken in.
    """
    body = message.data
    assert isinstance(body, PaymentBatch)
    intake = Intake(parts, message)
    if not await intake.begin():
        await _refused_before(parts, message.id)
        return
    try:
        await _take_in(parts, intake, body)
    except Reject as refusal:
        await _refuse(parts, message, body, refusal)
        raise


async def _take_in(parts: Parts, intake: Intake, body: PaymentBatch) -> None:
    message = intake.message
    if body.currency != "CNY":
        raise Reject("只受理人民币", "only CNY is paid", code="currency", field="currency")
    account = _account(parts, message.partner, body)
    row = ProposalRow(
        message_id=message.id,
        proposer=message.partner,
        region=message.region,
        batch_id=body.batch_id,
        account=account.name,
        kind=body.kind,
        count=body.number_of_transactions,
        total=body.control_sum,
        created=parts.now,
    )
    await parts.store.work(changes.propose, row)
    day = None if body.requested_on is None else body.requested_on.isoformat()

    async def take_chunk(chunk: list[PaymentItem]) -> None:
        first = intake.position + 1
        rows = tuple(_row(parts, row, account, item, n, day) for n, item in enumerate(chunk, first))
        unit = TakeIn(
            message_id=message.id,
            proposer=message.partner,
            position=intake.position,
            after=intake.position + len(chunk),
            rows=rows,
        )
        conflicts = await parts.store.work(changes.take_in, unit)
        if conflicts:
            raise _conflict(conflicts)

    await intake.each(body.items, PaymentItem, take_chunk)
    if intake.position != row.count:
        raise Reject(
            f"文件写明 {row.count} 笔，实有 {intake.position} 笔",
            f"the file says {row.count} items and has {intake.position}",
            code="count",
            field="number_of_transactions",
        )
    await parts.store.work(changes.confirm, message.id, parts.now)
    parts.log.info("payments.proposed", message=message.id, account=account.name, count=row.count)


async def _refuse(parts: Parts, message: Message, body: PaymentBatch, refusal: Reject) -> None:
    told = reports.refused(parts, message, body, refusal)
    units = [] if told is None else [told[0]]
    await parts.store.work(changes.refuse, message.id, units)
    if told is not None:
        told[1]()
    parts.log.warning("payments.refused", message=message.id, code=refusal.code, field=refusal.field)


async def _refused_before(parts: Parts, message_id: str) -> None:
    """Stopped between the refusal and its delivery's end: it is refused, whoever comes again."""
    row = await parts.store.ask(reads.proposal, message_id)
    if row is None or row.state == "refused":
        raise Reject("该文件已被拒收", "the file was refused before", code="refused")


def _account(parts: Parts, proposer: str, body: PaymentBatch) -> AccountSettings:
    fitting = [
        account
        for account in parts.settings.accounts
        if proposer in account.proposers
        and body.kind in account.kinds
        and body.own_account_no in (None, account.account_no)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise Reject(
            f"{proposer} 不得就此账户提出 {body.kind}（见 payments.yaml 的 proposers、kinds）",
            f"{proposer} may not propose {body.kind} for this account (proposers, kinds in payments.yaml)",
            code="not-allowed",
            field="own_account_no",
        )
    raise Reject(
        "不止一个账户可用，文件须写明本方账号 own_account_no",
        "several accounts would do: the file must name own_account_no",
        code="which-account",
        field="own_account_no",
    )


def _row(
    parts: Parts,
    proposal: ProposalRow,
    account: AccountSettings,
    item: PaymentItem,
    number: int,
    day: str | None,
) -> ItemRow:
    # Batch numbers may begin anew each day: what only they tell apart is the same on the same day only.
    day = day if item.end_to_end_id is None else None
    reference = item.end_to_end_id or f"{proposal.batch_id}-{item.sequence or number}"
    if item.amount <= 0 or item.amount > account.max_amount:
        raise Reject(
            f"第 {number} 笔：金额须大于零且不超过每批上限",
            f"item {number}: the amount must be more than nothing and not beyond the limit of a batch",
            code="amount",
            field=f"items[{number}].amount",
        )
    if len(reference) > LONGEST:
        raise Reject(
            f"第 {number} 笔没有单号，由批次号与序号合成又超过 {LONGEST} 个字符",
            f"item {number} has no end-to-end id, and batch number with sequence has more than {LONGEST} characters",
            code="reference",
            field=f"items[{number}].end_to_end_id",
        )
    id_, now = parts.ids(), parts.now
    return ItemRow(
        id=id_,
        account=account.name,
        kind=proposal.kind,
        proposer=proposal.proposer,
        proposal=proposal.message_id,
        end_to_end_id=reference,
        own_reference=item.end_to_end_id,
        own_sequence=item.sequence or number,
        amount=item.amount,
        account_tag=parts.seals.tag(item.account_no),
        digest=parts.seals.digest(item, day),
        sealed=parts.seals.seal(Party.of(item), id_),
        created=now,
        updated=now,
    )


def _conflict(numbers: list[int]) -> Reject:
    shown = "、".join(map(str, numbers[:_NAMED])) + ("…" if len(numbers) > _NAMED else "")
    return Reject(
        f"第 {shown} 笔的单号已用于内容不同的明细（共 {len(numbers)} 笔；没有单号的以批次号与序号为单号），整个文件未受理",
        f"the end-to-end ids of items {shown} are taken by others ({len(numbers)}; where there is none, batch number with"
        " sequence); nothing of the file was taken in",
        code="conflict",
        field="items",
    )

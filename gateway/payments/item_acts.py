"""What people decide about items. Every decision is a signed statement, and stands in the audit log as such.

The functions block: they are for a person's program beside the running gateway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice

from gateway.books.intake import CHINA
from gateway.books.people import Signed
from gateway.books.signing import Signer, audited
from gateway.canonical import Message
from gateway.contract import Reject
from gateway.payments import verification
from gateway.payments.lifecycle import AGAIN, APPROVED, PROPOSED, WITHDRAWABLE, WITHDRAWN
from gateway.payments.office import Office, require_clear
from gateway.payments.proposals import LONGEST
from gateway.store import changes as serials
from gateway.store import payments_changes as changes
from gateway.store import payments_disputes as disputes
from gateway.store import payments_reads as reads
from gateway.store.payments import Decide, ItemRow


def items_digest(items: Sequence[ItemRow]) -> str:
    """Over ids and amounts, in their order: which items a statement speaks of."""
    told = "".join(f"{item.id} {item.amount}\n" for item in items)
    return "sha256:" + hashlib.sha256(told.encode()).hexdigest()


def _facts(items: Sequence[ItemRow]) -> dict[str, str | int]:
    return {
        "count": len(items),
        "sum_fen": sum(item.amount for item in items),
        "items": items_digest(items),
    }


def approve(office: Office, signer: Signer, items: Sequence[ItemRow]) -> Signed:
    """All of these items, or none.

    Raises:
        Reject: one is not proposed, or its account not verified where that is required.
        Moved: one has changed meanwhile.
    """
    for item in items:
        _require(item.state == PROPOSED, item, PROPOSED)
    verified = any(office.account(name).require_verified for name in {item.account for item in items})
    unverified = sum(item.verification != verification.VERIFIED for item in items) if verified else 0
    if unverified:
        raise Reject(
            f"{unverified} 笔的账户未核验相符，此账户要求先核验：gateway payment verify-accounts",
            f"the accounts of {unverified} items are not verified, which this account requires: gateway payment verify-accounts",
            code="not-verified",
        )
    signed = signer.states(office, "payment.approve", decision="approve", **_facts(items))
    unit = Decide(
        ids=tuple(item.id for item in items),
        before=(PROPOSED,),
        after=APPROVED,
        by=signer.person.name,
        at=office.now,
        verified=verified,
        audit=(audited(office, "payment.approved", signed),),
    )
    office.book.work(changes.decide, unit)
    return signed


def withdraw(office: Office, signer: Signer, items: Sequence[ItemRow], reason: str) -> Signed:
    """Takes items back that are in no batch. Raises as `approve`."""
    for item in items:
        _require(item.state in WITHDRAWABLE, item, "、".join(WITHDRAWABLE))
    signed = signer.states(office, "payment.approve", decision="withdraw", reason=reason, **_facts(items))
    unit = Decide(
        ids=tuple(item.id for item in items),
        before=WITHDRAWABLE,
        after=WITHDRAWN,
        by=signer.person.name,
        at=office.now,
        audit=(audited(office, "payment.withdrawn", signed),),
    )
    office.book.work(changes.decide, unit)
    return signed


def _require(holds: bool, item: ItemRow, wanted: str) -> None:
    if not holds:
        raise Reject(
            f"明细 {item.id} 现为 {item.state}，须为 {wanted}",
            f"item {item.id} is {item.state}, and would have to be {wanted}",
            code="state",
        )


def propose_again(
    office: Office, signer: Signer, items: Sequence[tuple[ItemRow, str]], reason: str
) -> list[ItemRow]:
    """Refused or returned items as new ones, each under an end-to-end id of its own; all or none.

    Raises:
        Reject: one is neither, was proposed anew before, or a difference about it is open; or its number is taken.
        Moved: one has changed meanwhile.
    """
    for item, reference in items:
        _may_be_again(office, item, reference)
    fresh = [_fresh(office, item, reference) for item, reference in items]
    signed = signer.states(
        office,
        "payment.approve",
        decision="propose-again",
        new_items=items_digest(fresh),
        reason=reason,
        **_facts([item for item, _ in items]),
    )
    entry = audited(office, "payment.proposed_again", signed)
    office.book.work(changes.propose_again, fresh, AGAIN, (entry,))
    return fresh


def _may_be_again(office: Office, item: ItemRow, reference: str) -> None:
    _require(item.state in AGAIN, item, "、".join(AGAIN))
    require_clear(office.book.ask(disputes.of_item, item.id))
    newer = office.book.ask(disputes.replaced_by, item.id)
    if newer is not None:
        raise Reject(f"已重新提出过：{newer}", f"it was proposed anew before: {newer}", code="again")
    if not 0 < len(reference) <= LONGEST:
        raise Reject(
            f"单号 {reference} 须为 1 至 {LONGEST} 个字符",
            f"the end-to-end id {reference} has to have 1 to {LONGEST} characters",
            code="reference",
        )
    if office.book.ask(disputes.named, item.proposer, reference) is not None:
        raise Reject(f"单号 {reference} 已用过", f"the end-to-end id {reference} is taken", code="reference")


def _fresh(office: Office, item: ItemRow, reference: str) -> ItemRow:
    id_, now = office.ids(), office.now
    return ItemRow(
        id=id_,
        account=item.account,
        kind=item.kind,
        proposer=item.proposer,
        proposal=item.proposal,
        end_to_end_id=reference,
        own_reference=item.own_reference,
        own_sequence=item.own_sequence,
        amount=item.amount,
        state=PROPOSED,
        account_tag=item.account_tag,
        digest=item.digest,
        sealed=office.seals.seal(office.seals.open(item.sealed, item.id), id_),
        replaces=item.id,
        created=now,
        updated=now,
    )


def close_difference(office: Office, signer: Signer, number: int, reason: str) -> Signed:
    """A person has looked into it.

    Raises:
        Reject: there is no such difference, or it is closed.
        Moved: somebody else closes it at the same time.
    """
    row = office.book.ask(reads.difference, number)
    if row is None or row.closed_at is not None:
        raise Reject(f"没有未关闭的差异 {number}", f"there is no open difference {number}", code="difference")
    about = {"item": row.item_id, "batch": row.batch_id, "day": row.day, "reference": row.reference}
    signed = signer.states(
        office,
        "difference.close",
        difference=number,
        kind=row.kind,
        account=row.account,
        message=row.message_id,
        reason=reason,
        **{name: value for name, value in about.items() if value is not None},
    )
    entry = audited(office, "difference.closed", signed)
    by = signer.person.name
    office.book.work(changes.close_difference, number, by, reason, office.now, (entry,))
    return signed


def verify_accounts(office: Office, account_name: str, *, again: bool = False) -> list[tuple[str, int]]:
    """Asks the bank about the accounts of proposed items, those not asked about yet. (request, accounts) of each
    question. `again`: also those that it has not answered or refused.

    Raises:
        Reject: the bank takes no such questions.
    """
    account = office.account(account_name)
    wanted = reads.Wanted(account=account_name, state=PROPOSED, limit=1_000_000)
    done = (verification.VERIFIED,) if again else (verification.VERIFIED, verification.REFUSED, "asked")
    items = iter([item for item in office.book.ask(reads.items, wanted) if item.verification not in done])
    asked = []
    while portion := list(islice(items, verification.LARGEST)):
        day = office.clock.now().astimezone(CHINA).date()
        serial = office.book.work(serials.reserve, f"payment-verification/{day:%Y%m%d}", 1)
        request = f"V{day:%Y%m%d}{serial:06}"
        message_id = office.ids()
        message = Message(
            id=message_id,
            source="/payments",
            type="account.verification.asked.v1",
            time=office.clock.now(),
            subject=request,
            partner="payments",
            partner_message_id=request,
            correlation_id=message_id,
            region=office.region,
            purpose="支付前核验账户",
            data=verification.question(account, request, day, portion, office.seals),
        )
        due = office.due(message, account.bank)
        entry = office.journal.entry(
            "accounts.asked_about", message=message_id, actor=office.actor, detail={"count": len(portion)}
        )
        ids = [item.id for item in portion]
        office.book.work(changes.ask_about, request, ids, office.now, due, (entry,))
        asked.append((request, len(portion)))
    return asked

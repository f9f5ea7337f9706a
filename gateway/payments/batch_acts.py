"""What people decide about batches: building, releasing, cancelling. See `item_acts`.

What keeps two persons apart is checked here in words, and again by the store, in the transaction that releases.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from gateway.books.intake import CHINA
from gateway.books.people import Signed
from gateway.books.signing import Signer, audited
from gateway.canonical import Message
from gateway.contract import Reject
from gateway.payments import batches
from gateway.payments.lifecycle import APPROVED, BUILT
from gateway.payments.office import Office, require_clear
from gateway.payments.settings import AccountSettings
from gateway.store import changes as serials
from gateway.store import payments_changes as changes
from gateway.store import payments_disputes as disputes
from gateway.store import payments_reads as reads
from gateway.store.payments import BatchRow, Build, ItemRow, Release

_SALT = 32  #: bytes of a digest's salt
_PAGE = 5_000


def build(office: Office, signer: Signer, account_name: str, kind: str) -> list[BatchRow]:
    """Batches of everything that is approved for an account, as many as its limits ask for.

    Raises:
        Reject: nothing is approved.
        Moved: somebody else builds at the same time.
    """
    signer.require("batch.build")
    account = office.account(account_name)
    found = list(_approved(office, account_name, kind))
    if not found:
        raise Reject(
            f"账户 {account_name} 没有已审批、未组批的 {kind}",
            f"nothing is approved for {account_name} ({kind})",
            code="nothing",
        )
    return [_build(office, signer, account, kind, portion) for portion in batches.portions(account, found)]


def _approved(office: Office, account: str, kind: str) -> Iterator[ItemRow]:
    after = ""
    while page := office.book.ask(
        reads.items, reads.Wanted(account=account, kind=kind, state=APPROVED, after=after, limit=_PAGE)
    ):
        yield from page
        after = page[-1].id


def _build(
    office: Office, signer: Signer, account: AccountSettings, kind: str, items: Sequence[ItemRow]
) -> BatchRow:
    created = office.now
    day = dt.datetime.fromtimestamp(created / 1000, CHINA).date()
    serial = office.book.work(serials.reserve, batches.series(account, day), 1)
    batch_id = batches.number(account, day, serial)
    salt = office.random(_SALT)
    content = batches.body(account, batch_id, kind, created, items, office.seals)
    row = BatchRow(
        id=batch_id,
        account=account.name,
        bank=account.bank,
        kind=kind,
        state=BUILT,
        count=content.number_of_transactions,
        total=content.control_sum,
        digest=batches.digest_of(content, salt),
        salt=office.seals.seal_salt(salt, batch_id),
        created=created,
        built_by=signer.person.name,
        updated=created,
    )
    signed = signer.states(office, "batch.build", **_batch_facts(row))
    ids = tuple(item.id for item in items)
    office.book.work(
        changes.build, Build(batch=row, ids=ids, audit=(audited(office, "batch.built", signed),))
    )
    return row


def _batch_facts(row: BatchRow) -> dict[str, str | int]:
    return {
        "batch": row.id,
        "account": row.account,
        "count": row.count,
        "sum_fen": row.total,
        "digest": row.digest,
    }


def batch_of(office: Office, batch_id: str) -> BatchRow:
    """
    Raises:
        Reject: there is none.
    """
    row = office.book.ask(reads.batch, batch_id)
    if row is None:
        raise Reject(f"没有批次 {batch_id}", f"no batch {batch_id}", code="batch")
    return row


def release(office: Office, signer: Signer, row: BatchRow) -> Signed:
    """Gives a batch to its bank: it is sent once, whatever happens.

    Raises:
        Reject: it is not waiting for release, this person had a hand in it, a difference about it is open, it is too late
            today, or what would be sent is not what was built.
        Moved: it has changed meanwhile.
    """
    signer.require("batch.release")
    _second_person(office, signer.person.name, row)
    require_clear(office.book.ask(disputes.of_batch, row.id))
    account = office.account(row.account)
    _in_time(office, account)
    items = office.book.ask(reads.items_of, row.id)
    content = batches.as_built(account, row, items, office.seals)
    message_id = office.ids()
    message = Message(
        id=message_id,
        source="/payments",
        type="payment.batch.submitted.v1",
        time=office.clock.now(),
        subject=row.id,
        partner="payments",
        partner_message_id=row.id,
        correlation_id=message_id,
        region=office.region,
        data=content,
    )
    signed = signer.states(office, "batch.release", **_batch_facts(row))
    entry = audited(office, "batch.released", signed, message_id)
    unit = Release(
        batch_id=row.id,
        digest=row.digest,
        by=signer.person.name,
        at=office.now,
        message=office.due(message, row.bank),
        audit=(entry,),
    )
    office.book.work(changes.release, unit)
    return signed


def _second_person(office: Office, name: str, row: BatchRow) -> None:
    if row.state != BUILT:
        raise Reject(
            f"批次 {row.id} 现为 {row.state}，须为待放行",
            f"batch {row.id} is {row.state}, and would have to be built",
            code="state",
        )
    if name == row.built_by or name in office.book.ask(reads.approvers, row.id):
        raise Reject(
            f"{name} 组过本批次或审批过其中明细，须由他人放行",
            f"{name} built this batch or approved items of it: somebody else must release it",
            code="second-person",
        )


def _in_time(office: Office, account: AccountSettings) -> None:
    here = office.clock.now().astimezone(CHINA)
    if account.cut_off is not None and f"{here:%H:%M}" >= account.cut_off:
        raise Reject(
            f"已过当日截止时间 {account.cut_off}（现在 {here:%H:%M}）：请于次日放行",
            f"it is {here:%H:%M}, past the cut-off time {account.cut_off}: release it tomorrow",
            code="cut-off",
        )


def cancel(office: Office, signer: Signer, row: BatchRow, reason: str) -> Signed:
    """Undoes a batch that was not released; its items stay approved. Raises as `release`."""
    if row.state != BUILT:
        raise Reject(
            f"批次 {row.id} 现为 {row.state}，只有待放行的可以作废",
            f"batch {row.id} is {row.state}: only one that waits for release can be cancelled",
            code="state",
        )
    signed = signer.states(office, "batch.cancel", reason=reason, **_batch_facts(row))
    office.book.work(changes.cancel, row.id, office.now, (audited(office, "batch.cancelled", signed),))
    return signed

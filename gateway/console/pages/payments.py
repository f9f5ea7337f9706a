"""The book of payments, read only: what agencies proposed, what people decided, and what banks said became of it.

Deciding takes a person's own signing key; the pages give the command line for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.accounts import Visit
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.room import Room
from gateway.console.web import needs, page, room_of
from gateway.desk import book
from gateway.desk.paying import Guide
from gateway.desk.refused import NotPossible
from gateway.payments.words import BATCH_STATES, ITEM_STATES, KINDS, PROPOSAL_STATES, VERIFICATIONS
from gateway.store import Reader, payments_sums
from gateway.store import payments_disputes as disputes
from gateway.store import payments_reads as reads
from gateway.store import reads as messages
from gateway.store.payments import DifferenceRow, ItemRow

router = APIRouter()
Officer = Annotated[Visit, needs(Permission.PAYMENTS)]
Here = Annotated[Room, Depends(room_of)]
_PAGE: Final = 50
_FEW: Final = 10
_MOST: Final = 500
_MONTH: Final = 31
_COLOURS: Final = {
    "settled": "ok", "closed": "ok",
    "rejected": "bad", "returned": "bad", "failed": "bad", "refused": "bad", "unknown": "bad",
    "proposed": "warn", "approved": "warn", "built": "warn",
}  # fmt: skip


@router.get("/payments")
def overview(request: Request, visit: Officer, room: Here) -> HTMLResponse:
    """What waits on each account and for whom, and the latest of everything."""
    settings, guide = room.configuration.payments, Guide(room.configuration, visit.name)
    if settings is None:
        return page(request, "payments.html", accounts=None, folder=room.configuration.folder)
    with room.reader() as reader:
        waiting = reader.ask(payments_sums.waiting_items)
        batches = reader.ask(payments_sums.open_batches)
        differing = reader.ask(payments_sums.open_differences)
        to_release = reader.ask(reads.batches, None, "built", _MOST)
        compared = reader.ask(reads.days, None, _MOST)
        latest = reader.ask(reads.proposals, None, _FEW), reader.ask(reads.batches, None, None, _FEW)
        found = _differences(reader, closed=False, limit=_FEW)
    return _page(
        request,
        "payments.html",
        accounts=settings.accounts,
        waiting=waiting,
        open_batches=batches,
        differing={
            account.name: sum(count for name, count in differing.items() if _concerns(name, account.name))
            for account in settings.accounts
        },
        days={
            account.name: next((day for day in compared if _concerns(day.account, account.name)), None)
            for account in settings.accounts
        },
        to_do=[(share, act) for share in waiting for act in guide.of_account(share)],
        to_release=to_release,
        proposals=latest[0],
        batches=latest[1],
        differences=_with_acts(guide, found),
    )


def _concerns(name: str, account: str) -> bool:
    """Whether an account is among those that a bank's day covers together, such as `benefits+premiums`."""
    return account in name.split("+")


def _page(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A page with the words of the book."""
    return page(
        request,
        template,
        item_states=ITEM_STATES,
        batch_states=BATCH_STATES,
        proposal_states=PROPOSAL_STATES,
        verifications=VERIFICATIONS,
        kinds=KINDS,
        colours=_COLOURS,
        **values,
    )


def _differences(reader: Reader, *, closed: bool, limit: int) -> list[DifferenceRow]:
    return reader.ask(lambda session: reads.differences(session, None, closed=closed, limit=limit))


def _with_acts(guide: Guide, rows: list[DifferenceRow]) -> list[tuple[DifferenceRow, Any, Any]]:
    """(row, facts, acts) of each."""
    return [(row, book.difference_facts(row), guide.of_difference(row)) for row in rows]


def _numbered(reader: Reader, numbers: list[int]) -> list[DifferenceRow]:
    found = [reader.ask(reads.difference, n) for n in numbers]
    return [row for row in found if row is not None]


@router.get("/payments/proposals")
def proposals(request: Request, _: Officer, room: Here, account: str = "", before: str = "") -> HTMLResponse:
    """The files that agencies sent, newest first."""
    with room.reader() as reader:
        found = reader.ask(reads.proposals, account or None, _PAGE + 1, before or None)
    return _page(request, "payment_proposals.html", account=account, **_paged(found, before))


@router.get("/payments/batches")
def batches(
    request: Request, _: Officer, room: Here, account: str = "", state: str = "", before: str = ""
) -> HTMLResponse:
    """Batches, newest first."""
    with room.reader() as reader:
        last = reader.ask(reads.batch, before) if before else None
        cursor = None if last is None else (last.created, last.id)
        found = reader.ask(reads.batches, account or None, state or None, _PAGE + 1, cursor)
    return _page(request, "payment_batches.html", account=account, state=state, **_paged(found, before))


def _paged(found: list[Any], before: Any) -> dict[str, Any]:
    """One page of rows, of which one more than a page was asked for."""
    return {"rows": found[:_PAGE], "more": len(found) > _PAGE, "first": not before}


@router.get("/payments/proposals/{message_id}")
def proposal(
    request: Request, visit: Officer, room: Here, message_id: str, after: str = "", state: str = ""
) -> HTMLResponse:
    """One file, with its items."""
    with room.reader() as reader:
        row = reader.ask(reads.proposal, message_id)
        if row is None:
            raise Refused(f"没有提出文件 {message_id}", f"no proposal {message_id}", 404)
        standing = reader.ask(payments_sums.standing_of_proposal, message_id)
        wanted = reads.Wanted(proposal=message_id, state=state or None, after=after, limit=_PAGE + 1)
        found = reader.ask(reads.items, wanted)
    return _page(
        request,
        "payment_proposal.html",
        row=row,
        standing=standing,
        state=state,
        acts=Guide(room.configuration, visit.name).of_proposal(row, standing),
        items=_shown(room, found[:_PAGE]),
        **_paged(found, after),
    )


def _shown(room: Room, rows: list[ItemRow]) -> list[dict[str, Any]]:
    if not rows:
        return []
    seals = book.seals_of(room.configuration)
    return [book.item_facts(row, seals, hidden=True) for row in rows]


@router.get("/payments/batches/{batch_id}")
def batch(
    request: Request,
    visit: Officer,
    room: Here,
    batch_id: str,
    after: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
    state: str = "",
) -> HTMLResponse:
    """One batch: who did what with it, what became of its items, and what stands against its release."""
    with room.reader() as reader:
        row = reader.ask(reads.batch, batch_id)
        if row is None:
            raise Refused(f"没有批次 {batch_id}", f"no batch {batch_id}", 404)
        standing = reader.ask(reads.standing, batch_id)
        approvers = sorted(reader.ask(reads.approvers, batch_id))
        disputed = reader.ask(disputes.of_batch, batch_id)
        again = reader.ask(payments_sums.open_again, batch_id)
        delivery = None if row.delivery_id is None else reader.ask(messages.delivery, row.delivery_id)
        found = reader.ask(reads.items_from, batch_id, after, state or None, _PAGE + 1)
        open_ = _numbered(reader, disputed)
    guide = Guide(room.configuration, visit.name)
    return _page(
        request,
        "payment_batch.html",
        row=row,
        standing=standing,
        approvers=approvers,
        delivery=delivery,
        state=state,
        acts=guide.of_batch(row, approvers, disputed, again),
        differences=_with_acts(guide, open_),
        items=_shown(room, found[:_PAGE]),
        **_paged(found, after),
    )


@router.get("/payments/items")
def find(_: Officer, room: Here, text: str = "") -> Response:
    """To the item that an id or an end-to-end id means."""
    with room.reader() as reader:
        row = _item(reader, text.strip())
    return RedirectResponse(f"/payments/items/{quote(row.id, safe='')}", 303)


def _item(reader: Reader, text: str) -> ItemRow:
    try:
        return book.one_item(reader, text)
    except NotPossible as error:
        raise Refused(error.zh, error.en, 404) from None


@router.get("/payments/items/{item_id}")
def item(request: Request, visit: Officer, room: Here, item_id: str) -> HTMLResponse:
    """The whole way of one item, from the proposal to the result."""
    with room.reader() as reader:
        row = _item(reader, item_id)
        file = reader.ask(reads.proposal, row.proposal)
        in_batch = None if row.batch_id is None else reader.ask(reads.batch, row.batch_id)
        sent = None
        if in_batch is not None and in_batch.delivery_id is not None:
            sent = reader.ask(messages.delivery, in_batch.delivery_id)
        words = reader.ask(reads.history, row.id)
        replaced = reader.ask(disputes.replaced_by, row.id)
        disputed = reader.ask(disputes.of_item, row.id)
        open_ = _numbered(reader, disputed)
    seals, guide = book.seals_of(room.configuration), Guide(room.configuration, visit.name)
    return _page(
        request,
        "payment_item.html",
        row=row,
        facts=book.item_facts(row, seals, hidden=True),
        file=file,
        batch=in_batch,
        delivery=sent,
        words=[(one.at, book.word_facts(one, seals, hidden=True)) for one in words],
        replaced=replaced,
        acts=guide.of_item(row, replaced, disputed),
        differences=_with_acts(guide, open_),
    )


@router.get("/payments/differences")
def differences(
    request: Request, visit: Officer, room: Here, account: str = "", closed: bool = False
) -> HTMLResponse:
    """What people must look into, with what to do about each."""
    with room.reader() as reader:
        found = _differences(reader, closed=closed, limit=_MOST)
        days = reader.ask(reads.days, None, _MOST)
    return _page(
        request,
        "payment_differences.html",
        account=account,
        closed=closed,
        days=[day for day in days if not account or _concerns(day.account, account)][:_MONTH],
        cut=_MOST if len(found) == _MOST else None,
        differences=_with_acts(
            Guide(room.configuration, visit.name),
            [row for row in found if not account or _concerns(row.account, account)],
        ),
    )

"""The book of levies, read only: files of debits, what the treasury network said of each, receipts, days and differences.

What a person decides is signed with a key of their own; the pages give the command line for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.accounts import Visit
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.room import Room
from gateway.console.web import needs, page, room_of
from gateway.desk import levies as book
from gateway.desk.paying import Guide
from gateway.desk.refused import NotPossible
from gateway.levies.words import DEBIT_STATES, FILE_STATES, PACKAGE_STATES, WORDS
from gateway.store import Reader
from gateway.store import levies_reads as reads
from gateway.store import reads as messages
from gateway.store.levies import DebitRow, DifferenceRow

router = APIRouter()
Officer = Annotated[Visit, needs(Permission.PAYMENTS)]
Here = Annotated[Room, Depends(room_of)]
_PAGE: Final = 50
_FEW: Final = 10
_MANY: Final = 100
_MOST: Final = 500
_MONTH: Final = 31
_COLOURS: Final = {
    "success": "ok", "closed": "ok",
    "refused": "bad", "doubtful": "bad", "failed": "bad",
    "reversed": "warn",
}  # fmt: skip


@router.get("/levies")
def overview(request: Request, visit: Officer, room: Here) -> HTMLResponse:
    """What is open on which day, what people must look into, and the latest of everything."""
    settings = room.configuration.levies
    if settings is None:
        return page(request, "levies.html", collectors=None, folder=room.configuration.folder)
    with room.reader() as reader:
        shares = reader.ask(reads.open_shares, _MANY)
        files = [(row, book.file_facts(reader, row)) for row in reader.ask(reads.files, None, _FEW)]
        found = reader.ask(reads.differences, None, False, _FEW)
        latest = {
            one.name: [book.day_facts(reader, row) for row in reader.ask(reads.days, one.name, 1)]
            for one in settings.collectors
        }
    return _page(
        request,
        "levies.html",
        collectors=settings.collectors,
        shares=shares,
        files=files,
        latest=latest,
        differences=_with_acts(room, visit, found),
    )


def _page(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A page with the words of the book."""
    return page(
        request,
        template,
        debit_states=DEBIT_STATES,
        file_states=FILE_STATES,
        package_states=PACKAGE_STATES,
        words_of=WORDS,
        colours=_COLOURS,
        **values,
    )


def _with_acts(
    room: Room, visit: Visit, rows: list[DifferenceRow]
) -> list[tuple[DifferenceRow, dict[str, Any], Any]]:
    """(row, facts, acts) of each."""
    guide = Guide(room.configuration, visit.name)
    return [(row, book.difference_facts(row), guide.of_levy_difference(row)) for row in rows]


@router.get("/levies/files")
def files(request: Request, _: Officer, room: Here, collector: str = "") -> HTMLResponse:
    """Files of debits, newest first."""
    with room.reader() as reader:
        found = reader.ask(reads.files, collector or None, _MANY)
        rows = [(row, book.file_facts(reader, row)) for row in found]
    return _page(request, "levy_files.html", rows=rows, cut=_MANY if len(rows) == _MANY else None)


@router.get("/levies/files/{message_id}")
def file(
    request: Request, _: Officer, room: Here, message_id: str, after: str = "", state: str = ""
) -> HTMLResponse:
    """One file: how its debits stand, the packages they became, and the debits."""
    with room.reader() as reader:
        row = reader.ask(reads.file, message_id)
        if row is None:
            raise Refused(f"没有扣款文件 {message_id}", f"no file of debits {message_id}", 404)
        wanted = reads.Wanted(file=message_id, state=state or None, after=after, limit=_PAGE + 1)
        found = reader.ask(reads.debits, wanted)
        facts, packages = book.file_facts(reader, row), book.package_facts(reader, message_id)
    return _page(
        request,
        "levy_file.html",
        row=row,
        standing=facts["debits"],
        packages=packages,
        state=state,
        debits=_shown(room, found[:_PAGE]),
        **_paged(found, after),
    )


def _shown(room: Room, rows: list[DebitRow]) -> list[dict[str, Any]]:
    if not rows:
        return []
    seals = book.seals_of(room.configuration)
    return [book.debit_facts(row, seals, hidden=True) for row in rows]


def _paged(found: list[Any], after: str) -> dict[str, Any]:
    """One page of rows, of which one more than a page was asked for."""
    return {"more": len(found) > _PAGE, "first": not after}


@router.get("/levies/debits")
def debits(
    request: Request,
    _: Officer,
    room: Here,
    collector: str = "",
    day: str = "",
    state: str = "",
    after: str = "",
) -> HTMLResponse:
    """Debits of a collector's working day."""
    with room.reader() as reader:
        wanted = reads.Wanted(
            collector=collector or None, day=day or None, state=state or None, after=after, limit=_PAGE + 1
        )
        found = reader.ask(reads.debits, wanted)
    query = {"collector": collector, "day": day, "state": state}
    shown = _shown(room, found[:_PAGE])
    return _page(request, "levy_debits.html", query=query, debits=shown, **_paged(found, after))


@router.get("/levies/vouchers")
def find(_: Officer, room: Here, voucher: str = "", collector: str = "") -> Response:
    """To the debit with a voucher number."""
    with room.reader() as reader:
        row = _debit(reader, voucher.strip(), collector or None)
    return RedirectResponse(f"/levies/debits/{row.collector}/{quote(row.voucher_no, safe='')}", 303)


def _debit(reader: Reader, voucher_no: str, collector: str | None) -> DebitRow:
    try:
        return book.one_debit(reader, voucher_no, collector)
    except NotPossible as error:
        raise Refused(error.zh, error.en, 404) from None


@router.get("/levies/debits/{collector}/{voucher_no}")
def debit(request: Request, visit: Officer, room: Here, collector: str, voucher_no: str) -> HTMLResponse:
    """The whole life of one debit: who asked for it, every word of the network's, the receipt."""
    seals = book.seals_of(room.configuration)
    with room.reader() as reader:
        row = _debit(reader, voucher_no, collector)
        asked = reader.ask(reads.file, row.file)
        package = sent = receipt = None
        if row.package is not None:
            package = reader.ask(reads.package, row.collector, row.entrusted_on, row.package)
        if package is not None:
            sent = reader.ask(messages.delivery, package.delivery_id)
        words = reader.ask(reads.history, row.id)
        if row.receipt is not None:
            receipt = book.receipt_facts(room.configuration, reader, row, seals, hidden=True)
        open_ = reader.ask(reads.differences_of, row.id)
    return _page(
        request,
        "levy_debit.html",
        row=row,
        facts=book.debit_facts(row, seals, hidden=True),
        file=asked,
        package=package,
        delivery=sent,
        words=[(one.at, book.word_facts(one, seals, hidden=True)) for one in words],
        receipt=receipt,
        differences=_with_acts(room, visit, open_),
    )


@router.get("/levies/differences")
def differences(
    request: Request, visit: Officer, room: Here, collector: str = "", closed: bool = False
) -> HTMLResponse:
    """Working days and their checks; what people must look into, with what to do about each."""
    with room.reader() as reader:
        found = reader.ask(reads.differences, collector or None, closed, _MOST)
        days = reader.ask(reads.days, collector or None, _MONTH)
        checked = [book.day_facts(reader, row) for row in days]
    return _page(
        request,
        "levy_differences.html",
        collector=collector,
        closed=closed,
        days=checked,
        folder=room.configuration.folder,
        cut=_MOST if len(found) == _MOST else None,
        differences=_with_acts(room, visit, found),
    )

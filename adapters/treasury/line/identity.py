"""Two names for one business: ours, as it was asked, and the network's, given when it is sent.

    canonical, as asked   collector, entrusted_on, serial          of whoever asked
    on the wire           collector, wire day, TraNo               of the network's working day
    canonical, answered   collector, entrusted_on, serial          as asked

Details inside a package, and rows of the day's check, keep no identity of ours: their voucher number says what they are.
`about` is the earlier request that a message asks about, or undoes. Pure.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from adapters.treasury.line.business import ANSWERED, BATCH, DEBIT, PACKAGES, rows_of
from adapters.treasury.line.ledger import Request
from gateway.canonical import Body
from gateway.canonical.levy import (
    AgreementAnswered,
    AgreementAsked,
    DebitAnswered,
    DebitAsked,
    DebitBatchReturned,
    DebitReversalAnswered,
    DebitReversalAsked,
)
from gateway.canonical.levy_network import DebitStateAnswered, DebitStateAsked, ResendAsked
from gateway.canonical.levy_refund import PackageAnswered


def dressed(body: Body, request: Request, about: Request | None, details: tuple[str, ...] = ()) -> Body:
    """The body as it goes out: under the network's day and numbers. `details` are those of a package's rows."""
    day, number = request.wire_day, request.wire_no
    changes: dict[str, Any] = {}
    match body:
        case DebitAsked():
            changes = {"entrusted_on": day, "serial": number}
        case AgreementAsked():
            changes = {"entrusted_on": day, "request_no": number}
        case DebitReversalAsked():
            assert about is not None
            changes = {"entrusted_on": day, "reversal_no": number}
            changes |= {"original_entrusted_on": about.wire_day, "original_serial": about.wire_no}
        case DebitStateAsked():
            assert about is not None
            changes = {"entrusted_on": about.wire_day, **_either(about, about.wire_no)}
        case ResendAsked():
            changes = {"entrusted_on": day}
    package = rows_of(body)
    if package is not None:
        field, rows = package
        numbered = tuple(replace(row, serial=s) for row, s in zip(rows, details, strict=True))
        changes = {"entrusted_on": day, "batch_no": number, field: numbered}
    return replace(body, **changes)


def answers(number: str, body: Body, request: Request, about: Request | None) -> bool:
    """Whether an answer speaks of this request: same collector, day and numbers, and of a debit the same voucher."""
    wire = (request.collector, request.wire_day, request.wire_no)
    said: tuple[object, ...] = ()
    wanted: tuple[object, ...] = wire
    match body:
        case DebitAnswered():
            said = (body.collector_code, body.entrusted_on, body.serial, body.voucher_no)
            wanted = (*wire, request.voucher)
        case DebitBatchReturned():
            said = (body.collector_code, body.original_entrusted_on, body.original_batch_no)
            # Several returns may bring fewer than all; none brings more than was asked for.
            total = sum(result.amount for result in body.results)
            wanted = wire if len(body.results) <= request.count and total <= request.total else ()
        case PackageAnswered():
            said = (body.original_message, body.sender_code, body.entrusted_on, body.batch_no)
            wanted = (request.number, *wire)
        case AgreementAnswered():
            said = (body.sender_code, body.entrusted_on, body.request_no)
        case DebitReversalAnswered() if about is not None:
            said = (body.collector_code, body.asked_on, body.reversal_no)
            said += (body.original_entrusted_on, body.original_serial)
            wanted = (*wire, about.wire_day, about.wire_no)
        case DebitStateAnswered() if about is not None:
            said = (body.sender_code, body.original_message, body.entrusted_on, body.batch_no or body.serial)
            wanted = (request.collector, about.number, about.wire_day, about.wire_no)
    return bool(said) and request.number in ANSWERED[number] and said == wanted


def undressed(body: Body, request: Request, about: Request | None) -> Body:
    """An answer under the identity that the message had which asked for it."""
    day, serial = request.day, request.serial
    changes: dict[str, Any] = {}
    match body:
        case DebitAnswered():
            changes = {"entrusted_on": day, "serial": serial}
        case DebitBatchReturned():
            changes = {"original_entrusted_on": day, "original_batch_no": serial}
        case PackageAnswered():
            changes = {"entrusted_on": day, "batch_no": serial}
        case AgreementAnswered():
            changes = {"entrusted_on": day, "request_no": serial}
        case DebitReversalAnswered():
            assert about is not None
            changes = {"asked_on": day, "reversal_no": serial}
            changes |= {"original_entrusted_on": about.day, "original_serial": about.serial}
        case DebitStateAnswered():
            assert about is not None
            changes = {"entrusted_on": about.day, **_either(about, about.serial)}
    return replace(body, **changes)


def word_on(request: Request, code: str, text: str | None) -> Body | None:
    """What a general answer, or one about a state, says of a request, in the words of its business; None where that has
    none. About a package, only that it was refused as a whole can be said so."""
    if request.number == DEBIT:
        return DebitAnswered(
            collector_code=request.collector,
            entrusted_on=request.day,
            serial=request.serial,
            voucher_no=request.voucher,
            raw_code=code,
            raw_text=text,
        )
    if request.number == BATCH:
        return DebitBatchReturned(
            payer_bank_line_no=request.payer_bank or None,
            entrusted_on=request.wire_day,
            batch_no=request.wire_no,
            collector_code=request.collector,
            original_entrusted_on=request.day,
            original_batch_no=request.serial,
            raw_code=code,
            raw_text=text,
        )
    if request.number in PACKAGES:
        return PackageAnswered(
            original_message=request.number,
            sender_code=request.collector,
            entrusted_on=request.day,
            batch_no=request.serial,
            raw_code=code,
            raw_text=text,
        )
    return None


def code_of(body: Body) -> str:
    """The word of an answer on which the outcome depends, for the ledger."""
    match body:
        case DebitStateAnswered():
            return body.state
        case AgreementAnswered():
            return "agreed" if body.agreed else "refused"
    code: str = getattr(body, "raw_code", "")
    return code


def _either(about: Request, number: str) -> dict[str, str | None]:
    """A package, or a single debit."""
    batch = about.number in PACKAGES
    return {"batch_no": number if batch else None, "serial": None if batch else number}

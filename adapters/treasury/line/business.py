"""The kinds of business that may be asked of this network: their numbers, and what the ledger keeps of each. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from msgspec.structs import replace

from adapters.treasury.line.ledger import Request
from adapters.treasury.line.numbers import Kind
from gateway.canonical import Body
from gateway.canonical.levy import (
    AgreementAsked,
    DebitAsked,
    DebitBatchSubmitted,
    DebitReversalAsked,
)
from gateway.canonical.levy_day import EntriesAsked, ReportAsked
from gateway.canonical.levy_network import DebitStateAsked, ResendAsked, TextSent
from gateway.canonical.levy_refund import (
    CorrectionsSubmitted,
    OffsetsSubmitted,
    RefundsSubmitted,
    SelfPaymentsSubmitted,
)
from gateway.contract import Reject

DEBIT, BATCH, REVERSAL, AGREEMENT, STATE = "1001", "1102", "1021", "9114", "9003"
#: Packages, which have many rows and one number.
PACKAGES: Final = (BATCH, "1103", "1104", "1105", "1106")
#: The general answer: to a message as such, whatever it was.
RECEIPT: Final = "9120"


class Answered(StrEnum):
    """Answers that name the request by its own numbers."""

    DEBIT = "2001"
    REVERSAL = "2021"
    BATCH = "2102"
    PACKAGE = "9110"
    AGREEMENT = "9115"
    STATE = "9004"


#: Answers, and the requests that they answer.
ANSWERED: Final[dict[str, tuple[str, ...]]] = {
    Answered.DEBIT: (DEBIT,),
    Answered.REVERSAL: (REVERSAL,),
    Answered.BATCH: (BATCH,),
    Answered.PACKAGE: PACKAGES,
    Answered.AGREEMENT: (AGREEMENT,),
    Answered.STATE: (STATE,),
}


@dataclass(frozen=True, slots=True)
class Business:
    """One kind of message that may be asked of us."""

    operation: str  #: its name in the manifest
    number: str  #: MsgNo
    answer: str | None = None  #: MsgNo of what somebody waits for; None: at most a 9120 comes
    kind: Kind | None = None  #: which series its number is from
    money: bool = False  #: may be put once only, whatever happens


_KINDS: Final[dict[type[object], Business]] = {
    DebitAsked: Business("real-time-debit", DEBIT, Answered.DEBIT, "tra", money=True),
    DebitBatchSubmitted: Business("debit-batch", BATCH, None, "pack", money=True),
    DebitReversalAsked: Business("reversal", REVERSAL, Answered.REVERSAL, "cancel", money=True),
    SelfPaymentsSubmitted: Business("self-payments", "1103", None, "pack", money=True),
    RefundsSubmitted: Business("refunds", "1104", None, "pack", money=True),
    CorrectionsSubmitted: Business("corrections", "1105", None, "pack", money=True),
    OffsetsSubmitted: Business("offsets", "1106", None, "pack", money=True),
    AgreementAsked: Business("agreement", AGREEMENT, Answered.AGREEMENT, "vc"),
    DebitStateAsked: Business("state-query", STATE, Answered.STATE),
    TextSent: Business("text", "9105"),
    EntriesAsked: Business("entries-query", "1024"),
    ReportAsked: Business("report-query", "1025"),
}
#: Where the rows of a package are.
_ROWS: Final[dict[type[object], str]] = {
    DebitBatchSubmitted: "debits",
    SelfPaymentsSubmitted: "payments",
    RefundsSubmitted: "refunds",
    CorrectionsSubmitted: "corrections",
    OffsetsSubmitted: "offsets",
}
#: What is asked for again by a number of its own; packages of business are by 9111, files by 9116.
CHECK_RESEND: Final = "9113"
_RESENDS: Final = {
    "3122": CHECK_RESEND, "3123": CHECK_RESEND, "3124": CHECK_RESEND, "3200": "9117", "3201": "9117",
}  # fmt: skip


def awaited(number: str) -> bool:
    """Whether a request of this MsgNo has an answer of its own, so that a 9120 saying "taken" is not the last word."""
    return number in (DEBIT, REVERSAL, AGREEMENT, STATE)


def rows_of(body: Body) -> tuple[str, tuple[Any, ...]] | None:
    """Name of the field that holds a package's rows, and the rows; None for what is no package."""
    field = _ROWS.get(type(body))
    return None if field is None else (field, getattr(body, field))


def vouchers_of(body: Body) -> tuple[str, ...]:
    """Voucher numbers of the debits that a message asks for."""
    if isinstance(body, DebitAsked):
        return (body.voucher_no,)
    return tuple(one.voucher_no for one in body.debits) if isinstance(body, DebitBatchSubmitted) else ()


def business_of(body: Body) -> Business:
    """Which kind of business a message is.

    Raises:
        Reject: none that this network takes from a collector.
    """
    if isinstance(body, ResendAsked):
        file = body.check_kind is not None or body.file_month is not None
        number = "9116" if file else _RESENDS.get(body.wanted_message, "9111")
        return Business("resend-request", number)
    try:
        return _KINDS[type(body)]
    except KeyError:
        raise Reject(
            "财税库银网络不接收此类业务", "this network takes no such business", code="unknown-operation"
        ) from None


def collector_of(body: Body) -> str:
    """Who asks: the collector, or the organisation that stands in its place."""
    for name in ("collector_code", "sender_code"):
        code: str = getattr(body, name, "")
        if code:
            return code
    return ""


def request_for(body: Body, business: Business, message: str, day: dt.date, about: Request | None) -> Request:
    """What the ledger keeps of a message, before it has its numbers. No personal data."""
    request = Request(
        id="",
        number=business.number,
        message=message,
        collector=collector_of(body),
        wire_day=day,
        day=getattr(body, "entrusted_on", day),
        about=about.id if about is not None else "",
    )
    if isinstance(body, DebitAsked):
        return replace(
            request, serial=body.serial, voucher=body.voucher_no, count=1, total=body.amount,
            payer_bank=body.payer_bank_line_no or "",
        )  # fmt: skip
    package = rows_of(body)
    if package is not None:
        _, rows = package
        total = getattr(body, "total", None)  # as the collector says it, where rows have two amounts
        return replace(
            request,
            serial=getattr(body, "batch_no", ""),
            count=len(rows),
            total=sum(row.amount for row in rows) if total is None else total,
            payer_bank=getattr(body, "payer_bank_line_no", None) or "",
        )
    if isinstance(body, DebitReversalAsked):
        return replace(request, serial=body.reversal_no)
    if isinstance(body, AgreementAsked):
        return replace(request, serial=body.request_no)
    return request


def wants(body: Body) -> tuple[str, dt.date, str] | None:
    """MsgNo, day and serial, as we know it, of the earlier message that this one is about."""
    if isinstance(body, DebitReversalAsked):
        return DEBIT, body.original_entrusted_on, body.original_serial
    if isinstance(body, DebitStateAsked):
        return body.original_message, body.entrusted_on, body.batch_no or body.serial or ""
    return None

"""What goes out under the network's numbers comes back under ours; an answer about anything else is none."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.treasury.line.business import Answered, business_of, request_for
from adapters.treasury.line.identity import answers, dressed, undressed, word_on
from adapters.treasury.line.ledger import Request
from gateway.canonical.levy import DebitAnswered, DebitBatchReturned, DebitResult, DebitReversalAnswered
from tests.adapters.treasury.people import BANK, COLLECTOR, DAY, Person, batch, debit, reversal

DAYS = st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31))
NUMBERS = st.integers(1, 99_999_999).map(lambda n: f"{n:08d}")
SERIALS = st.text("0123456789ABCXYZ-", min_size=1, max_size=20)


def sent(body: Any, day: dt.date, number: str, about: Request | None = None) -> tuple[Request, Any]:
    """The request, and its body as it goes out."""
    request = replace(request_for(body, business_of(body), "m", day, about), id="M1", wire_no=number)
    details = tuple(f"{n:08d}" for n in range(1, len(getattr(body, "debits", ())) + 1))
    return request, dressed(body, request, about, details)


def changed(body: Any, name: str) -> Any:
    """The same about something else."""
    value = getattr(body, name)
    return replace(
        body, **{name: value + dt.timedelta(days=1) if isinstance(value, dt.date) else f"{value}9"}
    )


@given(day=DAYS, asked_on=DAYS, number=NUMBERS, serial=SERIALS)
def test_a_debit(day: dt.date, asked_on: dt.date, number: str, serial: str) -> None:
    asked = debit(Person(1), serial, day=asked_on)
    request, wire = sent(asked, day, number)
    assert (wire.entrusted_on, wire.serial) == (day, number)
    answer = DebitAnswered(
        collector_code=wire.collector_code, entrusted_on=wire.entrusted_on, serial=wire.serial,
        voucher_no=wire.voucher_no, raw_code="90000",
    )  # fmt: skip
    assert answers(Answered.DEBIT, answer, request, None)
    ours = undressed(answer, request, None)
    assert isinstance(ours, DebitAnswered)
    assert (ours.entrusted_on, ours.serial) == (asked_on, serial)
    for name in ("collector_code", "entrusted_on", "serial", "voucher_no"):
        assert not answers(Answered.DEBIT, changed(answer, name), request, None)
    assert not answers(Answered.DEBIT, answer, replace(request, number="9114"), None)
    word = word_on(request, "90001", None)
    assert word == replace(ours, raw_code="90001")


@given(day=DAYS, number=NUMBERS, serial=SERIALS, count=st.integers(1, 4), back=st.integers(0, 5))
def test_a_package(day: dt.date, number: str, serial: str, count: int, back: int) -> None:
    request, wire = sent(batch([Person(n) for n in range(count)], serial), day, number)
    results = [
        DebitResult(serial=d.serial, amount=d.amount, voucher_no=d.voucher_no, raw_code="90000")
        for d in (*wire.debits, *wire.debits)
    ]
    answer = DebitBatchReturned(
        payer_bank_line_no=BANK, entrusted_on=DAY, batch_no="1", collector_code=COLLECTOR,
        original_entrusted_on=day, original_batch_no=number, raw_code="90000", results=tuple(results[:back]),
    )  # fmt: skip
    assert answers(Answered.BATCH, answer, request, None) is (back <= count)
    ours = undressed(answer, request, None)
    assert isinstance(ours, DebitBatchReturned)
    assert (ours.original_entrusted_on, ours.original_batch_no) == (DAY, serial)
    assert ours.results == answer.results  # by voucher number, not translated
    for name in ("collector_code", "original_entrusted_on", "original_batch_no"):
        assert not answers(Answered.BATCH, changed(answer, name), request, None)


@given(first=DAYS, day=DAYS, original=NUMBERS, number=NUMBERS)
def test_a_reversal(first: dt.date, day: dt.date, original: str, number: str) -> None:
    asked = debit(Person(1), "OURS")
    about, _ = sent(asked, first, original)
    request, wire = sent(reversal(asked, "OURS-C"), day, number, about)
    assert (wire.original_entrusted_on, wire.original_serial) == (first, original)
    answer = DebitReversalAnswered(
        collector_code=wire.collector_code, reversal_no=wire.reversal_no, asked_on=wire.entrusted_on,
        original_entrusted_on=first, original_serial=original, raw_code="1",
    )  # fmt: skip
    assert answers(Answered.REVERSAL, answer, request, about)
    ours = undressed(answer, request, about)
    assert isinstance(ours, DebitReversalAnswered)
    assert (ours.reversal_no, ours.original_entrusted_on, ours.original_serial) == ("OURS-C", DAY, "OURS")
    for name in ("collector_code", "reversal_no", "asked_on", "original_entrusted_on", "original_serial"):
        assert not answers(Answered.REVERSAL, changed(answer, name), request, about)
    assert not answers(Answered.REVERSAL, answer, request, None)

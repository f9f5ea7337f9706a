"""A record by itself is exactly the canonical message that it says it is."""

from __future__ import annotations

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import Attachment, Message
from gateway.canonical.envelope import decode, encode
from gateway.canonical.payment import BatchReturned, ItemReturned, PaymentResult
from gateway.canonical.registry import BODIES
from gateway.canonical.splitting import SPLITS, Splitter, inline_records, record_type

text = st.text(min_size=1, max_size=30)
result = st.builds(
    PaymentResult,
    sequence=st.none() | st.integers(0, 10**8),
    name=st.none() | text,
    account_no=st.none() | text,
    amount=st.none() | st.integers(-(10**12), 10**12),
    status=text,
    raw_text=st.none() | text,
    settled_on=st.none() | st.dates(),
)


def returned(results: tuple[PaymentResult, ...], batch_id: str | None = "B1") -> Message:
    body = BatchReturned(
        batch_id=batch_id, stage="final", returned_on=dt.date(2026, 11, 20), results=results, settled_count=7
    )
    return Message(
        id="01a200b3-5a53-700d-b5be-e5d99cbb6ab4",
        source="/partners/bank",
        type="payment.batch.returned.v1",
        time=dt.datetime(2026, 11, 20, 1, 2, 3, tzinfo=dt.UTC),
        partner="bank",
        partner_message_id="return/B1",
        correlation_id="01a200b3-5a53-700d-b5be-e5d99cbb6ab4",
        region="990101",
        mapping="bank.ybdf.return@1",
        ordering_key="B1",
        attachment=Attachment(claim="c", size=1, sha256="00"),
        data=body,
    )


@given(st.lists(result, max_size=4), text)
def test_each_record_is_a_message(results: list[PaymentResult], batch_id: str) -> None:
    whole = returned(tuple(results), batch_id)
    splitter = Splitter(whole)
    for number, (record, expected) in enumerate(zip(inline_records(whole), results, strict=True), 1):
        record_id, encoded = splitter.message(number, record)
        message = decode(encoded)
        assert encode(message) == encoded, "the one canonical form"
        assert message.id == record_id == f"{whole.id}-{number}"
        assert message.type == record_type(whole.type) == "payment.item.returned.v1"
        assert (message.causation_id, message.correlation_id) == (whole.id, whole.id)
        assert (message.partner_message_id, message.attachment, message.ordering_key) == (None, None, None)
        assert message.data == ItemReturned(
            batch_id=batch_id, returned_on=dt.date(2026, 11, 20), stage="final", result=expected
        )


def test_records_begin_anywhere() -> None:
    results = tuple(PaymentResult(sequence=n, status="settled") for n in range(5))
    assert list(inline_records(returned(results), 3)) == [msgspec.json.encode(r) for r in results[3:]]


def test_the_table_fits_the_bodies() -> None:
    for whole, split in SPLITS.items():
        body, record = BODIES[whole], BODIES[split.record_type]
        assert split.records in body.__struct_fields__
        assert record.__struct_fields__[-1] == split.record
        assert set(record.__struct_fields__[:-1]) <= set(body.__struct_fields__)

"""Bank files as what they are: long lists of money, read and written row by row; one batch for every bank."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from gateway.canonical import BODIES
from gateway.canonical.payment import PaymentBatch, PaymentItem, outcome
from mappings import SHIPPED, Mapping, MappingError, lint, load
from mappings.lenses_times import CHINA
from mappings.samples import elsewhere, samples

BANK = [load(path) for path in sorted(SHIPPED.glob("bank/*.yaml"))]
FILES = [m for m in BANK if m.streams]
#: canonical body → its rows
ROWS = {"items", "results", "lines", "accounts"}


def rows_of(body: Struct) -> str:
    """The name of the field that holds the rows."""
    (name,) = ROWS & set(body.__struct_fields__)
    return name


def good(mapping: Mapping) -> list[tuple[bytes, Any]]:
    """The samples in normal form: (file, body)."""
    found = []
    for folder in samples(mapping):
        if (folder / "canonical.json").exists() and not (folder / "normal.txt").exists():
            body = msgspec.json.decode(
                (folder / "canonical.json").read_bytes(), type=BODIES[mapping.canonical_type]
            )
            found.append(((folder / "wire.txt").read_bytes(), body))
    return found


@pytest.mark.parametrize("mapping", FILES, ids=lambda m: m.name)
def test_row_by_row_is_the_same_as_at_once(mapping: Mapping) -> None:
    assert good(mapping)
    for data, body in good(mapping):
        name = rows_of(body)
        with mapping.read(io.BytesIO(data), block=7, **elsewhere(mapping, body)) as reading:
            rows = tuple(reading)
        assert rows == getattr(body, name)
        assert reading.body == replace(body, **{name: ()})
        written = io.BytesIO()
        header = mapping.read_envelope(mapping.parse(data)) if mapping.envelope else {}
        mapping.write(written, reading.body, rows, header)
        assert written.getvalue() == data


def long_return(count: int, *, broken: int = 0) -> bytes:
    """A return file of so many rows of one fen each; every third failed, row `broken` has no amount."""
    failed = count // 3
    lines = [
        f"H|20261120|990101|0009|{count}|{count / 100:.2f}"
        f"|{count - failed}|{(count - failed) / 100:.2f}|{failed}|{failed / 100:.2f}|"
    ]
    for n in range(1, count + 1):
        amount = "" if n == broken else "0.01"
        lines.append(f"{n:08d}|6229990000000000019|张测试|{amount}|{'0' if n % 3 else '5'}||||")
    return "".join(f"{line}\r\n" for line in lines).encode("gbk")


RETURN = next(m for m in BANK if m.name == "bank.ybdf.return")


def test_a_long_return_adds_up() -> None:
    moved = failed = 0
    with RETURN.read(io.BytesIO(long_return(30_000))) as reading:
        for row in reading:
            moved += outcome(row.status) == "settled"
            failed += outcome(row.status) == "rejected"
    assert (moved, failed) == (20_000, 10_000)
    assert (reading.body.settled_count, reading.body.failed_sum) == (20_000, 10_000)


def test_a_broken_row_is_named_and_the_others_are_read() -> None:
    refused: list[Any] = []
    rows: list[Any] = []
    with (
        RETURN.read(io.BytesIO(long_return(3_000, broken=2_000)), refused.append) as reading,
        pytest.raises(MappingError),  # without that row, the head is not true
    ):
        rows.extend(reading)
    assert len(refused) == 1
    assert len(rows) == 2_999


BATCH = PaymentBatch(
    batch_id="REQ20261120001",
    kind="credit-transfer",
    created_at=dt.datetime(2026, 11, 20, 10, 15, tzinfo=CHINA),
    requested_on=dt.date(2026, 11, 20),
    number_of_transactions=2,
    control_sum=123456,
    initiating_party="虚构市医疗保障局",
    own_name="虚构市医疗保障局",
    own_account_no="990100000000271",
    own_bank_line_no="102990100108",
    category_purpose="SSBE",
    items=tuple(
        PaymentItem(
            sequence=number,
            end_to_end_id=f"R26112000{number:02d}",
            name=name,
            account_no=account,
            bank_line_no="308990100207",
            amount=amount,
        )
        for number, name, account, amount in (
            (1, "张测试", "6229990000000000019", 100000),
            (2, "李样例", "6229990000000000027", 23456),
        )
    ),
)
ENVELOPE = {
    "PmtInfId": "REQ20261120001-1", "LGNNAM": "U1", "BUSMOD": "00001", "BBKNBR": "99",
    "BEGTAG": "Y", "ENDTAG": "Y", "TTLAMT": "1234.56", "TTLCNT": "2", "TTLNUM": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "also"),
    [
        ("bank/ybdf.request", {"initiating_party_id": "990101"}),
        ("bank/fixed.request", {"initiating_party_id": "990101"}),
        ("bank/postal.request", {"initiating_party_id": "990101"}),
        ("bank/ums.request", {"initiating_party_id": "990101"}),
        ("bank/cmbc.request", {"inter_bank": True, "initiating_party_id": "990101"}),
        ("bank/cmb.credit_transfer", {"purpose": "医保报销", "initiating_party_id": "990101"}),
        ("bank/cdc.credit_transfer", {"purpose": "医保报销", "inter_bank": False}),
        ("iso20022/pain.001.001.09", {"initiating_party_id": "990101"}),
    ],
)
def test_one_batch_pays_the_same_by_every_bank(file: str, also: dict[str, Any]) -> None:
    mapping = load(SHIPPED / f"{file}.yaml")
    body = replace(BATCH, **also)
    envelope = ENVELOPE | {name.lower(): value for name, value in ENVELOPE.items()} | {"buscod": "N03020"}
    read = mapping.decode(mapping.encode(body, envelope), **elsewhere(mapping, body))
    assert isinstance(read, PaymentBatch)
    assert [(i.account_no, i.name, i.amount) for i in read.items] == [
        (i.account_no, i.name, i.amount) for i in BATCH.items
    ]
    assert (read.number_of_transactions, read.control_sum, read.kind) == (2, 123456, "credit-transfer")


def test_a_name_the_bank_cannot_write_is_refused_and_not_replaced() -> None:
    mapping = load(SHIPPED / "bank/ybdf.request.yaml")
    items = (replace(BATCH.items[0], name="王䶮"), BATCH.items[1])
    with pytest.raises(MappingError) as refused:
        mapping.encode(replace(BATCH, initiating_party_id="990101", items=items))
    assert [f.rule for f in refused.value.faults] == ["charset"]
    assert "王" not in str(refused.value)


def test_a_sum_says_which_rows_it_is_of_in_one_way(tmp_path: Path) -> None:
    text = (SHIPPED / "bank/ybdf.return.yaml").read_text("utf-8")
    both = text.replace("not: [settled]", "not: [settled], is: [settled]", 1)
    (tmp_path / "return.yaml").write_text(both, "utf-8")
    assert [p.en for p in lint(tmp_path / "return.yaml") if p.level == "error"] == [
        "give either `is` or `not`"
    ]

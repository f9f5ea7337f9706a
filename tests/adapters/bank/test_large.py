"""A return of 100,000 rows: its results are kept beside the message, and memory does not grow with it."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from adapters.bank.files.formats import Documents
from adapters.bank.files.ledger import Ledger
from adapters.bank.files.reading import INLINE
from adapters.bank.files.taker import BankTaker
from gateway.canonical import Attachment
from gateway.canonical.payment import BatchReturned
from gateway.contract import Reject
from gateway.transports.files import Arrived, TurnedAway
from tests.adapters.bank.bodies import DAY, PARTY, batch
from tests.adapters.bank.conftest import Partner
from tests.adapters.bank.rig import StrictInbox
from tests.adapters.context import Harness, MemoryAttachments

ROWS = 100_000
NAME = "YBDF_990101_20261120_0009.ret"


class CountingInbox(StrictInbox):
    """Keeps no record, only how many there were, so that what is measured is the adapter."""

    kept = 0

    async def keep(
        self,
        file: Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
        records: Iterable[msgspec.Struct] | None = None,
    ) -> Attachment:
        for record in records or ():
            msgspec.json.encode(record)
            self.kept += 1
        return Attachment(claim="claim-1", size=0, sha256=digest(file), records=self.kept)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def written(file: Path, rows: int, *, bad: tuple[int, ...] = ()) -> Arrived:
    """Row number n is 1.00 yuan, settled; those in `bad` have no amount."""
    with file.open("wb") as out:
        out.write(f"H|20261120|990101|0009|{rows}|{rows}.00|{rows}|{rows}.00|0|0.00|\r\n".encode("gbk"))
        for n in range(1, rows + 1):
            amount = "" if n in bad else "1.00"
            out.write(f"{n:08}|622999{n:013}|张测试|{amount}|0|成功|20261120|B{n:09}|\r\n".encode("gbk"))
    return Arrived(name=file.name, path=file, size=file.stat().st_size, sha256=digest(file))


def taker(folder: Path, profile: str = "shipped:ybdf") -> tuple[BankTaker, CountingInbox]:
    harness = Harness(folder, partner="bank")
    inbox = CountingInbox(harness.message)
    object.__setattr__(harness.context, "inbox", inbox)
    return BankTaker(Documents(profile), PARTY, Ledger(folder), harness.context), inbox


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    it, inbox = taker(tmp_path)
    file = written(tmp_path / NAME, ROWS)
    tracemalloc.start()
    try:
        taken = await it.take(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (taken.count, taken.total) == (ROWS, ROWS * 100)
    assert inbox.kept == ROWS
    [inbound] = inbox.accepted
    assert isinstance(inbound.body, BatchReturned)
    assert (inbound.body.results, inbound.raw) == ((), b"")
    assert inbound.body.settled_count == ROWS
    assert inbound.attachment is not None
    assert peak < 16 << 20, f"{peak >> 20} MiB for a file of {file.size >> 20} MiB"


@pytest.mark.parametrize(("rows", "kept"), [(INLINE, 0), (INLINE + 1, INLINE + 1)])
async def test_rows_travel_inside_up_to_a_number(tmp_path: Path, rows: int, kept: int) -> None:
    it, inbox = taker(tmp_path)
    await it.take(written(tmp_path / NAME, rows))
    assert inbox.kept == kept
    [inbound] = inbox.accepted
    assert isinstance(inbound.body, BatchReturned)
    assert len(inbound.body.results) == rows - kept


async def test_bad_rows_refuse_the_file_and_are_listed(tmp_path: Path) -> None:
    it, inbox = taker(tmp_path)
    bad = tuple(range(10, 3_000, 7))
    with pytest.raises(TurnedAway) as away:
        await it.take(written(tmp_path / NAME, 5_000, bad=bad))
    assert inbox.accepted == []
    assert (len(away.value.findings), away.value.refusal_id) == (200, "refused-1")
    assert away.value.more >= len(bad) - 200
    first = away.value.findings[0]
    assert (first.line, first.column, first.field, first.rule) == (11, 4, "金额", "missing")


async def test_a_format_that_is_read_whole_is_not_even_opened_where_it_is_too_large(tmp_path: Path) -> None:
    it, inbox = taker(tmp_path, "shipped:iso20022")
    file = tmp_path / "pain.002_1.xml"
    with file.open("wb") as out:
        out.truncate(8 << 30)
    arrived = Arrived(name=file.name, path=file, size=8 << 30, sha256="00" * 32)
    with pytest.raises(TurnedAway) as away:
        await it.take(arrived)
    assert [finding.rule for finding in away.value.findings] == ["size"]
    assert inbox.accepted == []


async def test_a_batch_whose_items_are_kept_beside_it_goes_out_with_them(partner: Partner) -> None:
    it = partner()
    body = batch("1" * 1500)
    message = it.harness.message(replace(body, items=()))
    kept = Attachment(claim="c", size=0, sha256="00" * 32, records=1500)
    store = it.harness.context.attachments
    assert isinstance(store, MemoryAttachments)
    store.lines["c"] = [msgspec.json.encode(item) for item in body.items]
    prepared = await it.sender.prepare(replace(message, attachment=kept))
    assert prepared.content == Documents("shipped:ybdf").outgoing["disbursement"].mapping(DAY).encode(body)
    with pytest.raises(Reject) as refused:
        await it.sender.prepare(replace(message, id="2", attachment=replace(kept, records=10_001)))
    assert refused.value.code == "too-many"

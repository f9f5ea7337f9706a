"""Messages whose rows are kept beside them, such as a bank's return of 100,000: written whole, or refused in words."""

from __future__ import annotations

import datetime as dt
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.generic import adapter
from adapters.generic.rows import MOST
from adapters.generic.settings import GenericSettings
from gateway.canonical import Attachment, Message
from gateway.canonical.payment import BatchReturned, PaymentResult
from gateway.contract import Accepted, ConfigError, Reject, Rejected, RetryLater
from mappings import SHIPPED, load
from tests.adapters.context import Harness

RETURN = "shipped:bank/ybdf.return"


def result(number: int) -> PaymentResult:
    return PaymentResult(
        sequence=number, account_no=f"622999{number:013}", name="张测试", amount=100, status="settled"
    )


@dataclass
class Kept:
    """Rows made when they are asked for."""

    rows: int
    bad: int = 0
    broken: bool = False

    def read(self, _attachment: Attachment) -> Iterator[bytes]:
        raise AssertionError("the partner's own file is not passed on")

    def records(self, _attachment: Attachment, start: int = 0) -> Iterator[bytes]:
        for number in range(start + 1, self.rows + 1):
            if self.broken:
                raise ConfigError("附件已损坏", "the attachment is damaged")
            made = result(number)
            yield msgspec.json.encode(
                msgspec.structs.replace(made, name="王䶮") if number == self.bad else made
            )


@dataclass
class Place:
    sender: Any
    message: Message
    out: Path
    state: Path


def body(rows: int) -> BatchReturned:
    return BatchReturned(
        batch_id="0009", initiating_party_id="990101", returned_on=dt.date(2026, 11, 20),
        stage="final", number_of_transactions=rows, control_sum=rows * 100, settled_count=rows,
        settled_sum=rows * 100, failed_count=0, failed_sum=0,
    )  # fmt: skip


def place(folder: Path, kept: Kept, *, request: str = RETURN, way: dict[str, Any] | None = None) -> Place:
    harness = Harness(folder / "state")
    object.__setattr__(harness.context, "attachments", kept)
    (folder / "out").mkdir()
    settings = GenericSettings.model_validate(
        {
            "operations": [
                {
                    "name": "Result", "title": {"zh": "回盘", "en": "Return"}, "direction": "outbound",
                    "type": "payment.batch.returned.v1", "request": request,
                    "idempotent": True, "on_unknown": "resend",
                }
            ],
            "outbound": way or {"kind": "folder", "path": folder / "out"},
        }
    )  # fmt: skip
    attachment = Attachment(claim="c", size=0, sha256="00" * 32, records=kept.rows)
    message = harness.message(body(kept.rows), attachment=attachment)
    return Place(adapter.sender(settings, harness.context), message, folder / "out", folder / "state")


async def test_any_number_of_rows_by_files_at_constant_memory(tmp_path: Path) -> None:
    it = place(tmp_path, Kept(100_000))
    tracemalloc.start()
    try:
        prepared = await it.sender.prepare(it.message)
        outcome = await it.sender.send(it.message, prepared)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(outcome, Accepted)
    assert prepared.content == b""
    assert peak < 24 << 20
    [file] = it.out.glob("*.xml")
    with file.open("rb") as stream, load(SHIPPED / "bank" / "ybdf.return.yaml").read(stream) as rows:
        assert sum(1 for _ in rows) == 100_000
    assert isinstance(await it.sender.send(it.message, prepared), Accepted), "the same again is the same file"
    assert isinstance(await it.sender.query(it.message, prepared), Accepted)
    assert os.listdir(it.state / "outgoing") == [], "nothing of it stays with us"


async def test_a_row_that_cannot_be_said_refuses_the_file_without_its_value(tmp_path: Path) -> None:
    it = place(tmp_path, Kept(3_000, bad=2_500))
    outcome = await it.sender.send(it.message, await it.sender.prepare(it.message))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "mapping"
    assert "䶮" not in outcome.reason
    assert os.listdir(it.out) == os.listdir(it.state / "outgoing") == []


async def test_what_is_damaged_is_tried_again_and_said(tmp_path: Path) -> None:
    it = place(tmp_path, Kept(3_000, broken=True))
    outcome = await it.sender.send(it.message, await it.sender.prepare(it.message))
    assert isinstance(outcome, RetryLater)
    assert "damaged" in outcome.reason


async def test_another_way_has_them_in_one_document_up_to_a_number(tmp_path: Path) -> None:
    way = {"kind": "http", "base_url": "http://127.0.0.1:9", "calls": {"Result": {"path": "/x"}}}
    it = place(tmp_path, Kept(1_500), way=way)
    prepared = await it.sender.prepare(it.message)
    decoded = load(SHIPPED / "bank" / "ybdf.return.yaml").decode(prepared.content)
    assert isinstance(decoded, BatchReturned)
    assert len(decoded.results) == 1_500


async def test_more_than_that_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    way = {"kind": "http", "base_url": "http://127.0.0.1:9", "calls": {"Result": {"path": "/x"}}}
    it = place(tmp_path, Kept(MOST + 1), way=way)
    with pytest.raises(Reject) as refused:
        await it.sender.prepare(it.message)
    assert refused.value.code == "too-large"
    assert "文件通道" in refused.value.zh

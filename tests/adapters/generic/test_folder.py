"""Files: whole or not there, taken once, and refused with a report."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.generic import adapter
from adapters.generic.settings import GenericSettings
from gateway.canonical import Message
from gateway.contract import Accepted, PartnerDown, Unavailable
from gateway.transports.files import checking
from gateway.transports.files.local import LocalWatcher
from gateway.transports.files.whole import free, move, put
from mappings import SHIPPED
from tests.adapters.context import Harness
from tests.adapters.generic.test_samples import EXAMPLE
from tests.adapters.generic.test_ways import FILE, REGISTRATION, notice
from tests.twisted_runner import sleep


def receiver(folder: Path, harness: Harness, **way: Any) -> LocalWatcher:
    inbound = {"kind": "folder", "path": folder, **way}
    settings = GenericSettings.model_validate({"operations": [notice()], "inbound": inbound})
    assert list(adapter.problems(settings)) == []
    made = adapter.receiver(settings, harness.context)
    assert isinstance(made, LocalWatcher)
    made._make_folders()
    return made


@pytest.mark.parametrize("companion", [".md5", ".sm3"])
async def test_a_digest_says_that_the_file_is_whole(tmp_path: Path, companion: str) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness, complete=companion)
    digest = hashlib.new(companion[1:], FILE).hexdigest()
    (tmp_path / "in" / "a.json").write_bytes(FILE)
    await it.look()
    assert harness.inbox.accepted == [], "no companion: not complete"
    (tmp_path / "in" / f"a.json{companion}").write_text(f"{digest}  a.json\n")
    (tmp_path / "in" / "b.json").write_bytes(FILE + b" ")
    (tmp_path / "in" / f"b.json{companion}").write_text(digest)
    await it.look()
    assert [i.partner_message_id for i in harness.inbox.accepted] == ["MZ20250001"]
    assert [r.rule for r in harness.inbox.refused] == ["digest"]
    assert sorted(os.listdir(tmp_path / "in")) == [".taking", "done", "rejected"]


async def test_unfinished_files_and_links_are_left_alone(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness)
    for name in (".a.json", "a.json.part", "a.json.tmp"):
        (tmp_path / "in" / name).write_bytes(FILE)
    (tmp_path / "secret").write_bytes(FILE)
    (tmp_path / "in" / "link.json").symlink_to(tmp_path / "secret")
    await it.look()
    assert harness.inbox.accepted == []
    assert harness.inbox.refused == []


async def test_a_file_stays_until_it_can_be_committed(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness)
    (tmp_path / "in" / "a.json").write_bytes(FILE)
    harness.inbox.error = Unavailable("库不可用", "no store")
    await it.look()
    assert os.listdir(tmp_path / "in" / ".taking") == ["a.json"]
    harness.inbox.error = None
    await it.look()
    assert (tmp_path / "in" / "done" / "a.json").exists()


async def test_a_file_taken_but_not_moved_is_the_same_message_again(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness)
    for _ in range(2):  # the process died between commit and move
        (tmp_path / "in" / "a.json").write_bytes(FILE)
        await it.look()
    assert [i.partner_message_id for i in harness.inbox.accepted] == ["MZ20250001"] * 2
    assert sorted(os.listdir(tmp_path / "in" / "done")) == ["a.json", "a~2.json"]


async def test_a_file_that_changes_while_it_is_read_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness)
    checked = checking.check

    def replaced(*arguments: Any) -> Any:
        known = checked(*arguments)
        with (tmp_path / "in" / ".taking" / "a.json").open("ab") as file:  # somebody still has it open
            file.write(b" ")
        return known

    (tmp_path / "in" / "a.json").write_bytes(FILE)
    monkeypatch.setattr("gateway.transports.files.arriving.check", replaced)
    await it.look()
    assert harness.inbox.accepted == []
    assert harness.inbox.refused == []
    monkeypatch.undo()
    await it.look()
    assert [i.partner_message_id for i in harness.inbox.accepted] == ["MZ20250001"]
    assert harness.inbox.accepted[0].raw == FILE + b" "


async def test_a_file_of_records_is_receipted_with_count_and_total(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    payments = notice(
        name="Payments", type="payment.batch.submitted.v1", request="shipped:bank/ybdf.request", id="batch_id"
    )
    inbound = {"kind": "folder", "path": tmp_path / "in", "receipts": tmp_path / "receipts"}
    settings = GenericSettings.model_validate({"operations": [payments], "inbound": inbound})
    it = adapter.receiver(settings, harness.context)
    assert isinstance(it, LocalWatcher)
    assert it._receipts is not None
    it._make_folders()
    await it._receipts.start()
    good = (SHIPPED / "bank" / "samples" / "ybdf.request" / "good" / "wire.txt").read_bytes()
    (tmp_path / "in" / "a.txt").write_bytes(good)
    (tmp_path / "in" / "b.txt").write_bytes(good + b"\n" * (5 << 20))
    await it.look()
    told = json.loads((tmp_path / "receipts" / "a.txt.receipt.json").read_bytes())
    body: Any = harness.inbox.accepted[0].body
    assert (told["count"], told["total_fen"]) == (body.number_of_transactions, body.control_sum)
    assert [refusal.code for refusal in harness.inbox.refused] == ["too-large"]


async def test_looking_goes_on_by_itself_and_ends(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness, interval="10ms")
    await it.start()
    (tmp_path / "in" / "a.json").write_bytes(FILE)
    for _ in range(3000):
        if harness.inbox.accepted:
            break
        await sleep(0.01)
    await it.stop()
    assert [i.partner_message_id for i in harness.inbox.accepted] == ["MZ20250001"]


def out(folder: Path, harness: Harness, companion: str = ".sm3") -> Any:
    operation = {
        "name": "File", "title": {"zh": "文件", "en": "File"}, "direction": "outbound",
        "type": "organisation.registration.changed.v1",
        "request": EXAMPLE / "mappings" / "enrolment.organisation.yaml", "idempotent": True, "on_unknown": "resend",
    }  # fmt: skip
    way = {
        "kind": "folder",
        "path": folder,
        "companion": companion,
        "calls": {"File": {"name": "{reference}.json"}},
    }
    settings = GenericSettings.model_validate({"operations": [operation], "outbound": way})
    assert list(adapter.problems(settings)) == []
    return adapter.sender(settings, harness.context)


def message(harness: Harness) -> Message:
    return harness.message(REGISTRATION.decode(FILE))


async def test_a_file_that_is_put_again_is_the_same_file(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    sender = out(folder, harness)
    sent = message(harness)
    prepared = await sender.prepare(sent)
    for _ in range(2):
        assert isinstance(await sender.send(sent, prepared), Accepted)
    assert sorted(os.listdir(folder)) == [f"{sent.id}.json", f"{sent.id}.json.sm3"]
    (folder / f"{sent.id}.json.sm3").unlink()  # died between file and companion
    assert isinstance(await sender.send(sent, prepared), Accepted)
    assert (folder / f"{sent.id}.json.sm3").exists()


async def test_no_folder_is_an_outage(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    sender = out(tmp_path / "away", harness)
    sent = message(harness)
    prepared = await sender.prepare(sent)
    with pytest.raises(PartnerDown):
        await sender.send(sent, prepared)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    for content in (b"1", b"2", b"3"):
        put(tmp_path / "a.xml", content)
        move(tmp_path / "a.xml", free(tmp_path / "done", "a.xml"))
    kept = {file.name: file.read_bytes() for file in (tmp_path / "done").iterdir()}
    assert kept == {"a.xml": b"1", "a~2.xml": b"2", "a~3.xml": b"3"}


async def test_the_report_about_a_file_of_records_names_line_and_column(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    payments = notice(
        name="Payments", type="payment.batch.submitted.v1", request="shipped:bank/ybdf.request", id="batch_id"
    )
    inbound = {"kind": "folder", "path": tmp_path / "in"}
    settings = GenericSettings.model_validate({"operations": [payments], "inbound": inbound})
    assert list(adapter.problems(settings)) == []
    it = adapter.receiver(settings, harness.context)
    assert isinstance(it, LocalWatcher)
    it._make_folders()
    good = (SHIPPED / "bank" / "samples" / "ybdf.request" / "good" / "wire.txt").read_bytes()
    (tmp_path / "in" / "bad.txt").write_bytes(good.replace(b"|234.56|", b"|23x.56|"))
    await it.look()
    assert harness.inbox.accepted == []
    [refused] = harness.inbox.refused
    assert refused.field == "item[2]/amount"
    told = (tmp_path / "in" / "rejected" / "bad.txt.report.txt").read_text(encoding="utf-8")
    [row] = [line.split() for line in told.splitlines() if "item[2]/amount" in line]
    assert row[:3] == ["3", "5", "item[2]/amount"]
    assert "23x" not in told

"""Files: whole or not there, taken once, and refused with a report."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.generic import adapter
from adapters.generic.desk import Desk
from adapters.generic.settings import GenericSettings
from adapters.generic.transports.files import put, put_away
from adapters.generic.transports.folder import FolderReceiver
from gateway.canonical import Message
from gateway.contract import Accepted, PartnerDown, Unavailable
from mappings import SHIPPED
from tests.adapters.context import Harness
from tests.adapters.generic.test_samples import EXAMPLE
from tests.adapters.generic.test_ways import FILE, REGISTRATION, notice


def receiver(folder: Path, harness: Harness, **way: Any) -> FolderReceiver:
    inbound = {"kind": "folder", "path": folder, **way}
    settings = GenericSettings.model_validate({"operations": [notice()], "inbound": inbound})
    assert list(adapter.problems(settings)) == []
    made = adapter.receiver(settings, harness.context)
    assert isinstance(made, FolderReceiver)
    for name in ("done", "rejected"):
        (folder / name).mkdir(parents=True, exist_ok=True)
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
    assert sorted(os.listdir(tmp_path / "in")) == ["done", "rejected"]


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
    assert (tmp_path / "in" / "a.json").exists()
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


async def test_looking_goes_on_by_itself_and_ends(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    it = receiver(tmp_path / "in", harness, interval="10ms")
    await it.start()
    await it.stop()
    assert isinstance(it._desk, Desk)


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
        put(tmp_path / "a.xml", content, "none")
        put_away(tmp_path / "a.xml", tmp_path / "done", "rename")
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
    assert isinstance(it, FolderReceiver)
    for name in ("done", "rejected"):
        (tmp_path / "in" / name).mkdir(parents=True, exist_ok=True)
    good = (SHIPPED / "bank" / "samples" / "ybdf.request" / "good" / "wire.txt").read_bytes()
    (tmp_path / "in" / "bad.txt").write_bytes(good.replace(b"|234.56|", b"|23x.56|"))
    await it.look()
    assert harness.inbox.accepted == []
    [refused] = harness.inbox.refused
    assert refused.field == "item[2]/amount"
    told = (tmp_path / "in" / "rejected" / "bad.txt.report.txt").read_text(encoding="utf-8")
    assert "3" in told.split("line")[1][:12]
    assert "5" in told.split("column")[1][:12]

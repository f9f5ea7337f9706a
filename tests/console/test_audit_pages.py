"""The pages of the audit log, over a real store and a real log; a tampered one must be told as such."""

from __future__ import annotations

import datetime as dt
import io
import re
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from gateway.audit import Entry, Integrator, load_signer
from gateway.console.checking import LogCheck
from gateway.console.roles import Role
from gateway.desk import auditing
from gateway.desk.proving import prove, trail_of
from gateway.engine.config import Configuration
from gateway.store import open_reader
from gateway.store.api import Record
from tests.cli.conftest import Stocked, running_store
from tests.console.conftest import Browser, SignIn
from tests.twisted_runner import run

COMMAND = re.compile(r"^    python verify\.py (.+)$", re.MULTILINE)


@pytest.fixture
def auditor(sign_in: SignIn) -> Browser:
    return sign_in({Role.AUDITOR})


def integrate(configuration: Configuration) -> None:
    """What the running gateway does every second."""

    def drain() -> None:
        signer = load_signer(configuration.gateway.audit.origin, configuration.audit_key_file)
        integrator = Integrator(store.audit_source(), configuration.audit_folder, signer)
        integrator.drain()
        integrator.close()

    with running_store(configuration) as store:
        run(deferToThread(drain))


def tamper(configuration: Configuration) -> None:
    """Somebody changes the partner in an entry of the log."""
    for bundle in (configuration.audit_folder / "tile/entries").rglob("*"):
        if bundle.is_file():
            bundle.write_bytes(bundle.read_bytes().replace(b'"clinic-a"', b'"clinic-b"'))


def verified(auditor: Browser) -> str:
    """The page after a whole verification."""
    begun = auditor.submit("/audit/verify")
    assert (begun.status_code, begun.headers["location"]) == (303, "/audit")
    until = time.monotonic() + 30
    while "every 1s" in (shown := auditor.get("/live/audit/check").text):
        assert time.monotonic() < until
        time.sleep(0.05)
    return shown


def events_of(configuration: Configuration, message_id: str) -> list[Entry]:
    with open_reader(configuration.gateway.store) as reader:
        return [one.entry for one in trail_of(reader, message_id).entries]


def given(auditor: Browser, message_id: str, kind: str) -> zipfile.ZipFile:
    answer = auditor.submit(f"/audit/messages/{message_id}/evidence", kind=kind)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="tongqu-')
    assert answer.headers["cache-control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(answer.content))


def commands_work(package: zipfile.ZipFile, folder: Path, *, code: int = 0) -> int:
    """Runs every command of the README in the folder; returns how many there are."""
    commands = COMMAND.findall(package.read("README.txt").decode("utf-8-sig").replace("\r\n", "\n"))
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-I", "verify.py", *shlex.split(command)],
            cwd=folder,
            capture_output=True,
            check=False,
            env={},
        )
        assert done.returncode == code, (command, done.stdout.decode(), done.stderr.decode())
    return len(commands)


def test_how_the_log_stands(auditor: Browser, configuration: Configuration) -> None:
    shown = auditor.get("/audit").text
    assert "gateway.example/audit" in shown
    assert "本次启动以来尚未验证" in shown
    assert "运行中的网关约一秒内写入" in shown, "what waits is told"
    integrate(configuration)
    auditor.submit("/language", language="en", back="/audit")
    shown = auditor.get("/audit").text
    assert "Not verified since this console was started" in shown
    assert "message.refused" in shown


def test_the_whole_log_is_verified(auditor: Browser) -> None:
    shown = verified(auditor)
    assert "验证通过" in shown
    assert "3 个条目" in shown
    assert "验证通过" in auditor.get("/audit").text


def test_a_tampered_log_is_told_as_such(auditor: Browser, stocked: Stocked) -> None:
    tamper(stocked.configuration)
    shown = verified(auditor)
    assert "验证未通过" in shown
    assert "索引 0 的条目被改动" in shown
    assert "下一步" in shown
    page = auditor.get("/audit/entries/0").text
    assert "日志文件中的条目被改动或损坏" in page
    assert "clinic-b" not in page, "what the checkpoint proves counts"
    assert given(auditor, stocked.message_id, "package").namelist(), "which the store still has"


def test_nothing_is_given_that_would_prove_nothing(auditor: Browser, stocked: Stocked) -> None:
    for tile in (stocked.configuration.audit_folder / "tile/0").rglob("*"):
        if tile.is_file():
            tile.write_bytes(tile.read_bytes()[::-1])
    assert "验证未通过" in verified(auditor)
    page = auditor.get("/audit/entries/0").text
    assert "回执不能证明该条目（索引 0）在日志中" in page
    assert "没有证明" in page
    for kind in ("receipt", "package"):
        refused = auditor.submit(f"/audit/messages/{stocked.message_id}/evidence", kind=kind)
        assert refused.status_code == 409
        assert "未出具" in refused.text
    assert "evidence.given" not in {e.event for e in events_of(stocked.configuration, stocked.message_id)}


def test_a_missing_or_foreign_checkpoint(auditor: Browser, configuration: Configuration) -> None:
    note = configuration.audit_folder / "checkpoint"
    note.write_bytes(note.read_bytes().replace(b"\n3\n", b"\n2\n"))
    assert "检查点签名无效" in auditor.get("/audit").text
    note.unlink()
    assert "没有检查点" in auditor.get("/audit").text
    assert "日志文件缺失或损坏" in auditor.get("/audit/entries/0").text
    configuration.audit_key_file.unlink()
    assert "尚无签名密钥" in auditor.get("/audit").text
    assert auditor.submit("/audit/verify").status_code == 503


def test_a_store_that_says_otherwise_than_the_log(
    auditor: Browser, configuration: Configuration, stocked: Stocked
) -> None:
    import sqlite3

    lists = ("/audit", f"/audit/messages/{stocked.message_id}")
    assert not any("其一被改动过" in auditor.get(path).text for path in lists)
    path = configuration.gateway.store.sqlite_path
    assert path is not None
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE audit SET entry = CAST(replace(CAST(entry AS text), 'clinic-a', 'clinic-b') AS blob) WHERE n = 1"
        )
    shown = auditor.get("/audit/entries/0").text
    assert "库被改动过" in shown
    for path in lists:
        assert "看检查点证明的是哪一个：0<" in auditor.get(path).text
    assert "clinic-b" not in shown, "what the log has signed counts"


def test_a_folder_put_back_to_an_older_state(
    auditor: Browser, configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sound in itself, and its signature is valid: what is missing there only the store knows."""
    shutil.copytree(configuration.audit_folder, tmp_path / "older")
    integrate(configuration)
    shutil.rmtree(configuration.audit_folder)
    shutil.copytree(tmp_path / "older", configuration.audit_folder)
    assert "验证通过" in verified(auditor)
    assert "目录可能被换成了旧的" not in auditor.get("/audit").text  # for a second that is how it is
    monkeypatch.setattr(auditing, "_LATE", dt.timedelta())
    shown = auditor.get("/audit").text
    assert "目录可能被换成了旧的" in shown
    assert "有效" not in shown
    integrate(configuration)
    assert "目录可能被换成了旧的" not in auditor.get("/audit").text


def test_one_verification_at_a_time(stocked: Stocked) -> None:
    check = LogCheck()
    vkeys = (stocked.configuration.audit_folder / "vkey").read_text()
    assert check.start(stocked.configuration.audit_folder, vkeys)
    assert not check.start(stocked.configuration.audit_folder, vkeys)
    until = time.monotonic() + 30
    while (last := check.last()) is not None and last.running:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert last is not None
    assert (last.verified, last.read, last.size) == (True, 3, 3)
    assert check.start(stocked.folder / "nowhere", vkeys)
    while (last := check.last()) is not None and last.running:
        time.sleep(0.02)
    assert last is not None
    assert last.verified is None, "nothing can be said"
    assert "没有日志目录" in last.zh[0]
    assert "no log folder" in last.en[0]


def test_one_entry_with_its_proof(auditor: Browser, stocked: Stocked, filled: dict[str, str]) -> None:
    shown = auditor.get("/audit/entries/1").text
    assert "已由独立验证程序核对" in shown
    assert stocked.message_id in shown
    assert "检查点覆盖 3 个条目；此条是其中第 2 个" in shown
    assert auditor.get("/audit/entries/99").status_code == 404
    assert auditor.get(f"/audit/entries/{1 << 60}").status_code in {404, 422}
    trail = auditor.get(f"/audit/messages/{filled['refused']}").text
    assert "待写入" in trail, "committed, not in the log yet"


def test_a_message_is_found_by_any_of_its_numbers(
    auditor: Browser, stocked: Stocked, filled: dict[str, str]
) -> None:
    for text in (stocked.message_id, "clinic-a-77"):
        found = auditor.get("/audit/messages", params={"text": text})
        assert found.headers["location"] == f"/audit/messages/{stocked.message_id}"
    refused = auditor.get("/audit/messages", params={"text": filled["refused"]})
    assert refused.headers["location"] == f"/audit/messages/{filled['refused']}"
    assert auditor.get("/audit/messages", params={"text": "visit-1"}).status_code == 404, "several"
    assert auditor.get("/audit/messages", params={"text": "nothing"}).status_code == 404
    assert auditor.get("/audit/messages/nothing").status_code == 404
    reply = auditor.get(f"/audit/messages/{stocked.reply_id}").text
    assert "是对此报文的答复" in reply
    assert "/audit/entries/2" in reply


def test_looking_back_is_bounded_and_says_so(
    auditor: Browser, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.desk.record import journal_of

    journal = journal_of(configuration)
    entries = tuple(
        journal.entry("key.resealed" if n % 10 else "key.rotating", actor=f"os:user-{n % 7}")
        for n in range(60)
    )
    with running_store(configuration) as store:
        run(store.commit(Record(entries)))
    integrate(configuration)
    monkeypatch.setattr(auditing, "FAR", 25)
    monkeypatch.setattr(auditing, "_WINDOW", 10)
    with open_reader(configuration.gateway.store) as reader:
        top = auditing.look_back(reader, limit=5)
        assert top.first is not None
        assert [one.index for one in top.found] == list(range(top.first, top.first - 5, -1))
        assert (top.last, top.older) == (top.first - 4, top.first - 4)
        seen, before = [], None
        while True:
            look = auditing.look_back(reader, before=before, event="key.rotating", actor="user-3")
            assert look.first is not None
            assert look.last is not None
            assert look.first - look.last < 25
            seen += [one.index for one in look.found]
            if look.older is None:
                break
            before = look.older
        everything = auditing.look_back(reader, event="message").found
    expected = [n for n in range(60) if n % 10 == 0 and n % 7 == 3]
    assert len(seen) == len(expected) > 0
    assert seen == sorted(set(seen), reverse=True)
    assert not everything, "too far back for one look"
    shown = auditor.get("/audit?event=message").text
    assert "一次至多看 25 个" in shown
    assert "更早的" in shown


def test_the_receipt_is_that_of_the_command(auditor: Browser, stocked: Stocked, tmp_path: Path) -> None:
    configuration = stocked.configuration
    archive = given(auditor, stocked.message_id, "receipt")
    assert sorted(archive.namelist()) == [
        "README.txt",
        "entry.bin",
        "receipt.tlog-proof",
        "verify.py",
        "vkey",
    ]
    with open_reader(configuration.gateway.store) as reader:
        _, _, [one] = prove(configuration.audit_folder, [trail_of(reader, stocked.message_id).acceptance])
    assert (archive.read("entry.bin"), archive.read("receipt.tlog-proof")) == (one.data, one.receipt)
    assert archive.read("vkey") == (configuration.audit_folder / "vkey").read_bytes()
    archive.extractall(tmp_path / "empty")
    assert commands_work(archive, tmp_path / "empty") == 1
    last = events_of(configuration, stocked.message_id)[-1]
    assert (last.event, last.actor) == ("evidence.given", f"console:{auditor.name}")
    assert last.detail == {"kind": "receipt", "entries": 1, "checkpoint": 3}


def test_every_command_of_the_package_works_in_an_empty_folder(
    auditor: Browser, stocked: Stocked, tmp_path: Path
) -> None:
    given(auditor, stocked.message_id, "receipt")  # an entry that is not in the log yet
    archive = given(auditor, stocked.message_id, "package")
    readme = archive.read("README.txt").decode("utf-8-sig")
    assert "另有 1 个条目已提交" in readme
    empty = tmp_path / "empty"
    archive.extractall(empty)
    integrate(stocked.configuration)
    shutil.copytree(stocked.configuration.audit_folder, empty / "audit")
    assert commands_work(archive, empty) == 4, "three entries, and the log of a later day"
    for entry in empty.glob("entry-*.bin"):
        entry.write_bytes(entry.read_bytes().replace(b'"gw-1"', b'"gw-2"'))
    (empty / "audit/checkpoint").unlink()
    commands_work(archive, empty, code=1)


def test_the_evidence_of_a_reply_and_of_a_refusal(
    auditor: Browser, stocked: Stocked, filled: dict[str, str]
) -> None:
    archive = given(auditor, stocked.reply_id, "receipt")
    assert stocked.reply_id.encode() in archive.read("entry.bin")
    last = events_of(stocked.configuration, stocked.message_id)[-1]
    assert last.detail is not None
    assert last.detail["reply"] == stocked.reply_id
    waiting = auditor.submit(f"/audit/messages/{filled['refused']}/evidence", kind="package")
    assert waiting.status_code == 503
    assert "尚未写入日志" in waiting.text
    integrate(stocked.configuration)
    assert given(auditor, filled["refused"], "package").namelist()
    assert auditor.submit(f"/audit/messages/{stocked.message_id}/evidence", kind="all").status_code == 400


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_nobody_else_sees_the_log_or_gives_evidence(sign_in: SignIn, stocked: Stocked, role: Role) -> None:
    other = sign_in({role})
    for path in ("/audit", "/audit/entries/0", f"/audit/messages/{stocked.message_id}", "/live/audit/check"):
        assert other.get(path).status_code == 403
    assert other.submit("/audit/verify").status_code == 403
    refused = other.submit(f"/audit/messages/{stocked.message_id}/evidence", kind="package")
    assert refused.status_code == 403
    assert "evidence.given" not in {e.event for e in events_of(stocked.configuration, stocked.message_id)}

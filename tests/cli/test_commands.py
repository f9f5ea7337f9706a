"""Each command as a person or a program meets it: what it prints, and how it exits."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit import Entry, decode, load_verifiers, verify_receipt
from gateway.cli.main import app
from gateway.store import open_reader
from tests.cli.conftest import NAME, PERSON, Stocked, refuse, running_store
from tests.config import support
from tests.twisted_runner import run

COMMANDS = [
    [],
    ["run"],
    ["demo"],
    ["version"],
    ["check"],
    ["message", "find"],
    ["message", "show"],
    ["message", "work"],
    ["message", "replay"],
    ["message", "settle"],
    ["message", "content"],
    ["message", "erase"],
    ["audit", "verify"],
    ["audit", "prove"],
    ["audit", "match"],
    ["audit", "key"],
    ["audit", "change-key"],
    ["audit", "retire-key"],
    ["feed", "list"],
    ["feed", "peek"],
    ["partner", "list"],
    ["partner", "test"],
    ["payment", "list"],
    ["payment", "show"],
    ["payment", "approve"],
    ["payment", "withdraw"],
    ["payment", "again"],
    ["payment", "verify-accounts"],
    ["payment", "differences"],
    ["payment", "close-difference"],
    ["payment", "days"],
    ["batch", "build"],
    ["batch", "list"],
    ["batch", "show"],
    ["batch", "release"],
    ["batch", "cancel"],
    ["batch", "results"],
    ["person", "new"],
    ["key", "list"],
    ["key", "rotate"],
    ["key", "reseal"],
    ["key", "retire"],
    ["user", "list"],
    ["user", "add"],
    ["user", "change"],
    ["user", "reset"],
]


def _run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    return result


def _json(*arguments: object, code: int = 0) -> Any:
    return json.loads(_run(*arguments, "--json", code=code).stdout)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_teaches_in_both_languages(command: list[str]) -> None:
    text = _run(*command, "--help").output
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text)
    assert " / " in text


def test_help_is_quick_because_it_imports_little() -> None:
    code = (
        "import sys, gateway.cli.main\n"
        "print([m for m in ('twisted', 'pydantic', 'gateway.engine', 'gateway.store') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version() -> None:
    assert _json("version")["contract"] == 1


def test_usage_errors_exit_2() -> None:
    _run("message", "find", "--state", "lost", code=2)
    _run("message", "find", "--since", "soon", code=2)
    _run("message", "show", "x", "--unmask", code=2)
    _run("demo", "--bus", "kafka", code=2)
    _run("no-such-command", code=2)


def test_check_says_that_all_is_well(stocked: Stocked) -> None:
    assert "没有问题" in _run("check", "-c", stocked.folder, "--no-mappings").stdout


def test_check_names_file_line_path_and_what_was_expected(stocked: Stocked) -> None:
    file = stocked.folder / "gateway.yaml"
    file.write_text(support.FILES["gateway.yaml"].replace("attempts: 3", "atempts: 3"), encoding="utf-8")
    line = _run("check", "-c", stocked.folder, "--no-mappings", code=1).stdout.strip()
    assert line.startswith(f"{file}:9 engine.retry.atempts ")
    assert "attempts" in line
    (problem,) = _json("check", "-c", stocked.folder, "--no-mappings", code=1)
    assert (problem["line"], problem["path"]) == (9, "engine.retry.atempts")


def test_a_note_is_shown_and_is_no_error(stocked: Stocked) -> None:
    file = stocked.folder / "partners/clinic.yaml"
    text = file.read_text(encoding="utf-8").replace("  path: /a\n", "  path: /a\n  reply_timeout: 1s\n")
    file.write_text(text, encoding="utf-8")
    assert "提示 note: " in _run("check", "-c", stocked.folder, "--no-mappings").stdout
    (note,) = _json("check", "-c", stocked.folder, "--no-mappings")
    assert (note["level"], note["path"]) == ("note", "settings.reply_timeout")


def test_commands_refuse_a_wrong_configuration(stocked: Stocked) -> None:
    (stocked.folder / "gateway.yaml").write_text("node: x\n")
    result = _run("partner", "list", "-c", stocked.folder, code=1)
    assert "gateway.yaml:1 region" in result.stderr


def test_find(stocked: Stocked) -> None:
    for number in (stocked.message_id, "clinic-a-77", "REF-1"):
        assert [m["id"] for m in _json("message", "find", number, "-c", stocked.folder)] == [
            stocked.message_id
        ]
    assert _json("message", "find", "--state", "dead", "-c", stocked.folder) == []
    assert _json("message", "find", "--until", "2026-01-01", "-c", stocked.folder) == []
    text = _run(
        "message", "find", "--partner", "centre", "--since", "2026-01-01", "-c", stocked.folder
    ).stdout
    assert stocked.message_id in text
    assert "已送达 accepted" in text


def test_show_tells_the_whole_life_masked(stocked: Stocked) -> None:
    text = _run("message", "show", stocked.message_id, "-c", stocked.folder).stdout
    for part in (
        "clinic-a",
        "REF-1",
        "已送达 accepted",
        "message.accepted",
        "delivery.sending",
        "张**",
        stocked.reply_id,
    ):
        assert part in text
    assert PERSON not in text
    assert NAME not in text
    told = _json("message", "show", "REF-1", "-c", stocked.folder)
    assert [entry["index"] for entry in told["audit"]] == [0, 1, 2]
    assert told["content"][stocked.message_id]["certificate_no"] == "1101**********0015"
    assert told["content"][stocked.reply_id]["sex"] == "1"


def test_show_of_nothing(stocked: Stocked) -> None:
    assert "没有找到" in _run("message", "show", "nothing", "-c", stocked.folder, code=1).stderr


def test_unmasking_is_audited_first(stocked: Stocked) -> None:
    told = _json(
        "message", "show", stocked.message_id, "--unmask", "--reason", "投诉核对", "-c", stocked.folder
    )
    assert told["content"][stocked.message_id]["certificate_no"] == PERSON
    with open_reader(stocked.configuration.gateway.store) as reader:
        last: Entry = decode(reader.audit_of(stocked.message_id)[-1][2])
    assert last.event == "payload.viewed"
    assert last.detail is not None
    assert last.detail["reason"] == "投诉核对"
    assert (last.actor or "").startswith("os:")


def test_unmasking_works_beside_a_running_gateway(stocked: Stocked) -> None:
    arguments = (
        "message",
        "show",
        stocked.message_id,
        "--unmask",
        "--reason",
        "投诉核对",
        "-c",
        stocked.folder,
    )
    with running_store(stocked.configuration) as running:
        assert _json(*arguments)["content"][stocked.message_id]["certificate_no"] == PERSON
        assert run(running.audit_backlog()) == 1


def test_nothing_is_unmasked_where_it_cannot_be_audited(stocked: Stocked) -> None:
    gateway = stocked.folder / "gateway.yaml"
    gateway.write_text(f"{gateway.read_text()}store: {{busy_timeout: 100ms}}\n")
    arguments = ("message", "show", stocked.message_id, "--unmask", "--reason", "x", "-c", stocked.folder)
    path = stocked.configuration.gateway.store.sqlite_path
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = _run(*arguments, code=3)
        assert PERSON not in result.output
        assert "不显示" in result.stderr
        assert PERSON not in _run(*arguments[:3], "-c", stocked.folder).output  # masked works beside it


def test_a_reason_with_a_number_in_it_is_refused(stocked: Stocked) -> None:
    for reason in (f"核对 {PERSON}", "110101 19900101 0015", "手机 13800138000", "a\nb", "x" * 501, " "):
        arguments = (
            "message",
            "show",
            stocked.message_id,
            "--unmask",
            "--reason",
            reason,
            "-c",
            stocked.folder,
        )
        assert PERSON not in _run(*arguments, code=2).stdout


def test_a_reply_leads_to_the_message_that_it_answers(stocked: Stocked) -> None:
    assert _json("message", "show", stocked.reply_id, "-c", stocked.folder)["id"] == stocked.message_id
    assert "是对下面这条报文的答复" in _run("message", "show", stocked.reply_id, "-c", stocked.folder).stdout


def test_a_refusal_shows_what_is_known(stocked: Stocked) -> None:
    refusal_id = refuse(stocked)
    text = _run("message", "show", refusal_id, "-c", stocked.folder).stdout
    for part in ("拒收", "field", "psn_no", "length", "clinic-a", "message.refused"):
        assert part in text
    told = _json("message", "show", refusal_id, "-c", stocked.folder)
    assert (told["refusal"], told["code"], told["field"]) == (refusal_id, "field", "psn_no")
    assert [entry["event"] for entry in told["audit"]] == ["message.refused"]


def test_content_needs_the_keys(stocked: Stocked) -> None:
    stocked.configuration.keyring_file.unlink()
    assert "unreadable" in _json("message", "show", stocked.message_id, "-c", stocked.folder)["content"]


def test_verify(stocked: Stocked, tmp_path: Path) -> None:
    log, vkey = stocked.configuration.audit_folder, stocked.configuration.audit_folder / "vkey"
    old = tmp_path / "old"
    old.write_bytes((log / "checkpoint").read_bytes())
    assert "验证通过" in _run("audit", "verify", log, "--vkey", vkey, "--since", old).stdout
    assert _json("audit", "verify", log, "--vkey", vkey)["size"] == 3
    bundle = next((log / "tile/entries").rglob("3"))
    os.chmod(bundle, 0o600)
    bundle.write_bytes(bundle.read_bytes().replace(b"gw-1", b"gw-2", 1))
    assert _json("audit", "verify", log, "--vkey", vkey, code=1)["ok"] is False
    _run("audit", "verify", tmp_path / "nowhere", "--vkey", vkey, code=3)
    _run("audit", "verify", log, "--vkey", tmp_path / "nowhere", code=3)


def test_prove(stocked: Stocked, tmp_path: Path) -> None:
    out = tmp_path / "proof"
    _run("audit", "prove", stocked.message_id, "--out", out, "-c", stocked.folder)
    entry = (out / "entry.bin").read_bytes()
    verifiers = load_verifiers(stocked.configuration.audit_folder / "vkey")
    verify_receipt((out / "receipt.tlog-proof").read_bytes(), entry, verifiers)
    assert decode(entry).event == "message.accepted"
    proved = _json("audit", "prove", stocked.message_id, "--out", out, "--all", "-c", stocked.folder)
    assert [item["index"] for item in proved] == [0, 1, 2]
    assert (out / "receipt-2.tlog-proof").exists()
    _run("audit", "prove", stocked.reply_id, "--out", out, "-c", stocked.folder)
    assert decode((out / "entry.bin").read_bytes()).detail == {"reply": stocked.reply_id}
    assert len(_json("audit", "prove", stocked.reply_id, "--out", out, "--all", "-c", stocked.folder)) == 3
    _run("audit", "prove", "nothing", "--out", out, "-c", stocked.folder, code=1)


def test_key(stocked: Stocked) -> None:
    shown = _json("audit", "key", "-c", stocked.folder)["vkey"]
    assert shown == (stocked.configuration.audit_folder / "vkey").read_text().strip()
    stocked.configuration.audit_key_file.unlink()
    _run("audit", "key", "-c", stocked.folder, code=3)


def test_partners(stocked: Stocked) -> None:
    assert [p["name"] for p in _json("partner", "list", "-c", stocked.folder)] == ["centre", "clinic-a"]
    assert "clinic-a" in _run("partner", "list", "-c", stocked.folder).stdout
    assert "centre" in _run("partner", "test", "nobody", "-c", stocked.folder, code=1).stderr


def test_partner_test_fails_step_by_step(tmp_path: Path) -> None:
    """In a process of its own, because it turns the reactor; the example's platform is not running."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "gateway.cli", "partner", "test", "province", "-c", str(root / "config")]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, cwd=tmp_path)
    steps = json.loads(done.stdout)
    assert done.returncode == (0 if all(step["ok"] for step in steps) else 3)
    assert all(step["zh"] and step["en"] for step in steps)

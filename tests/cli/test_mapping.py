"""`gateway mapping` and `gateway codes`, as a person meets them."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from gateway.audit import decode
from gateway.canonical import IdSource
from gateway.cli.main import app
from gateway.engine.vault import Vault
from gateway.store import open_reader
from gateway.store.api import Accept
from gateway.store.keyring import KeyRing
from mappings import SHIPPED
from tests.cli.conftest import AT, QUERY, Stocked, _message, _row, running_store
from tests.mappings.test_catalogue import put
from tests.mappings.tools import REVERSAL
from tests.twisted_runner import run

QUERY_FILE = SHIPPED / "hospital" / "person_query.yaml"
SAMPLES = SHIPPED / "hospital" / "samples"
ASKED = "identity.person.queried.v1"
NUMBER = "9901"  # how the personal values of the samples begin


def _run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    return result


def _json(*arguments: object, code: int = 0) -> Any:
    return json.loads(_run(*arguments, "--json", code=code).stdout)


COMMANDS = [
    "mapping",
    *(f"mapping {name}" for name in ("list", "check", "test", "convert", "preview", "compare")),
    "codes",
    *(f"codes {name}" for name in ("list", "show", "diff")),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_in_both_languages(command: str) -> None:
    text = _run(*command.split(), "--help").output
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text)
    assert " / " in text


def test_list_shows_versions_and_their_days(tmp_path: Path) -> None:
    put(tmp_path, "a.v1.yaml")
    put(tmp_path, "a.v2.yaml", 2, "{from: 2199-01-01}")
    first, second = _json("mapping", "list", tmp_path)
    assert (first["mapping"], first["until"], first["in_use"]) == ("test.reversal@1", "2198-12-31", True)
    assert (second["mapping"], second["from"], second["in_use"]) == ("test.reversal@2", "2199-01-01", False)
    assert "hospital.person_query@1" in _run("mapping", "list", "-c", tmp_path).stdout


def test_check_names_file_line_and_suggestion(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", text=REVERSAL.replace("as: text(6)", "as: txt(6)"))
    put(tmp_path, "b.yaml", 2)
    text = _run("mapping", "check", tmp_path, code=1).stdout
    assert f"{tmp_path / 'a.yaml'}:9 code " in text
    assert "did you mean: text" in text
    assert "begins with test.reversal@1" in text
    assert _json("mapping", "check", QUERY_FILE) == []


def test_test_runs_samples_and_says_what_it_did(tmp_path: Path) -> None:
    (result,) = _json("mapping", "test", QUERY_FILE)
    assert (result["ok"], result["samples"]) == (True, 3)
    assert "samples and laws" in result["scope"]
    put(tmp_path, "a.yaml")
    case = tmp_path / "samples" / "a" / "good"
    case.mkdir(parents=True)
    (case / "wire.json").write_text('{"omsgid":"1","code":"0","text":"x"}')
    (case / "canonical.json").write_text('{"original_message_id":"1","raw_code":"1","raw_text":"x"}')
    assert "decoded as" in _run("mapping", "test", tmp_path / "a.yaml", code=1).stdout


def test_test_says_what_is_wrong_with_a_sample_folder(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml")
    case = tmp_path / "samples" / "a" / "good"
    case.mkdir(parents=True)
    assert "exactly one file wire" in _run("mapping", "test", tmp_path / "a.yaml", code=1).stdout
    (case / "wire.json").write_text('{"omsgid":"1","code":"0","text":"x"}')
    assert "canonical.json" in _run("mapping", "test", tmp_path / "a.yaml", code=1).stdout
    (case / "canonical.json").write_text("{")
    assert "good" in _run("mapping", "test", tmp_path / "a.yaml", code=1).stdout


def test_test_takes_code_tables_as_the_gateway_does(tmp_path: Path) -> None:
    """From all folders, whichever holds the mapping."""
    tables, own = tmp_path / "tables", tmp_path / "own"
    (tables / "codes").mkdir(parents=True)
    gend = (SHIPPED / "codes" / "gend.csv").read_text("utf-8")
    (tables / "codes" / "gend_of_ours.csv").write_text(gend, "utf-8")
    put(own, "a.yaml", text=REVERSAL.replace("as: text(6)", "as: code(gend_of_ours)"))
    (result,) = _json("mapping", "test", tables, own)
    assert result["ok"], result["said"]


def test_samples_need_no_hypothesis() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['hypothesis'] = None; sys.modules['hypothesis.strategies'] = None\n"
        "from mappings.samples import check_samples; from mappings import load\n"
        f"print(check_samples(load({str(QUERY_FILE)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"


# convert: single messages


def test_convert_both_ways(tmp_path: Path) -> None:
    wire = SAMPLES / "settlement_reversal_result" / "good" / "wire.xml"
    by = ("--with", "hospital.settlement_reversal_result", "-c", tmp_path)
    _run("mapping", "convert", wire, *by, "--out", tmp_path / "body.json")
    _run(
        "mapping", "convert", tmp_path / "body.json", *by, "--to", "partner", "--out", tmp_path / "again.xml"
    )
    assert (tmp_path / "again.xml").read_bytes() == wire.read_bytes().strip()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.xml", "body.json"]


def test_what_is_refused_leaves_no_file_but_a_report(tmp_path: Path) -> None:
    out, report = tmp_path / "body.json", tmp_path / "refused.csv"
    out.write_text("as before")
    wire = next(SAMPLES.glob("person_query/refused*/wire.xml"))
    _run("mapping", "convert", wire, "--with", QUERY_FILE, "--out", out, "--refused", report, code=1)
    assert out.read_text() == "as before"
    rows = list(csv.DictReader(report.read_text("utf-8-sig").splitlines()))
    assert rows
    assert all(row["rule"] and row["zh"] and row["en"] for row in rows)
    number = re.findall(r"<mdtrt_cert_no>(.*?)<", wire.read_text("utf-8"))[0]
    assert number not in report.read_text("utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["body.json", "refused.csv"]


def test_convert_says_what_is_missing(tmp_path: Path) -> None:
    wire = SHIPPED / "settlement" / "samples" / "2207.output" / "good" / "wire.json"
    result = _run("mapping", "convert", wire, "--with", "settlement.2207.output", "-c", tmp_path, code=2)
    assert "raw_code" in result.stderr
    _run("mapping", "convert", wire, "--with", "settlement.2207.outputt", "-c", tmp_path, code=2)
    _run("mapping", "convert", wire, "--with", QUERY_FILE, "--to", "there", code=2)
    (tmp_path / "bad.json").write_text('{"body": {"original_message_id": 1}}')
    report = tmp_path / "r.jsonl"
    by = ("--with", "hospital.settlement_reversal_result", "-c", tmp_path, "--to", "partner")
    _run("mapping", "convert", tmp_path / "bad.json", *by, "--refused", report, code=1)
    assert json.loads(report.read_text())["rule"] == "canonical"


# preview


def test_preview_aligns_both_sides_and_masks(tmp_path: Path) -> None:
    wire = SAMPLES / "person_query" / "good" / "wire.xml"
    rows = _json("mapping", "preview", wire, "--with", QUERY_FILE)
    known = {row["place"]: row for row in rows}
    assert known["mdtrt_cert_type"]["field"] == "certificate_kind"
    assert known["mdtrt_cert_type"]["text"] == known["mdtrt_cert_type"]["value"] == "02"
    assert "*" in known["mdtrt_cert_no"]["text"]
    open_ = {r["place"]: r for r in _json("mapping", "preview", wire, "--with", QUERY_FILE, "--unmask")}
    assert open_["mdtrt_cert_no"]["text"].startswith(NUMBER)
    assert open_["mdtrt_cert_no"]["text"] not in _run("mapping", "preview", wire, "--with", QUERY_FILE).output


def test_preview_shows_faults_at_their_places() -> None:
    wire = SAMPLES / "outpatient_settlement" / "refused-fields" / "wire.xml"
    by = ("--with", SHIPPED / "hospital" / "outpatient_settlement.yaml")
    expected = json.loads((wire.parent / "refused.json").read_text())["faults"]
    rows = _json("mapping", "preview", wire, *by, code=1)
    found = [{"field": r["place"], "rule": f["rule"]} for r in rows for f in r["faults"]]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert "✗ missing" in _run("mapping", "preview", wire, *by, code=1).stdout


def test_preview_of_bytes_that_are_no_message(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"<a")
    (row,) = _json("mapping", "preview", tmp_path / "x", "--with", QUERY_FILE, code=1)
    assert row["faults"][0]["rule"] == "syntax"


# compare


def changed(folder: Path, old: str, new: str) -> Path:
    """`person_query` with a change, as its version 2."""
    text = QUERY_FILE.read_text("utf-8")
    assert old in text
    file = folder / "person_query.yaml"
    file.write_text(text.replace("version: 1", "version: 2").replace(old, new), encoding="utf-8")
    return file


CERTIFICATE = "at: mdtrt_cert_no,"


def stricter(folder: Path) -> Path:
    line = next(x for x in QUERY_FILE.read_text("utf-8").splitlines() if CERTIFICATE in x)
    before = line.partition("as: ")[2].partition(",")[0].partition("}")[0].strip()
    return changed(folder, line, line.replace(f"as: {before}", "as: text(3)"))


def test_compare_on_samples(tmp_path: Path) -> None:
    on = ("--on", SAMPLES / "person_query" / "good", "-c", tmp_path)
    assert "1 same" in _run("mapping", "compare", QUERY_FILE, QUERY_FILE, *on).stdout
    facts = _json("mapping", "compare", QUERY_FILE, stricter(tmp_path), *on, code=1)
    assert (facts["same"], facts["refused"]) == (0, 1)
    assert facts["differences"][0]["field"] == "mdtrt_cert_no"
    back = _json("mapping", "compare", tmp_path / "person_query.yaml", QUERY_FILE, *on, code=1)
    assert back["accepted"] == 1
    _run("mapping", "compare", QUERY_FILE, SHIPPED / "settlement" / "2207.output.yaml", *on, code=2)
    _run("mapping", "compare", QUERY_FILE, QUERY_FILE, "--on", tmp_path / "nothing", code=2)


def test_compare_masks_whatever_a_mapping_knows_to_be_personal(tmp_path: Path) -> None:
    old = SHIPPED / "hospital" / "hip_patient_registered.yaml"
    new, text = tmp_path / "new.yaml", old.read_text("utf-8")
    swapped = text.replace("to: contact_name", "to: X").replace("to: employer", "to: contact_name")
    new.write_text(swapped.replace("to: X", "to: employer"), "utf-8")
    sample = SHIPPED / "hospital" / "samples" / "hip_patient_registered" / "good"
    facts = _json("mapping", "compare", old, new, "--on", sample, "-c", tmp_path, code=1)
    assert {d["field"] for d in facts["differences"]} == {"contact_name", "employer"}
    assert "示例乙" not in str(facts)


def test_compare_on_stored_messages_is_audited_first(stocked: Stocked, tmp_path: Path) -> None:
    message_id = _received(stocked)
    arguments = (
        "mapping",
        "compare",
        QUERY_FILE,
        stricter(tmp_path),
        "--on",
        "recent=10",
        "-c",
        stocked.folder,
    )
    assert "--reason" in _run(*arguments, code=2).stderr
    facts = _json(*arguments, "--reason", "换版核对", code=1)
    # One was read by this mapping and is read again; of the other only the body counts, and it is written.
    assert facts["messages"] == 2
    assert {d["message"] for d in facts["differences"]} == {message_id, stocked.message_id}
    with open_reader(stocked.configuration.gateway.store) as reader:
        last = decode(reader.audit_of(message_id)[-1][2])
    assert last.event == "payload.viewed"
    assert last.detail == {"reason": "换版核对", "by": "gateway mapping compare"}
    same = (
        "mapping",
        "compare",
        QUERY_FILE,
        QUERY_FILE,
        "--on",
        "recent",
        "--reason",
        "x",
        "-c",
        stocked.folder,
    )
    assert _json(*same)["same"] == 2


def _received(stocked: Stocked) -> str:
    """Adds a message that `hospital.person_query@1` has read from the bytes of its sample."""
    ids = IdSource(lambda: int(AT.timestamp() * 1000) + 1, os.urandom)
    vault = Vault(KeyRing.load(stocked.configuration.keyring_file), os.urandom)
    message = _message(ids(), ASKED, "clinic-a", QUERY)
    raw = (SAMPLES / "person_query" / "good" / "wire.xml").read_bytes().strip()
    row = msgspec.structs.replace(
        _row(vault, message),
        mapping="hospital.person_query@1",
        partner_message_id="own-1",
        raw=vault.seal(raw, message.id, "raw").blob,
    )
    with running_store(stocked.configuration) as store:
        run(store.commit(Accept(row, (), ())))
    return message.id


# The configuration's own mappings


def test_the_configuration_may_bring_its_own(stocked: Stocked) -> None:
    own = put(stocked.folder / "formats", "a.yaml")
    gateway = stocked.folder / "gateway.yaml"
    gateway.write_text(gateway.read_text() + "mappings: [formats]\n")
    assert any(m["mapping"] == "test.reversal@1" for m in _json("mapping", "list", "-c", stocked.folder))
    put(own, "b.yaml")
    problems = _json("check", "-c", stocked.folder, code=1)
    assert any("stands in a.yaml already" in p["en"] for p in problems)
    (own / "codes").mkdir()
    (own / "codes" / "mine.csv").write_text("code;name\n", "utf-8")
    assert "mine" in _run("codes", "list", "-c", stocked.folder, code=2).output


# codes


def test_codes(tmp_path: Path) -> None:
    tables = {t["table"]: t for t in _json("codes", "list", "-c", tmp_path)}
    assert tables["gend"]["class"] == "standard"
    assert tables["gend"]["open"] is False
    shown = _json("codes", "show", "region", "--on", "2024-01-01", "-c", tmp_path)["codes"]
    assert "990104" in {c["code"] for c in shown}
    assert "990102" not in {c["code"] for c in shown}
    assert "示例省" in _run("codes", "show", "region", "-c", tmp_path).stdout
    _run("codes", "show", "regoin", "-c", tmp_path, code=2)
    _run("codes", "show", "region", "--on", "then", "-c", tmp_path, code=2)


def test_codes_diff(tmp_path: Path) -> None:
    facts = _json("codes", "diff", "region@2023-12-31", "region@2024-01-01", "-c", tmp_path, code=1)
    assert [c["code"] for c in facts["changes"]] == ["990102", "990103", "990104"]
    file = tmp_path / "gend.csv"
    file.write_text((SHIPPED / "codes" / "gend.csv").read_text("utf-8").replace("1,男,", "1,男性,"), "utf-8")
    facts = _json("codes", "diff", "gend", file, "-c", tmp_path, code=1)
    assert facts["changes"] == [{"code": "1", "change": "name_zh", "old": "男", "new": "男性"}]
    assert "settlement.1101.output@1" in facts["used_by"]
    _run("codes", "diff", "gend", "gend", "-c", tmp_path)

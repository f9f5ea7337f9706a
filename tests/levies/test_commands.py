"""The commands beside a running store, in a folder like the shipped example's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from gateway.cli.levying import open_levies
from gateway.engine.config import lint, load, notes
from gateway.store import SqlStore
from tests.levies.world import (
    COLLECTOR,
    DAY,
    NO,
    OK,
    World,
    check,
    debit,
    listed,
    result,
    returned,
)
from tests.store.opening import opened
from tests.twisted_runner import run

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "treasury"


class Folder:
    """A configuration, and the commands in it."""

    def __init__(self, at: Path) -> None:
        self.at = at / "config"
        shutil.copytree(EXAMPLE, self.at)
        gateway = self.at / "gateway.yaml"
        gateway.write_text(
            gateway.read_text("utf-8").replace("../../../var/treasury", str(at / "data")), "utf-8"
        )
        for secret in ("mq.password", "treasury-sm3.key", "treasury.password", "levy-online.token"):
            (self.at / "secrets" / secret).write_text("0123456789abcdef0123456789abcdef\n", "utf-8")
        self.levies({})
        self.passphrase = at / "passphrase"
        self.passphrase.write_text("a long passphrase\n", "utf-8")
        self.key = at / "zhang.key"

    def levies(self, changes: dict[str, Any]) -> None:
        text = msgspec.yaml.encode({"collectors": [{**COLLECTOR, **changes}]})
        (self.at / "levies.yaml").write_bytes(text)

    def people(self) -> None:
        made = self.json("person", "new", "zhang", "--out", self.key, *self.signing()[4:], configured=False)
        person = {"name": "zhang", "title": "张", "key": made["key"], "may": ["levy.close-difference"]}
        (self.at / "people.yaml").write_bytes(msgspec.yaml.encode({"people": [person]}))

    def signing(self) -> tuple[object, ...]:
        return ("--as", "zhang", "--key", self.key, "--passphrase-file", self.passphrase)

    def run(self, *words: object, **how: Any) -> str:
        """All that one command says."""
        done = self._done(*words, **how)
        return done.stdout + done.stderr

    def _done(
        self, *words: object, code: int = 0, configured: bool = True, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        given = [str(word) for word in words] + (["-c", str(self.at)] if configured else [])
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *given],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "COLUMNS": "200"},
        )
        assert done.returncode == code, (given, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words: object, **how: Any) -> Any:
        return json.loads(self._done(*words, "--json", **how).stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def stocked(folder: Folder) -> Iterator[World]:
    """A file of six with every outcome, and a check of the day with differences."""
    folder.people()
    configuration = load(folder.at)
    assert configuration.levies is not None
    store: SqlStore = opened(configuration.gateway.store)
    keys = configuration.keyring_file.parent
    keys.mkdir(parents=True)
    world = World(store, configuration.gateway.store, keys, configuration.levies)
    run(_stock(world))
    yield world
    world.close()
    run(store.stop())


async def _stock(world: World) -> None:
    first, _ = await world.sent([debit(n) for n in range(1, 7)])
    await world.tell(returned(first, [result(n, NO if n == 4 else OK) for n in range(1, 6)]))
    await world.checked([listed(n) for n in (1, 2, 3, 8)])
    await world.tell(check([listed(n) for n in range(1, 4)], size=2, batch_no="C9")[0])
    await world.look()


def test_what_was_debited_is_listed_masked(folder: Folder, stocked: World) -> None:
    found = folder.json("levy", "list", "--collector", "city", "--state", "success")
    assert len(found) == 4
    text = folder.run("levy", "list") + folder.run("levy", "show", debit(1).voucher_no)
    assert debit(1).voucher_no in text
    for secret in (debit(1).contributor_no, debit(1).contributor_name, debit(1).payer_account_no):
        assert secret not in text
    assert "扣款成功 success" in text
    one = debit(2).contributor_no
    assert [row["voucher_no"] for row in folder.json("levy", "list", "--contributor", said=f"{one}\n")] == [
        debit(2).voucher_no
    ]
    assert len(folder.json("levy", "list", "--employer", said="990101E001\n")) == 6
    folder.run("levy", "show", "nobody", code=1)
    folder.run("levy", "list", "--state", "lost", code=2)


def test_to_see_everything_is_on_record(folder: Folder, stocked: World) -> None:
    voucher = debit(1).voucher_no
    folder.run("levy", "show", voucher, "--unmask", code=2)
    shown = folder.json("levy", "show", voucher, "--unmask", "--reason", "缴费人查询")
    assert shown["contributor_no"] == debit(1).contributor_no
    assert [word["word"] for word in shown["history"]] == ["success"]
    events = run(_events(stocked, shown["file"]))
    assert "payload.viewed" in events


async def _events(world: World, message_id: str) -> str:
    return " ".join(entry.decode() for _, _, entry in await world.store.audit_of(message_id))


def test_a_receipt_names_what_it_rests_on(folder: Folder, stocked: World) -> None:
    facts = folder.json("levy", "receipt", debit(1).voucher_no)
    assert facts["receipt"] == "YB202600000001"
    assert len(facts["messages"]) == 2
    text = folder.run("levy", "receipt", debit(1).voucher_no)
    assert "gateway audit prove" in text
    assert "有效 valid" in text
    folder.run("levy", "receipt", debit(4).voucher_no, code=1)


def test_files_with_their_packages(folder: Folder, stocked: World) -> None:
    [one] = folder.json("levy", "batch")
    assert one["debits"] == {"refused": [1, 40_000], "sent": [1, 40_000], "success": [4, 160_000]}
    whole = folder.json("levy", "batch", one["file"])
    assert [(p["count"], p["state"], p["answered"]) for p in whole["packages"]] == [
        (5, "closed", True),
        (1, "sent", False),
    ]
    assert "已完结" in folder.run("levy", "batch", one["file"])
    folder.run("levy", "batch", "0", code=1)


def test_days_and_differences(folder: Folder, stocked: World) -> None:
    [day] = folder.json("levy", "days")
    assert (day["compared"], day["differences"], day["parts"]) == (True, 2, [1])
    assert "2 项差异" in folder.run("levy", "days")
    found = folder.json("levy", "differences")
    assert [row["kind"] for row in found] == ["missing-here", "missing-there"]
    assert (found[0]["ours"], found[0]["theirs"]) == (None, "400.00")
    assert "下一步" in folder.run("levy", "differences")
    number = found[0]["number"]
    folder.run("levy", "close-difference", number, *folder.signing(), "--reason", "他处提交，已核实")
    folder.run("levy", "close-difference", number, *folder.signing(), "--reason", "他处提交，已核实", code=1)
    assert [row["kind"] for row in folder.json("levy", "differences")] == ["missing-there"]
    closed = folder.json("levy", "differences", "--all")
    assert (closed[0]["closed_by"], closed[0]["reason"]) == ("zhang", "他处提交，已核实")


def test_a_check_is_asked_for_once_more(folder: Folder, stocked: World) -> None:
    asked = folder.json("levy", "resend", "city", "--day", DAY.isoformat())
    [row] = run(_deliveries(stocked, asked["message"]))
    assert (row.partner, row.state) == ("treasury", "waiting")
    folder.run("levy", "resend", "city", "--day", "2026-01-02", code=1)
    folder.run("levy", "resend", "city", "--day", "2026-01-02", "--package", "00000007")
    folder.run("levy", "resend", "town", "--day", DAY.isoformat(), code=1)
    folder.run("levy", "resend", "city", "--day", "yesterday", code=2)


async def _deliveries(world: World, message_id: str) -> Any:
    return await world.store.deliveries_of(message_id)


def test_without_levies_the_commands_say_how_to_begin(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = replace(load(folder.at), levies=None)
    with pytest.raises(typer.Exit), open_levies(configuration):
        pass
    assert "docs/levies.md" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"partner": "nobody"}, "collectors[0].partner"),
        ({"partner": "levy-office"}, "collectors[0].partner"),
        ({"proposers": ["levy-office", "nobody"]}, "collectors[0].proposers[1]"),
        ({"max_items": 1001}, "collectors[0].max_items"),
        ({"check_by": "25:00"}, "collectors[0].check_by"),
        ({"receipt_prefix": "收"}, "collectors[0].receipt_prefix"),
        ({"package_dayz": 1}, "collectors[0].package_dayz"),
    ],
)
def test_what_is_wrong_with_a_collector(folder: Folder, changes: dict[str, Any], path: str) -> None:
    folder.levies(changes)
    assert path in {p.path for p in lint(folder.at) if p.file == "levies.yaml"}, lint(folder.at)


def test_as_it_should_be_and_what_is_missing(folder: Folder) -> None:
    assert lint(folder.at) == []
    folder.people()
    assert not any(note.file == "levies.yaml" for note in notes(folder.at))
    routes = folder.at / "routes.yaml"
    text = routes.read_text("utf-8")
    routes.write_text(text.replace("to: [treasury, levies]", "to: [treasury]"), "utf-8")
    [note] = [note for note in notes(folder.at) if note.file == "levies.yaml"]
    assert "levy.debit.asked.v1" in note.zh


def test_a_book_that_does_not_hear_of_the_switch_of_days_is_noted(folder: Folder) -> None:
    folder.people()
    partner = folder.at / "partners" / "treasury.yaml"
    text = partner.read_text("utf-8")
    assert "  hand_on: [working-day]" in text
    partner.write_text(text.replace("  hand_on: [working-day]", ""), "utf-8")
    [note] = [note for note in notes(folder.at) if note.file == "levies.yaml"]
    assert (note.path, note.expected) == ("collectors[0].partner", "hand_on: [working-day]")

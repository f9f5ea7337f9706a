"""What a person does with deliveries that are dead or in doubt."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.audit import Entry, decode
from gateway.cli import person
from gateway.desk import cases
from gateway.engine.config import load
from gateway.store import open_reader
from gateway.store.api import DeliveryRow
from tests.cli.conftest import PERSON, Stocked, owe, running_store
from tests.cli.test_commands import _json, _run
from tests.twisted_runner import run

REASON = ("--reason", "已与对方对账")


def _delivery(stocked: Stocked, message_id: str) -> DeliveryRow:
    with open_reader(stocked.configuration.gateway.store) as reader:
        (row,) = reader.deliveries_of(message_id)
    return row


def _last(stocked: Stocked, message_id: str) -> Entry | None:
    with open_reader(stocked.configuration.gateway.store) as reader:
        entries = reader.audit_of(message_id)
    return decode(entries[-1][2]) if entries else None


def _act(stocked: Stocked, command: str, message_id: str, *options: object, code: int = 0) -> Any:
    arguments = ("message", command, message_id, *REASON, *options, "-c", stocked.folder)
    return _json(*arguments) if code == 0 else _run(*arguments, code=code)


def test_a_dead_delivery_is_replayed_with_its_reference(stocked: Stocked) -> None:
    message_id = owe(stocked, "dead")
    reference = _delivery(stocked, message_id).reference
    done = _act(stocked, "replay", message_id)
    assert (done["before"], done["after"]) == ("dead", "pending")
    row = _delivery(stocked, message_id)
    assert (row.state, row.attempts, row.reference, row.next_at) == ("pending", 1, reference, None)
    entry = _last(stocked, message_id)
    assert entry is not None
    assert (entry.event, entry.delivery, entry.partner) == ("delivery.replayed", row.id, "centre")
    assert (entry.actor or "").startswith("os:")
    assert entry.detail is not None
    assert (entry.detail["reason"], entry.detail["attempts"]) == (REASON[1], 4)


def test_a_dead_delivery_of_a_feed_needs_no_confirmation(stocked: Stocked) -> None:
    """It moves no money, and nobody waits for it."""
    message_id = owe(stocked, "dead")
    file = stocked.folder / "gateway.yaml"
    feeds = "feeds: [{name: core, types: [identity.*], clear: true}]\n"
    file.write_text(file.read_text(encoding="utf-8") + feeds, encoding="utf-8")
    row = replace(_delivery(stocked, message_id), partner="feed-core", operation="identity.person.queried.v1")
    with open_reader(stocked.configuration.gateway.store) as reader:
        message = reader.message(message_id)
    assert message is not None
    case = cases.case_of(load(stocked.folder), row, replace(message, deadline=1))
    assert (case.enabled, case.moves_money, case.too_late) == (True, False, False)
    assert not cases.case_of(stocked.configuration, row, message).enabled


@pytest.mark.parametrize("state", ["in-doubt", "pending", "accepted", "waiting", "sending"])
def test_nothing_else_is_replayed(stocked: Stocked, state: str) -> None:
    message_id = owe(stocked, state)
    assert "没有可以这样处理的投递" in _act(stocked, "replay", message_id, code=1).stderr
    assert _delivery(stocked, message_id).state == state
    assert _last(stocked, message_id) is None


@pytest.mark.parametrize(
    ("before", "option", "after"),
    [
        ("in-doubt", "--took-effect", "accepted"),
        ("in-doubt", "--no-effect", "rejected"),
        ("dead", "--no-effect", "rejected"),
    ],
)
def test_a_person_settles(stocked: Stocked, before: str, option: str, after: str) -> None:
    message_id = owe(stocked, before)
    assert _act(stocked, "settle", message_id, option)["after"] == after
    row, entry = _delivery(stocked, message_id), _last(stocked, message_id)
    assert (row.state, row.next_at, row.reply_id) == (after, None, None)
    assert entry is not None
    assert entry.event == "delivery.settled"
    assert entry.detail is not None
    assert (entry.detail["choice"], entry.detail["before"]) == (option.removeprefix("--"), before)


def test_asking_again_is_due_now_with_all_tries(stocked: Stocked) -> None:
    message_id = owe(stocked, "in-doubt", resolutions=20)
    assert _act(stocked, "settle", message_id, "--ask-again")["after"] == "in-doubt"
    row = _delivery(stocked, message_id)
    assert row.state == "in-doubt"
    assert row.resolutions == 0
    assert row.next_at is not None
    assert abs(row.next_at - time.time() * 1000) < 60_000


def test_dead_neither_took_effect_nor_is_asked_about(stocked: Stocked) -> None:
    message_id = owe(stocked, "dead")
    for option in ("--took-effect", "--ask-again"):
        _act(stocked, "settle", message_id, option, code=1)
    assert _delivery(stocked, message_id).state == "dead"


def test_exactly_one_decision_and_a_reason_without_persons(stocked: Stocked) -> None:
    message_id = owe(stocked, "in-doubt")
    _act(stocked, "settle", message_id, code=2)
    _act(stocked, "settle", message_id, "--took-effect", "--no-effect", code=2)
    _run("message", "settle", message_id, "--no-effect", "-c", stocked.folder, code=2)
    arguments = (
        "message",
        "settle",
        message_id,
        "--no-effect",
        "--reason",
        f"查 {PERSON}",
        "-c",
        stocked.folder,
    )
    assert PERSON not in _run(*arguments, code=2).stdout
    assert _delivery(stocked, message_id).state == "in-doubt"


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("dead", ("replay",)),
        ("in-doubt", ("settle", "--took-effect")),
        ("in-doubt", ("settle", "--no-effect")),
        ("in-doubt", ("settle", "--ask-again")),
        ("dead", ("settle", "--no-effect")),
    ],
    ids=str,
)
def test_where_money_moves_it_must_be_confirmed(
    stocked: Stocked, state: str, command: tuple[str, ...]
) -> None:
    message_id = owe(stocked, state, "claim")
    name, *options = command
    warned = _act(stocked, name, message_id, *options, code=2).stderr
    assert "涉及资金" in warned
    assert "--confirm" in warned
    assert _delivery(stocked, message_id).state == state
    assert _last(stocked, message_id) is None
    _act(stocked, name, message_id, *options, "--confirm")
    assert _last(stocked, message_id) is not None


def test_an_operation_that_is_unknown_is_taken_to_move_money(stocked: Stocked) -> None:
    message_id = owe(stocked, "dead", "gone")
    _act(stocked, "replay", message_id, "--confirm", code=1)  # nobody would deliver it
    _act(stocked, "settle", message_id, "--no-effect", code=2)
    _act(stocked, "settle", message_id, "--no-effect", "--confirm")


def test_no_end_while_the_gateway_still_tries(stocked: Stocked) -> None:
    now = int(time.time() * 1000)
    tried, forgotten = (owe(stocked, "in-doubt", next_at=at) for at in (now - 60_000, now - 3_600_000))
    assert "网关仍在自行查询与冲正" in _act(stocked, "settle", tried, "--no-effect", code=1).stderr
    _act(stocked, "settle", tried, "--ask-again")
    _act(stocked, "settle", forgotten, "--no-effect")


def test_one_of_several_deliveries_is_named(stocked: Stocked) -> None:
    message_id = owe(stocked, "dead")
    _act(stocked, "replay", message_id, "--partner", "nobody", code=1)
    _act(stocked, "replay", message_id, "--partner", "centre")


def test_it_works_beside_a_running_gateway(stocked: Stocked) -> None:
    message_id = owe(stocked, "dead")
    with running_store(stocked.configuration) as running:
        _act(stocked, "replay", message_id)
        ((row, _),) = run(running.owed(int(time.time() * 1000) + 1, 10))
        assert row.message_id == message_id
        assert run(running.counts()) == {("centre", "accepted"): 1, ("centre", "pending"): 1}


def test_what_moved_meanwhile_is_left_alone(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the decision somebody else asks again: the state is the same, the delivery is not."""
    message_id = owe(stocked, "in-doubt")
    carry_out = cases.carry_out

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(cases, "carry_out", carry_out)
        _act(stocked, "settle", message_id, "--ask-again")
        return carry_out(*arguments)

    monkeypatch.setattr(cases, "carry_out", late)
    assert "刚刚有了变化" in _act(stocked, "settle", message_id, "--no-effect", code=3).stderr
    assert _delivery(stocked, message_id).state == "in-doubt"
    entry = _last(stocked, message_id)
    assert entry is not None
    assert entry.detail is not None
    assert entry.detail["choice"] == "ask-again"


def test_a_request_nobody_waits_for_is_said_to_end(stocked: Stocked) -> None:
    from gateway.desk.cases import Choice, follows_of
    from gateway.store.api import MessageRow

    message_id = owe(stocked, "dead")
    with open_reader(stocked.configuration.gateway.store) as reader:
        case = cases.find_case(stocked.configuration, reader, message_id, None, Choice.REPLAY)
    row: MessageRow = replace(case.message, deadline=1)
    awaited = replace(case.delivery, style="request-reply")
    late = cases.Case(awaited, row, case.operation, case.enabled)
    assert "未送达" in follows_of(late, Choice.REPLAY)[0]
    assert "数秒内投递" in follows_of(case, Choice.REPLAY)[0]


def test_the_work_list(stocked: Stocked) -> None:
    assert _json("message", "work", "-c", stocked.folder) == []
    now = int(time.time() * 1000)
    tried = owe(stocked, "in-doubt", at=1, next_at=now)
    dead = owe(stocked, "dead", at=now - 7_200_000)
    doubt = owe(stocked, "in-doubt", "claim", at=now - 7_300_000)
    owe(stocked, "waiting")
    listed = _json("message", "work", "-c", stocked.folder)
    assert [item["message"] for item in listed] == [doubt, dead, tried]
    assert [item["moves_money"] for item in listed] == [True, False, False]
    text = _run("message", "work", "-c", stocked.folder).stdout
    for part in (dead, "2h", "busy", "replay", "网关自行处理", "投递失败 dead", "3 笔"):
        assert part in text


def test_the_actor_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = person.actor()
    for name in ("LOGNAME", "USER", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody")
    assert person.actor() == before
    login = tmp_path / "loginuid"
    monkeypatch.setattr(person, "_LOGIN", login)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert person.actor() == "os:4000000"
    for text, expected in (("4294967295", ""), ("4000000", ""), ("0", " login:root")):
        login.write_text(text)
        assert person.actor() == f"os:4000000{expected}"


def test_what_a_check_holds_is_listed_and_let_go_by_a_person(stocked: Stocked) -> None:
    message_id = owe(stocked, "held", reason="police: not_found: a person must decide")
    listed = _json("message", "work", "-c", stocked.folder)
    assert [(row["message"], row["state"]) for row in listed] == [(message_id, "held")]
    done = _act(stocked, "settle", message_id, "--let-go")
    assert (done["before"], done["after"]) == ("held", "pending")
    entry = _last(stocked, message_id)
    assert entry is not None
    assert entry.detail is not None
    assert (entry.event, entry.detail["choice"]) == ("delivery.settled", "let-go")


def test_what_the_gateway_still_asks_about_is_not_listed(stocked: Stocked) -> None:
    owe(stocked, "held", next_at=int(time.time() * 1000) + 5000)
    assert _json("message", "work", "-c", stocked.folder) == []

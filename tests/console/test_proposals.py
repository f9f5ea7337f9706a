"""Two people for money: proposed by one, approved by another, carried out once."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from gateway.console.pages import proposals as page
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.contract import Unavailable
from gateway.desk import proposals
from gateway.desk.cases import Case, Choice, case_of
from gateway.desk.refused import NotPossible
from gateway.engine.config import Configuration
from gateway.store import console_proposals, open_reader
from gateway.store.api import Advance
from tests.cli.conftest import PERSON, Stocked, owe, running_store
from tests.cli.test_commands import _json
from tests.console.conftest import Browser, SignIn
from tests.console.test_work import REASON, decide, delivery_of, entries_of, path_of
from tests.twisted_runner import run

STEPS = [
    ("dead", "replay", "pending", "delivery.replayed"),
    ("dead", "no-effect", "rejected", "delivery.settled"),
    ("in-doubt", "ask-again", "in-doubt", "delivery.settled"),
    ("in-doubt", "took-effect", "accepted", "delivery.settled"),
    ("in-doubt", "no-effect", "rejected", "delivery.settled"),
    ("held", "let-go", "pending", "delivery.settled"),
]


@pytest.fixture
def approver(sign_in: SignIn) -> Browser:
    return sign_in({Role.APPROVER})


def _proposed(browser: Browser, configuration: Configuration, message_id: str, choice: str = "replay") -> str:
    made = decide(browser, path_of(configuration, message_id, choice))
    assert made.status_code == 303, made.text
    path = made.headers["location"]
    assert path.startswith("/proposals/")
    return str(path.removesuffix("?said=made"))


def _row(configuration: Configuration, path: str) -> console_proposals.ProposedRow:
    with open_reader(configuration.gateway.store) as reader:
        row = reader.ask(console_proposals.proposal, path.rsplit("/", 1)[1])
    assert row is not None
    return row


def _case(configuration: Configuration, message_id: str) -> Case:
    with open_reader(configuration.gateway.store) as reader:
        (delivery,), message = reader.deliveries_of(message_id), reader.message(message_id)
    assert message is not None
    return case_of(configuration, delivery, message)


def _events(configuration: Configuration, message_id: str) -> list[str]:
    return [entry.event for entry in entries_of(configuration, message_id)]


@pytest.mark.parametrize(("before", "choice", "after", "event"), STEPS)
def test_one_proposes_and_another_approves(
    client: Browser, approver: Browser, stocked: Stocked, before: str, choice: str, after: str, event: str
) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, before, "claim")
    asked = client.get(path_of(configuration, message_id, choice))
    assert "须由另一人复核" in asked.text
    path = _proposed(client, configuration, message_id, choice)
    assert delivery_of(configuration, message_id).state == before
    made = entries_of(configuration, message_id)[-1]
    assert (made.event, made.actor) == ("proposal.made", f"console:{client.name}")
    assert "通过并执行" in approver.get(path).text
    done = approver.submit(f"{path}/approve", note="")
    assert done.headers["location"] == f"/messages/{message_id}?said={choice}"
    delivery = delivery_of(configuration, message_id)
    assert delivery.state == after
    both = f"console:{client.name}, approved by console:{approver.name}"
    assert delivery.reason == f"{choice} by {both}: {REASON}"
    entry = entries_of(configuration, message_id)[-1]
    assert (entry.event, entry.actor) == (event, f"console:{approver.name}")
    assert entry.detail is not None
    people = (entry.detail["proposed_by"], entry.detail["approved_by"], entry.detail["reason"])
    assert people == (f"console:{client.name}", f"console:{approver.name}", REASON)
    row = _row(configuration, path)
    assert (row.state, row.decided_by) == ("done", f"console:{approver.name}")
    assert "已执行" in approver.get("/proposals").text


def test_nobody_approves_his_own(sign_in: SignIn, stocked: Stocked) -> None:
    both = sign_in({Role.OPERATOR, Role.APPROVER})
    message_id = owe(stocked, "dead", "claim")
    path = _proposed(both, stocked.configuration, message_id)
    shown = both.get(path).text
    assert "本人提出的须由他人复核" in shown
    assert "通过并执行" not in shown
    for act in ("approve", "refuse"):
        assert both.submit(f"{path}/{act}", note="好").status_code == 409
    assert delivery_of(stocked.configuration, message_id).state == "dead"
    assert _row(stocked.configuration, path).state == "open"


def test_only_approvers_approve(client: Browser, sign_in: SignIn, stocked: Stocked) -> None:
    message_id = owe(stocked, "dead", "claim")
    path = _proposed(client, stocked.configuration, message_id)
    for role in (Role.VIEWER, Role.OPERATOR, Role.AUDITOR, Role.SETTLEMENT_OFFICER, Role.SECURITY_ADMIN):
        other = sign_in({role})
        for act in ("approve", "refuse", "close"):
            assert other.submit(f"{path}/{act}", note="好").status_code == 403
    assert _row(stocked.configuration, path).state == "open"


@pytest.mark.parametrize("change", [{"disabled": True}, {"roles": {Role.VIEWER}}])
def test_who_may_not_any_more_has_proposed_nothing(
    client: Browser, approver: Browser, room: Room, stocked: Stocked, change: dict[str, Any]
) -> None:
    message_id = owe(stocked, "dead", "claim")
    path = _proposed(client, stocked.configuration, message_id)
    room.accounts.change(client.name, **change, by="os:test")
    shown = approver.get(path).text
    assert "提出人的账号已停用，或不再有此权限" in shown
    assert "通过并执行" not in shown
    assert approver.submit(f"{path}/approve").status_code == 409
    assert delivery_of(stocked.configuration, message_id).state == "dead"
    assert approver.submit(f"{path}/refuse", note="账号已停用").status_code == 303


def test_refused_with_a_note(client: Browser, approver: Browser, stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "dead", "claim")
    path = _proposed(client, configuration, message_id)
    for wrong in ("", f"查 {PERSON}"):
        said = approver.submit(f"{path}/refuse", note=wrong)
        assert said.status_code == 409
        assert PERSON not in said.text
    assert (
        approver.submit(f"{path}/refuse", note="先与医院核实").headers["location"] == f"{path}?said=refused"
    )
    row = _row(configuration, path)
    assert (row.state, row.note) == ("refused", "先与医院核实")
    assert _events(configuration, message_id) == ["proposal.made", "proposal.refused"]
    assert delivery_of(configuration, message_id).state == "dead"
    late = approver.submit(f"{path}/approve")
    assert late.status_code == 409
    assert "处理" in late.text
    assert _proposed(client, configuration, message_id) != path  # the way is free again


def test_withdrawn_by_its_proposer_only(client: Browser, sign_in: SignIn, stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "in-doubt", "claim")
    path = _proposed(client, configuration, message_id, "no-effect")
    assert sign_in({Role.OPERATOR}).submit(f"{path}/withdraw").status_code == 409
    assert "撤回提议" in client.get(path).text
    assert client.submit(f"{path}/withdraw").headers["location"] == f"{path}?said=withdrawn"
    assert _events(configuration, message_id) == ["proposal.made", "proposal.withdrawn"]
    assert client.submit(f"{path}/withdraw").status_code == 409


def test_one_proposal_at_a_time(client: Browser, sign_in: SignIn, stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "dead", "claim")
    path = _proposed(client, configuration, message_id)
    to = sign_in({Role.OPERATOR}).get(path_of(configuration, message_id, "no-effect"))
    assert (to.status_code, to.headers["location"]) == (303, path)
    with pytest.raises(NotPossible):
        proposals.propose(
            configuration, _case(configuration, message_id), Choice.NO_EFFECT, REASON, "console:x"
        )
    assert "待另一人复核" in client.get("/tasks").text
    assert "待另一人复核" in client.get(f"/messages/{message_id}").text


def test_what_has_moved_is_void(client: Browser, approver: Browser, stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "in-doubt", "claim")
    path = _proposed(client, configuration, message_id, "took-effect")
    settle = (
        "message",
        "settle",
        message_id,
        "--ask-again",
        "--reason",
        "再查",
        "--confirm",
        "-c",
        stocked.folder,
    )
    _json(*settle)
    shown = approver.get(path).text
    assert "该提议已失效" in shown
    assert "通过并执行" not in shown
    assert "提议失效" in approver.get("/proposals").text
    said = approver.submit(f"{path}/approve")
    assert said.status_code == 409
    assert "已失效" in said.text
    assert _row(configuration, path).state == "void"
    assert _events(configuration, message_id) == ["proposal.made", "delivery.settled", "proposal.void"]
    assert delivery_of(configuration, message_id).state == "in-doubt"
    assert approver.submit(f"{path}/close").status_code == 409  # ended already


def test_what_is_void_is_put_away_or_makes_room(client: Browser, approver: Browser, stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "in-doubt", "claim")
    settle = (
        "message",
        "settle",
        message_id,
        "--ask-again",
        "--reason",
        "再查",
        "--confirm",
        "-c",
        stocked.folder,
    )
    first = _proposed(client, configuration, message_id, "ask-again")
    assert approver.submit(f"{first}/close").status_code == 409  # it stands
    _json(*settle)
    assert approver.submit(f"{first}/close").headers["location"] == f"{first}?said=void"
    second = _proposed(client, configuration, message_id, "ask-again")
    _json(*settle)
    case = _case(configuration, message_id)
    third = proposals.propose(configuration, case, Choice.ASK_AGAIN, REASON, f"console:{client.name}")
    states = [_row(configuration, path).state for path in (first, second, f"/{third.id}")]
    assert states == ["void", "void", "open"]
    assert approver.submit(f"/proposals/{third.id}/approve").status_code == 303


def test_what_cannot_be_carried_out_any_more_is_not(
    client: Browser, approver: Browser, stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partner was disabled meanwhile: the proposal waits, the delivery is as it was."""
    message_id = owe(stocked, "dead", "claim")
    path = _proposed(client, stocked.configuration, message_id)
    monkeypatch.delitem(stocked.configuration.partners, "centre")
    assert approver.submit(f"{path}/approve").status_code == 409
    assert "通过并执行" not in approver.get(path).text
    assert _row(stocked.configuration, path).state == "open"
    assert delivery_of(stocked.configuration, message_id).state == "dead"


def test_no_such_proposal(approver: Browser) -> None:
    assert approver.get("/proposals/nothing").status_code == 404
    assert approver.submit("/proposals/nothing/approve").status_code == 404
    assert approver.submit("/proposals/nothing/refuse", note="x").status_code == 404
    assert "没有待复核的" in approver.get("/proposals").text


# At once


def _at_once(work: list[Any]) -> list[Any]:
    """Runs them in threads that begin together; the results, or what was raised on purpose."""
    together = Barrier(len(work))

    def one(do: Any) -> Any:
        together.wait()
        try:
            return do()
        except NotPossible as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


def test_approved_beside_a_running_gateway(client: Browser, approver: Browser, stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "dead", "claim")
    with running_store(configuration) as running:
        path = _proposed(client, configuration, message_id)
        assert approver.submit(f"{path}/approve").status_code == 303
        owed = run(running.owed(int(time.time() * 1000) + 1, 10))
        assert message_id in {row.message_id for row, _ in owed}
        assert run(running.counts()).get(("centre", "dead")) == 1  # the other one


def test_where_the_store_cannot_be_written_nothing_is_changed(stocked: Stocked) -> None:
    message_id = owe(stocked, "dead", "claim")
    store = stocked.configuration.gateway.store.model_copy(update={"busy_timeout": 0.1})
    hasty = replace(
        stocked.configuration, gateway=stocked.configuration.gateway.model_copy(update={"store": store})
    )
    row = proposals.propose(hasty, _case(hasty, message_id), Choice.REPLAY, REASON, "console:wang")
    assert store.sqlite_path is not None
    with closing(sqlite3.connect(store.sqlite_path)) as other:
        other.execute("BEGIN IMMEDIATE")  # somebody else writes, and does not end
        with pytest.raises(Unavailable):
            proposals.approve(hasty, row.id, "console:li")
        with pytest.raises(Unavailable):
            proposals.refuse(hasty, row.id, "console:li", "不同意")
    assert delivery_of(hasty, message_id).state == "dead"
    assert _events(hasty, message_id) == ["proposal.made"]
    proposals.approve(hasty, row.id, "console:li")
    assert delivery_of(hasty, message_id).state == "pending"


def test_approved_by_many_at_once_it_is_done_once(stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "in-doubt", "claim")
    row = proposals.propose(
        configuration, _case(configuration, message_id), Choice.ASK_AGAIN, REASON, "console:wang"
    )
    people = ["console:li", "console:zhao"] * 4
    came = _at_once([lambda who=who: proposals.approve(configuration, row.id, who) for who in people])
    assert [type(one) for one in came].count(Advance) == 1
    events = _events(configuration, message_id)
    assert events == ["proposal.made", "delivery.settled"]
    with open_reader(configuration.gateway.store) as reader:
        after = reader.ask(console_proposals.proposal, row.id)
    assert after is not None
    assert after.state == "done"
    assert entries_of(configuration, message_id)[-1].actor == after.decided_by


def test_approved_refused_and_withdrawn_at_once_one_holds(stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "dead", "claim")
    row = proposals.propose(
        configuration, _case(configuration, message_id), Choice.REPLAY, REASON, "console:wang"
    )
    came = _at_once(
        [
            lambda: proposals.approve(configuration, row.id, "console:li"),
            lambda: proposals.refuse(configuration, row.id, "console:zhao", "不同意"),
            lambda: proposals.withdraw(configuration, row.id, "console:wang"),
            lambda: proposals.approve(configuration, row.id, "console:zhao"),
        ]
    )
    assert sum(isinstance(one, NotPossible) for one in came) == 3
    events = _events(configuration, message_id)
    assert len(events) == 2
    with open_reader(configuration.gateway.store) as reader:
        after = reader.ask(console_proposals.proposal, row.id)
    assert after is not None
    ended = {"done": "delivery.replayed", "refused": "proposal.refused", "withdrawn": "proposal.withdrawn"}
    assert events[1] == ended[after.state]
    assert delivery_of(configuration, message_id).state == ("pending" if after.state == "done" else "dead")


def test_proposed_by_many_at_once_one_is_open(stocked: Stocked) -> None:
    configuration = stocked.configuration
    message_id = owe(stocked, "dead", "claim")
    case = _case(configuration, message_id)
    came = _at_once(
        [
            lambda who=who: proposals.propose(configuration, case, Choice.REPLAY, REASON, f"console:{who}")
            for who in range(8)
        ]
    )
    assert sum(not isinstance(one, NotPossible) for one in came) == 1
    with open_reader(configuration.gateway.store) as reader:
        assert len(reader.ask(console_proposals.open_ones)) == 1
    assert _events(configuration, message_id) == ["proposal.made"]


def test_settled_at_the_command_line_while_it_is_approved(stocked: Stocked) -> None:
    """Whichever comes first, there is one effect."""
    from gateway.desk.cases import carry_out

    configuration = stocked.configuration
    for _ in range(5):
        message_id = owe(stocked, "dead", "claim")
        case = _case(configuration, message_id)
        row = proposals.propose(configuration, case, Choice.REPLAY, REASON, "console:wang")
        _at_once(
            [
                lambda row=row: proposals.approve(configuration, row.id, "console:li"),
                lambda case=case: carry_out(configuration, case, Choice.NO_EFFECT, REASON, "os:root"),
            ]
        )
        events = _events(configuration, message_id)
        assert sum(event.startswith("delivery.") for event in events) == 1
        state = delivery_of(configuration, message_id).state
        assert state == ("pending" if "delivery.replayed" in events else "rejected")


def test_a_list_that_is_cut_says_so(
    client: Browser, stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_OPEN", 1)
    _proposed(client, stocked.configuration, owe(stocked, "dead", "claim"))
    assert "等待最久的" not in client.get("/proposals").text
    _proposed(client, stocked.configuration, owe(stocked, "dead", "claim"))
    assert "等待最久的 1 笔，共 2 笔" in client.get("/proposals").text

"""What waits for a person, and what the person does."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from html import unescape

import pytest
from httpx2 import Response

from gateway.audit import Entry, decode
from gateway.console.pages import work
from gateway.console.roles import Role
from gateway.engine.config import Configuration
from gateway.store import open_reader
from gateway.store.api import DeliveryRow
from tests.cli.conftest import PERSON, Stocked, owe
from tests.cli.test_commands import _json
from tests.console.conftest import Browser, SignIn

REASON = "对方已恢复"


def delivery_of(configuration: Configuration, message_id: str) -> DeliveryRow:
    with open_reader(configuration.gateway.store) as reader:
        (row,) = reader.deliveries_of(message_id)
    return row


def entries_of(configuration: Configuration, message_id: str) -> list[Entry]:
    with open_reader(configuration.gateway.store) as reader:
        return [decode(entry) for _, _, entry in reader.audit_of(message_id)]


def path_of(configuration: Configuration, message_id: str, choice: str) -> str:
    return f"/tasks/{delivery_of(configuration, message_id).id}/{choice}"


def marks(page: Response) -> list[str]:
    """What the form says was seen."""
    return [unescape(mark) for mark in re.findall(r'name="seen" value="([^"]*)"', page.text)]


def decide(browser: Browser, path: str, reason: str = REASON) -> Response:
    """Opens the page of a decision, and confirms it."""
    return browser.submit(path, reason=reason, seen=marks(browser.get(path))[0])


def test_the_list_says_what_to_do_next(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    money = owe(stocked, "in-doubt", "claim", at=1)
    text = client.get("/tasks").text
    for state in ("in-doubt", "dead", "held"):
        assert filled[state] in text
    for state in ("waiting", "accepted", "pending", "rejected"):
        assert filled[state] not in text
    for part in ("排除原因后重放", "核实后放行", "凭流水号向对方核实", "涉及资金", "重放选中的"):
        assert part in text
    assert text.index(money) < text.index(filled["dead"])  # the longest waiting first


def test_filtered(client: Browser, filled: dict[str, str]) -> None:
    text = client.get("/tasks", params={"state": "dead", "partner": "centre"}).text
    assert filled["dead"] in text
    assert filled["held"] not in text
    assert "没有符合条件的" in client.get("/tasks", params={"partner": "clinic-a"}).text
    assert filled["held"] in client.get("/tasks", params={"state": "nonsense"}).text


def test_nothing_to_do(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    for state in ("dead", "in-doubt", "held"):
        decide(client, path_of(stocked.configuration, filled[state], "no-effect"))
    text = client.get("/tasks").text
    assert "没有需要人工处理的" in text
    assert "0 笔" in text


def test_who_only_looks_gets_no_buttons(sign_in: SignIn, filled: dict[str, str], stocked: Stocked) -> None:
    viewer = sign_in({Role.VIEWER})
    text = viewer.get("/tasks").text
    assert filled["dead"] in text
    assert "重放选中的" not in text
    path = path_of(stocked.configuration, filled["dead"], "replay")
    assert viewer.get(path).status_code == 403
    assert viewer.submit(path, reason=REASON, seen="").status_code == 403
    assert viewer.submit("/tasks/replay", delivery="x", reason=REASON).status_code == 403
    assert delivery_of(stocked.configuration, filled["dead"]).state == "dead"


@pytest.mark.parametrize(
    ("before", "choice", "after", "event"),
    [
        ("dead", "replay", "pending", "delivery.replayed"),
        ("dead", "no-effect", "rejected", "delivery.settled"),
        ("held", "let-go", "pending", "delivery.settled"),
        ("held", "no-effect", "rejected", "delivery.settled"),
        ("in-doubt", "ask-again", "in-doubt", "delivery.settled"),
        ("in-doubt", "took-effect", "accepted", "delivery.settled"),
        ("in-doubt", "no-effect", "rejected", "delivery.settled"),
    ],
)
def test_without_money_it_is_done_at_once(
    client: Browser,
    filled: dict[str, str],
    stocked: Stocked,
    before: str,
    choice: str,
    after: str,
    event: str,
) -> None:
    message_id = filled[before]
    done = decide(client, path_of(stocked.configuration, message_id, choice))
    assert done.status_code == 303
    assert done.headers["location"] == f"/messages/{message_id}?said={choice}"
    assert delivery_of(stocked.configuration, message_id).state == after
    entry = entries_of(stocked.configuration, message_id)[-1]
    assert (entry.event, entry.actor) == (event, f"console:{client.name}")
    assert entry.detail is not None
    assert entry.detail["reason"] == REASON
    assert 'role="status"' in client.get(done.headers["location"]).text


@pytest.mark.parametrize("reason", ["", f"查 {PERSON}"])
def test_a_reason_without_persons(
    client: Browser, filled: dict[str, str], stocked: Stocked, reason: str
) -> None:
    path = path_of(stocked.configuration, filled["dead"], "replay")
    said = decide(client, path, reason)
    assert said.status_code == 409
    assert PERSON not in said.text
    assert 'name="reason"' in said.text
    assert delivery_of(stocked.configuration, filled["dead"]).state == "dead"
    assert entries_of(stocked.configuration, filled["dead"]) == []


def test_clicked_twice_it_is_done_once(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    path = path_of(stocked.configuration, filled["in-doubt"], "ask-again")  # the state stays
    (seen,) = marks(client.get(path))
    assert client.submit(path, reason=REASON, seen=seen).status_code == 303
    again = client.submit(path, reason=REASON, seen=seen)
    assert again.status_code == 409
    assert "刚刚有了变化" in again.text
    assert len(entries_of(stocked.configuration, filled["in-doubt"])) == 1


def test_what_is_not_possible_is_said_before(
    client: Browser, filled: dict[str, str], stocked: Stocked
) -> None:
    tried = owe(stocked, "in-doubt", next_at=int(time.time() * 1000) + 60_000)
    page = client.get(path_of(stocked.configuration, tried, "no-effect"))
    assert "网关仍在自行查询与冲正" in page.text
    assert "<form class" not in page.text
    unfit = client.get(path_of(stocked.configuration, filled["accepted"], "replay"))
    assert "没有可以这样处理的投递" in unfit.text
    assert client.get(path_of(stocked.configuration, filled["dead"], "nonsense")).status_code == 404
    assert client.get("/tasks/nothing/replay").status_code == 404


def test_the_count_goes_on_by_itself(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    match = re.search(r'hx-get="([^"]+)"', client.get("/tasks?state=dead").text)
    assert match is not None
    url = unescape(match[1])
    quiet = client.get(url, headers={"HX-Request": "true"})
    assert quiet.status_code == 204  # nothing is put into the page
    owe(stocked, "dead", at=int(time.time() * 1000))
    moved = client.get(url, headers={"HX-Request": "true"})
    assert "2 笔" in moved.text
    assert 'href="/tasks?state=dead"' in moved.text


# Several at once


def test_several_are_replayed_each_on_record(
    client: Browser, filled: dict[str, str], stocked: Stocked
) -> None:
    configuration = stocked.configuration
    plain, late, money = filled["dead"], owe(stocked, "dead"), owe(stocked, "dead", "claim")
    owed = [delivery_of(configuration, one).id for one in (plain, late, money)]
    asked = client.get("/tasks/replay", params={"delivery": owed})
    assert "只提出" in asked.text
    seen = marks(asked)
    assert len(seen) == 3
    _json("message", "replay", late, "--reason", "先重放", "-c", stocked.folder)  # meanwhile
    done = client.submit("/tasks/replay", delivery=owed, seen=seen, reason=REASON)
    assert done.status_code == 200
    assert "2 / 3" in done.text
    assert "刚刚有了变化" in done.text
    assert "/proposals/" in done.text
    assert [delivery_of(configuration, one).state for one in (plain, late, money)] == [
        "pending",
        "pending",
        "dead",
    ]
    assert [e.event for e in entries_of(configuration, plain)] == ["delivery.replayed"]
    assert [e.actor != f"console:{client.name}" for e in entries_of(configuration, late)] == [True]
    assert [e.event for e in entries_of(configuration, money)] == ["proposal.made"]
    again = client.submit("/tasks/replay", delivery=owed, seen=seen, reason=REASON)
    assert "0 / 3" in again.text


def test_all_of_a_partner(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    other = owe(stocked, "dead")
    assert 'name="partner" value="centre"' in client.get("/tasks?partner=centre").text
    asked = client.get("/tasks/replay?partner=centre").text
    assert filled["dead"] in asked
    assert other in asked
    assert filled["in-doubt"] not in asked
    assert client.get("/tasks/replay?partner=nobody").status_code == 400


def test_several_of_one_partner_only(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    owed = delivery_of(stocked.configuration, filled["dead"]).id
    assert client.get("/tasks/replay").status_code == 400
    assert client.get("/tasks/replay", params={"delivery": ["nothing"]}).status_code == 404
    assert client.get("/tasks/replay", params={"delivery": [f"x{n}" for n in range(101)]}).status_code == 400
    without = client.submit("/tasks/replay", delivery=[owed], seen=["x"], reason=" ")
    assert without.status_code == 422
    unseen = client.submit("/tasks/replay", delivery=[owed, owed], seen=[], reason=REASON)
    assert "0 / 1" in unseen.text
    assert delivery_of(stocked.configuration, filled["dead"]).state == "dead"


def test_what_waits_for_a_second_person_does_not_keep_out_the_others(
    client: Browser, filled: dict[str, str], stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_AT_ONCE", 1)
    money = owe(stocked, "dead", "claim", at=1)  # the longest waiting
    assert money in client.get("/tasks/replay?partner=centre").text
    decide(client, path_of(stocked.configuration, money, "replay"))
    asked = client.get("/tasks/replay?partner=centre").text
    assert money not in asked
    assert filled["dead"] in asked


def test_a_locked_store_is_waited_for_once_and_told_of_each(
    client: Browser, filled: dict[str, str], stocked: Stocked
) -> None:
    configuration = stocked.configuration
    ids = [filled["dead"], owe(stocked, "dead"), owe(stocked, "dead")]
    owed = [delivery_of(configuration, one).id for one in ids]
    seen = marks(client.get("/tasks/replay", params={"delivery": owed}))
    with closing(sqlite3.connect(str(configuration.gateway.store.sqlite_path))) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        done = client.submit("/tasks/replay", delivery=owed, seen=seen, reason=REASON)
        assert time.monotonic() - began < 2 * configuration.gateway.store.busy_timeout
    assert done.status_code == 200
    assert "0 / 3" in done.text
    assert done.text.count("数据库暂时不可用") == 3
    assert [delivery_of(configuration, one).state for one in ids] == ["dead"] * 3


def test_nothing_is_decided_by_an_old_configuration(
    client: Browser, sign_in: SignIn, filled: dict[str, str], stocked: Stocked
) -> None:
    configuration = stocked.configuration
    path = path_of(configuration, filled["dead"], "replay")
    (seen,) = marks(client.get(path))
    money = owe(stocked, "dead", "claim")
    proposal = decide(client, path_of(configuration, money, "replay")).headers["location"].partition("?")[0]
    file = stocked.folder / "gateway.yaml"
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}# enabled\n", encoding="utf-8")
    approver = sign_in({Role.APPROVER})
    for shown in (client.get(path), client.submit(path, reason=REASON, seen=seen), approver.get(proposal)):
        assert "配置文件在控制台启动后有改动（gateway.yaml）" in shown.text
        assert "<button>确认" not in shown.text
        assert "通过并执行" not in shown.text
    assert approver.submit(f"{proposal}/approve").status_code == 409
    several = {"delivery": [delivery_of(configuration, filled["dead"]).id], "seen": [seen]}
    assert "配置文件" in client.submit("/tasks/replay", **several, reason=REASON).text
    assert [delivery_of(configuration, one).state for one in (filled["dead"], money)] == ["dead"] * 2
    file.write_text(before, encoding="utf-8")
    assert approver.submit(f"{proposal}/approve").status_code == 303
    assert client.submit(path, reason=REASON, seen=seen).status_code == 303


def test_a_link_cannot_say_that_something_was_done(
    client: Browser, sign_in: SignIn, filled: dict[str, str], stocked: Stocked
) -> None:
    path = f"/messages/{filled['in-doubt']}?said="
    assert "已按生效了结" not in client.get(f"{path}took-effect").text
    decide(client, path_of(stocked.configuration, filled["in-doubt"], "no-effect"))
    assert "已按生效了结" not in client.get(f"{path}took-effect").text
    assert "已按未生效了结" in client.get(f"{path}no-effect").text
    assert "已按未生效了结" not in sign_in({Role.VIEWER}).get(f"{path}no-effect").text
    money = owe(stocked, "dead", "claim")
    made = decide(client, path_of(stocked.configuration, money, "replay")).headers["location"]
    assert "已提出" in client.get(made).text
    assert "投递未作改动" not in client.get(made.replace("made", "refused")).text

"""Finding messages, and seeing the whole life of one."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.audit import decode
from gateway.console.roles import Role
from gateway.engine.config import Configuration
from gateway.store import open_reader
from tests.cli.conftest import AT, NAME, PERSON, Stocked, owe
from tests.console.conftest import STATES, Browser, SignIn

CHINA = timezone(timedelta(hours=8))


def _events(configuration: Configuration, message_id: str) -> list[str]:
    with open_reader(configuration.gateway.store) as reader:
        return [decode(entry).event for _, _, entry in reader.audit_of(message_id)]


def _listed(text: str, filled: dict[str, str]) -> set[str]:
    return {state for state, message_id in filled.items() if f"/messages/{message_id}" in text}


def test_everything_newest_first(client: Browser, filled: dict[str, str]) -> None:
    page = client.get("/messages")
    assert page.status_code == 200
    assert _listed(page.text, filled) == {*STATES, "accepted"}
    for word in ("结果不明", "投递失败", "待核验", "等待重试", "已送达", "答复"):
        assert word in page.text
    assert NAME not in page.text
    assert PERSON not in page.text


@pytest.mark.parametrize("state", [*STATES, "accepted"])
def test_by_state(client: Browser, filled: dict[str, str], state: str) -> None:
    page = client.get("/messages", params={"state": state})
    assert _listed(page.text, filled) == {state}


@pytest.mark.parametrize(("state", "word"), [("sending", "投递中"), ("reversed", "已冲正")])
def test_states_that_last_shortly_or_are_rare(
    client: Browser, stocked: Stocked, state: str, word: str
) -> None:
    message_id = owe(stocked, state, "claim")
    assert message_id in client.get("/messages", params={"state": state}).text
    shown = client.get(f"/messages/{message_id}").text
    assert word in shown
    assert 'href="/tasks/' not in shown


def test_by_any_number_that_is_complete(client: Browser, filled: dict[str, str], stocked: Stocked) -> None:
    found = client.get("/messages", params={"text": f" {filled['dead']} "})
    assert _listed(found.text, filled) == {"dead"}
    assert _listed(client.get("/messages", params={"text": "REF-1"}).text, filled) == {"accepted"}
    assert "号码须完整" in client.get("/messages", params={"text": "REF"}).text
    by_partner = client.get("/messages", params={"partner": "centre", "type": "identity.person.queried.v1"})
    assert _listed(by_partner.text, filled) == {*STATES, "accepted"}
    nobody = client.get("/messages", params={"partner": "gone"}).text
    assert "没有符合条件" in nobody
    assert "<option selected>gone</option>" in nobody


def test_by_time_in_china(client: Browser, filled: dict[str, str]) -> None:
    at = AT.astimezone(CHINA)
    before, after = ((at + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M") for n in (-1, 1))
    assert _listed(client.get("/messages", params={"since": before, "until": after}).text, filled)
    assert not _listed(client.get("/messages", params={"since": after}).text, filled)
    assert not _listed(client.get("/messages", params={"until": before}).text, filled)


@pytest.mark.parametrize(
    "wrong",
    [{"since": "gestern"}, {"state": "x"}, {"before": "x"}, {"before": "99999999999999999999-a"}],
    ids=str,
)
def test_what_cannot_be_read_is_said(client: Browser, wrong: dict[str, str]) -> None:
    page = client.get("/messages", params=wrong)
    assert page.status_code == 400
    assert "写法不对" in page.text


def test_pages_lose_nothing_where_many_came_in_one_millisecond(client: Browser, stocked: Stocked) -> None:
    """All of these have the same time."""
    expected = {owe(stocked, "waiting") for _ in range(53)}
    seen: list[str] = []
    url = "/messages?state=waiting&partner=centre"
    pages = 0
    while url:
        text = client.get(url).text
        seen += [part.split('"')[0] for part in text.split('href="/messages/')[1:]]
        links = [part.split('"')[0] for part in text.split('href="')[1:] if "before=" in part.split('"')[0]]
        url, pages = (unescape(links[0]) if links else ""), pages + 1
        if url:
            assert parse_qs(urlsplit(url).query)["state"] == ["waiting"]
    assert len(seen) == len(set(seen))
    assert set(seen) >= expected
    assert pages == 2


def test_the_empty_states_say_what_to_do(client: Browser) -> None:
    text = client.get("/messages", params={"before": "1-x"}).text
    assert "没有更早的报文了" in text


def test_a_number_typed_into_the_search_is_not_in_the_title(client: Browser) -> None:
    text = client.get("/messages", params={"text": PERSON}).text
    assert PERSON not in text.split("</title>")[0]
    assert text.count(PERSON) == 1  # in the field, where it was typed


def test_the_whole_life_masked(client: Browser, stocked: Stocked) -> None:
    text = unescape(client.get(f"/messages/{stocked.message_id}").text)
    for part in (
        "clinic-a-77",
        "REF-1",
        "visit-1",
        stocked.reply_id,
        "受理",
        "开始投递",
        "请求",
        "答复",
        "李*",
        "张**",
    ):
        assert part in text
    assert PERSON not in text
    assert NAME not in text
    assert f"/audit/messages/{stocked.message_id}" not in text  # an operator has no business there
    assert "查看未脱敏内容" in text


def test_in_english(sign_in: SignIn, stocked: Stocked) -> None:
    browser = sign_in({Role.AUDITOR})
    browser.accounts.set_language(browser.token, "en")
    text = browser.get(f"/messages/{stocked.message_id}").text
    assert "Audit entries" in text
    assert f"/audit/messages/{stocked.message_id}" in text
    assert "信封" not in text


def test_a_reply_is_shown_with_what_it_answers(client: Browser, stocked: Stocked) -> None:
    page = client.get(f"/messages/{stocked.reply_id}")
    assert page.status_code == 200
    assert "所查的是对这条报文的答复" in page.text
    assert stocked.message_id in page.text


def test_other_numbers_lead_to_the_message(client: Browser, stocked: Stocked, filled: dict[str, str]) -> None:
    to = client.get(f"/messages/own-{filled['dead']}")
    assert (to.status_code, to.headers["location"]) == (303, f"/messages/{filled['dead']}")
    several = client.get("/messages/visit-1")
    assert several.status_code == 200
    assert _listed(several.text, filled) == {*STATES, "accepted"}
    assert client.get("/messages/nothing").status_code == 404


def test_a_refusal(client: Browser, filled: dict[str, str]) -> None:
    assert client.get("/messages", params={"text": filled["refused"]}).headers["location"] == (
        f"/messages/{filled['refused']}"
    )
    text = client.get(f"/messages/{filled['refused']}").text
    for part in ("未受理", "psn_no", "length", "clinic-a"):
        assert part in text


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("dead", {"replay", "no-effect"}),
        ("in-doubt", {"ask-again", "took-effect", "no-effect"}),
        ("held", {"let-go", "no-effect"}),
        ("accepted", set()),
        ("waiting", set()),
    ],
)
def test_what_can_be_done_is_offered_to_those_who_may(
    client: Browser, sign_in: SignIn, filled: dict[str, str], state: str, offered: set[str]
) -> None:
    path = f"/messages/{filled[state]}"
    links = {
        part.split('"')[0].rsplit("/", 1)[1] for part in client.get(path).text.split('href="/tasks/')[1:]
    }
    assert links == offered
    assert 'href="/tasks/' not in sign_in({Role.VIEWER}).get(path).text


def test_unmasked_only_with_a_reason_that_is_on_record_first(client: Browser, stocked: Stocked) -> None:
    path = f"/messages/{stocked.message_id}"
    shown = client.submit(f"{path}/unmask", reason="核对投诉")
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert PERSON in shown.text
    assert NAME in shown.text
    assert "内容未脱敏" in shown.text
    assert "核对投诉" in shown.text  # its own entry
    assert _events(stocked.configuration, stocked.message_id)[-1] == "payload.viewed"
    with open_reader(stocked.configuration.gateway.store) as reader:
        entry = decode(reader.audit_of(stocked.message_id)[-1][2])
    assert entry.actor == f"console:{client.name}"
    assert entry.detail == {"reason": "核对投诉", "by": "console"}
    assert PERSON not in client.get(path).text  # for that one answer


@pytest.mark.parametrize("reason", ["", "  ", f"查 {PERSON}", "x" * 501])
def test_no_reason_no_content(client: Browser, stocked: Stocked, reason: str) -> None:
    before = _events(stocked.configuration, stocked.message_id)
    shown = client.submit(f"/messages/{stocked.message_id}/unmask", reason=reason)
    assert shown.status_code == 422
    assert PERSON not in shown.text
    assert _events(stocked.configuration, stocked.message_id) == before


def test_nobody_else_unmasks(sign_in: SignIn, stocked: Stocked) -> None:
    before = _events(stocked.configuration, stocked.message_id)
    for role in (Role.VIEWER, Role.APPROVER):
        browser = sign_in({role})
        assert browser.submit(f"/messages/{stocked.message_id}/unmask", reason="x").status_code == 403
        assert "查看未脱敏内容" not in browser.get(f"/messages/{stocked.message_id}").text
    assert _events(stocked.configuration, stocked.message_id) == before


def test_what_cannot_be_audited_is_not_shown(
    client: Browser, stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gateway.desk.viewing as viewing
    from gateway.contract import Unavailable

    def unavailable(*_: object) -> None:
        raise Unavailable("数据库忙", "busy")

    monkeypatch.setattr(viewing, "open_clerk", unavailable)
    shown = client.submit(f"/messages/{stocked.message_id}/unmask", reason="核对")
    assert shown.status_code == 503
    assert PERSON not in shown.text


def test_without_keys_it_says_why(client: Browser, stocked: Stocked) -> None:
    file = stocked.configuration.keyring_file
    file.rename(file.with_suffix(".away"))
    page = client.get(f"/messages/{stocked.message_id}")
    assert page.status_code == 200
    assert "REF-1" in page.text
    assert "<pre" not in page.text


def test_hostile_content_is_text(client: Browser, stocked: Stocked) -> None:
    message_id = owe(stocked, "dead", reason="<script>alert(1)</script>")
    text = client.get(f"/messages/{message_id}").text
    assert "<script>alert" not in text
    assert json.dumps("&lt;script&gt;alert(1)")[1:-1] in text
    assert "<script>alert" not in client.get("/tasks").text
    assert "<b>" not in client.get("/messages", params={"text": "<b>"}).text

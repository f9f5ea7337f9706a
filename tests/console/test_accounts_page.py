"""Accounts in the browser: what the page adds to the rules of `Accounts`."""

from __future__ import annotations

import re

import pytest

from gateway.console.roles import Role
from gateway.console.room import Room
from tests.console.conftest import Browser, SignIn


@pytest.fixture
def admin(sign_in: SignIn) -> Browser:
    return sign_in({Role.SECURITY_ADMIN})


def secret_in(text: str) -> str:
    found = re.search(r'class="secret">([^<]+)<', text)
    assert found
    return found[1]


def test_a_new_account_gets_a_password_that_is_shown_once(admin: Browser, room: Room) -> None:
    answer = admin.submit("/accounts", name="wang", title="王<b>", roles=["operator", "approver"])
    password = secret_in(answer.text)
    assert room.accounts.visit(room.accounts.sign_in("wang", password, "test"))
    shown = admin.get("/accounts").text
    assert password not in shown
    assert "王&lt;b&gt;" in shown
    [made] = [account for account in room.accounts.list() if account.name == "wang"]
    assert made.roles == {Role.OPERATOR, Role.APPROVER}
    assert made.must_change


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "wang", "title": "王", "roles": ["auditor", "operator"]}, 400),
        ({"name": "wang", "title": "王"}, 400),
        ({"name": "Wang!", "title": "王", "roles": ["viewer"]}, 400),
        ({"name": "wang", "title": "", "roles": ["viewer"]}, 400),
        ({"name": "wang", "title": "王", "roles": ["king"]}, 422),
    ],
)
def test_what_is_no_account_is_refused_in_words(
    admin: Browser, room: Room, fields: dict[str, str | list[str]], status: int
) -> None:
    answer = admin.submit("/accounts", **fields)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert [account.name for account in room.accounts.list()] == [admin.name]


def test_what_was_typed_stays_after_a_refusal(admin: Browser) -> None:
    text = admin.submit("/accounts", name="li", title="李", roles=["auditor", "viewer"]).text
    assert 'value="li"' in text
    assert re.search(r'value="auditor" checked', text)


def test_roles_of_others_are_changed_and_the_own_are_not(admin: Browser, sign_in: SignIn, room: Room) -> None:
    other = sign_in({Role.VIEWER})
    answer = admin.submit(f"/accounts/{other.name}", title="改名", roles=["operator"])
    assert answer.headers["location"] == "/accounts?said=changed"
    assert other.get("/own").status_code == 303, "its session has ended"
    admin.submit(f"/accounts/{admin.name}", title="管理", roles=["operator"])
    roles = {account.name: (account.title, account.roles) for account in room.accounts.list()}
    assert roles[other.name] == ("改名", frozenset({Role.OPERATOR}))
    assert roles[admin.name] == ("管理", frozenset({Role.SECURITY_ADMIN}))
    assert 'name="roles"' not in admin.get(f"/accounts/{admin.name}").text


def test_disabling_and_enabling(admin: Browser, sign_in: SignIn, room: Room) -> None:
    other = sign_in({Role.VIEWER})
    assert admin.submit(f"/accounts/{other.name}/disabled").status_code == 303
    assert other.get("/own").status_code == 303
    assert "已停用" in admin.get("/accounts").text
    assert admin.submit(f"/accounts/{other.name}/enabled").status_code == 303
    assert "已停用" not in admin.get("/accounts").text
    last = admin.submit(f"/accounts/{admin.name}/disabled")
    assert last.status_code == 409
    assert "最后一个" in last.text


def test_a_reset_gives_a_one_time_password(admin: Browser, sign_in: SignIn, room: Room) -> None:
    other = sign_in({Role.VIEWER})
    password = secret_in(admin.submit(f"/accounts/{other.name}/password").text)
    visit = room.accounts.visit(room.accounts.sign_in(other.name, password, "test"))
    assert visit is not None
    assert visit.account.must_change
    assert admin.submit(f"/accounts/{admin.name}/password").status_code == 403


def test_there_is_no_such_account(admin: Browser) -> None:
    assert admin.get("/accounts/nobody").status_code == 404
    assert admin.submit("/accounts/nobody", title="x", roles=["viewer"]).status_code == 404
    assert admin.submit("/accounts/nobody/password").status_code == 404

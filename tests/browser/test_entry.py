"""Signing in for the first time, going on, and coming to an end."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from playwright.sync_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.guest import Guest, follow

_OWN: Final = "a quiet street in autumn"


def test_a_one_time_password_is_changed_before_anything_else(
    house: House, stranger: Callable[[], Guest], enter: Enter
) -> None:
    admin = enter("admin")
    page = admin.open("/accounts")
    page.locator("#name").fill("chen")
    page.locator("#title").fill("陈值班")
    page.locator("input[value=viewer]").check()
    follow(page.get_by_role("button", name="新建"))
    once = page.locator(".secret").inner_text()
    assert admin.examine() == []
    page.reload()
    assert once not in page.content()

    guest = stranger()
    page = guest.open("/messages")
    expect(page).to_have_url(re.compile("/sign-in"))
    assert guest.examine() == []
    page.locator("#name").fill("chen")
    page.locator("#password").fill(once)
    follow(page.get_by_role("button", name="登录"))
    for path in ("/", "/tasks", "/messages"):
        page.goto(path)
        expect(page).to_have_url(f"{house.stage.console}/own")
    assert guest.examine() == []
    for field, value in (("#old", once), ("#new", _OWN), ("#again", _OWN)):
        page.locator(field).fill(value)
    follow(page.get_by_role("button", name="修改"))
    expect(page).to_have_url(f"{house.stage.console}/")
    follow(page.get_by_role("button", name="退出"))
    guest.sign_in("chen", _OWN)
    expect(page.get_by_role("navigation")).to_be_visible()


def test_a_wrong_password_is_told_in_one_text_for_every_cause(stranger: Callable[[], Guest]) -> None:
    guest, texts = stranger(), set()
    for name in ("viewer", "nobody-of-that-name"):
        page = guest.open("/sign-in")
        page.locator("#name").fill(name)
        page.locator("#password").fill("not the right one")
        page.keyboard.press("Enter")
        texts.add(page.get_by_role("alert").inner_text())
        assert guest.examine() == []
    assert len(texts) == 1


def test_after_signing_out_going_back_shows_nothing(house: House, enter: Enter) -> None:
    guest = enter("viewer")
    page = guest.open("/messages")
    assert house.messages["accepted"] in page.content()
    follow(page.get_by_role("button", name="退出"))
    expect(page.locator("#password")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.locator("#password")).to_be_visible()
    assert house.messages["accepted"] not in page.content()


def test_the_session_is_no_script_s(house: House, enter: Enter) -> None:
    guest = enter("viewer")
    assert guest.page.evaluate("document.cookie").find("session") == -1


def test_a_page_that_is_not_permitted_says_so(enter: Enter) -> None:
    guest = enter("viewer")
    answer = guest.page.goto("/accounts")
    assert answer is not None
    assert answer.status == HTTPStatus.FORBIDDEN
    assert guest.examine() == []
    expect(guest.page.locator("main")).to_contain_text("没有权限")

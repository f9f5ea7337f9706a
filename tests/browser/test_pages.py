"""Every page, in both languages, for those who may open it: nothing breaks, nothing leaves the machine, no barriers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.guest import Guest

SCREENSHOTS: Final = Path("var/screenshots")
#: Who opens what; `{…}` is a message in that state.
WALKS: Final = {
    "wang": (
        "/",
        "/partners",
        "/partners/province",
        "/partners/hospital-a",
        "/messages",
        "/messages?state=dead",
        "/messages?text=nothing-of-that-kind",
        "/messages/{accepted}",
        "/messages/{dead}",
        "/messages/{refused}",
        "/tasks",
        "/tasks/{dead-delivery}/replay",
        "/tasks/{doubt-delivery}/took-effect",
        "/proposals",
        "/payments",
        "/levies",
        "/own",
    ),
    "zhou": (
        "/audit",
        "/audit?event=delivery.dead",
        "/audit/entries/0",
        "/audit/messages/{accepted}",
        "/payments",
        "/levies",
    ),
    "admin": ("/accounts", "/own"),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", WALKS)
def test_walk(house: House, enter: Enter, name: str, language: str) -> None:
    guest = enter(name, language)
    wrong: list[str] = []
    for path in WALKS[name]:
        guest.open(_filled(house, path))
        wrong += guest.examine()
        assert guest.page.locator("html").get_attribute("lang") == ("en" if language == "en" else "zh-CN")
        if language == "zh":
            _keep(guest, path)
    assert wrong == []


def test_the_menu_leads_only_where_one_may_go(enter: Enter) -> None:
    for name in WALKS:
        guest = enter(name)
        for path in guest.page.locator("nav a").evaluate_all("all => all.map(a => a.getAttribute('href'))"):
            guest.open(path)
        assert name == "admin" or guest.page.locator("nav").get_by_text("账号").count() == 0


def test_dark_and_narrow(enter: Enter) -> None:
    """By night, and on half of a screen."""
    guest = enter("wang")
    guest.page.emulate_media(color_scheme="dark")
    wrong = []
    for path in ("/", "/messages", "/tasks"):
        guest.open(path)
        wrong += guest.examine()
    assert wrong == []
    guest.page.set_viewport_size({"width": 683, "height": 768})
    for path in ("/", "/messages", "/tasks"):
        guest.open(path)
        assert guest.overhang() == 0, path


def test_markup_in_a_search_stays_text(enter: Enter) -> None:
    guest = enter("wang")
    guest.open("/messages?text=%3Cscript%3Ealert(1)%3C/script%3E&partner=%22%3E%3Cb%3E")
    expect(guest.page.locator("#text")).to_have_value("<script>alert(1)</script>")
    assert guest.page.locator("main script, main b").count() == 0


def _filled(house: House, path: str) -> str:
    deliveries = {"dead": house.messages["dead"], "doubt": house.doubted[2]}
    return path.format(
        **house.messages, **{f"{name}-delivery": house.delivery(id_).id for name, id_ in deliveries.items()}
    )


def _keep(guest: Guest, path: str) -> None:
    """What the main pages look like, for people."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "overview"
    if "?" not in name:
        guest.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

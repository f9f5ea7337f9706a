"""The gateway goes, and comes back: an overview that stays open says so by itself."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Enter, House

_SOON = 30_000  #: ms: two looks of the console, one of the page, on a busy machine


def test_the_overview_says_that_the_gateway_does_not_answer(house: House, enter: Enter) -> None:
    guest = enter("wang")
    page = guest.open("/")
    overview = page.locator("#overview")
    expect(overview).to_contain_text("✓ 就绪")
    house.stage.kill_gateway()
    try:
        expect(overview.get_by_role("alert")).to_contain_text("网关没有应答", timeout=_SOON)
        expect(overview).to_contain_text("一件不丢", timeout=_SOON)
        assert guest.examine() == []
        for path in ("/messages", f"/messages/{house.messages['accepted']}", "/tasks", "/partners"):
            guest.open(path)  # what is in the store is there all the same
        page = guest.open("/")
    finally:
        house.stage.start_gateway()
    expect(page.locator("#overview")).to_contain_text("✓ 就绪", timeout=_SOON)
    expect(page.locator("#overview").get_by_role("alert")).to_have_count(0)


def test_an_open_page_says_that_the_console_is_gone(house: House, enter: Enter) -> None:
    guest = enter("wang")
    page = guest.open("/")
    stale = page.locator("[data-stale]")
    expect(stale).to_be_hidden()
    console = house.stage.desk
    assert console is not None
    console.terminate()
    try:
        assert console.wait(30) == 0
        expect(stale).to_be_visible(timeout=_SOON)
        expect(page.locator("#overview")).to_contain_text("✓ 就绪")  # what was seen last stays
        assert guest.examine() == []
    finally:
        house.stage.start_console()
    expect(stale).to_be_hidden(timeout=_SOON)
    guest.forgive("Failed to fetch")


def test_the_overview_keeps_the_focus_while_it_refreshes(enter: Enter) -> None:
    guest = enter("wang")
    page = guest.open("/")
    page.locator("#overview a").first.focus()
    where = page.evaluate("document.activeElement.getAttribute('href')")
    with page.expect_response("**/live/overview"):
        pass
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.getAttribute('href')") == where

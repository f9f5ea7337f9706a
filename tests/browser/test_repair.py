"""What people do at the console, as they do it: by keyboard alone, in twos, with reasons."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.conftest import Enter, House
from tests.browser.guest import follow

_FAR: Final = 80  #: stops of the Tab key within which everything on a page can be reached


def test_two_people_and_the_keyboard_alone_settle_a_delivery(house: House, enter: Enter) -> None:
    message = house.doubted[0]
    wang = enter("wang")
    page = wang.open("/")
    _press(page, "待办")
    _press(page, "按未生效了结", about=message)
    _to(page, "#reason")
    page.keyboard.type("已与省平台对账，未记账")
    page.keyboard.press("Enter")
    page.wait_for_url("**/proposals/*")
    expect(page.get_by_role("status").first).to_contain_text("另一人复核")
    assert wang.examine() == []
    assert house.delivery(message).state == "in-doubt"
    assert page.get_by_role("button", name="通过并执行").count() == 0

    li = enter("li")
    page = li.open("/")
    _press(page, "待复核")
    _press(page, "按未生效了结")
    assert li.examine() == []
    _press(page, "通过并执行")
    page.wait_for_url(f"**/messages/{message}?*")
    expect(page.get_by_role("status").first).to_contain_text("已按未生效了结")
    assert li.examine() == []
    assert house.delivery(message).state == "rejected"

    zhou = enter("zhou")
    page = zhou.open(f"/audit/messages/{message}")
    expect(page.locator("main")).to_contain_text("console:wang")
    expect(page.locator("main")).to_contain_text("console:li")


def test_what_was_proposed_can_be_refused_and_proposed_again(house: House, enter: Enter) -> None:
    message = house.doubted[1]
    delivery = house.delivery(message)
    wang, li = enter("wang"), enter("li")
    page = wang.open(f"/tasks/{delivery.id}/took-effect")
    page.locator("#reason").fill("电话核实")
    follow(page.get_by_role("button", name="提出"))
    page.wait_for_url("**/proposals/*")
    proposal = page.url.partition("?")[0]
    page = li.open(proposal)
    page.locator("#note").fill("须有书面对账单")
    follow(page.get_by_role("button", name="驳回"))
    expect(page.locator("h1")).to_contain_text("已驳回")
    assert li.examine() == []
    assert house.delivery(message) == delivery
    page = wang.open(f"/tasks/{delivery.id}/took-effect")
    expect(page.locator("#reason")).to_be_visible()


def test_a_reason_with_a_number_of_a_person_is_not_taken(house: House, enter: Enter) -> None:
    guest = enter("wang")
    page = guest.open(f"/tasks/{house.delivery(house.doubted[2]).id}/no-effect")
    page.locator("#reason").fill("患者 990101199001010018 来电")
    follow(page.get_by_role("button", name="提出"))
    expect(page.get_by_role("alert")).to_be_visible()
    assert "990101199001010018" not in page.content()
    assert guest.examine() == []


def test_unmasked_only_with_a_reason_and_only_once(house: House, enter: Enter) -> None:
    message = house.messages["accepted"]
    guest = enter("wang")
    page = guest.open(f"/messages/{message}")
    masked = page.locator("pre").first.inner_text()
    assert "**" in masked
    page.locator("#unmask-reason").fill("医院来函核对")
    follow(page.get_by_role("button", name="记录并查看"))
    expect(page.locator("pre").first).not_to_contain_text("**")
    assert guest.examine() == []
    expect(page.locator("main")).to_contain_text("医院来函核对")
    page = guest.open(f"/messages/{message}")
    expect(page.locator("pre").first).to_have_text(masked)


def test_dead_deliveries_are_replayed_in_one_go(house: House, enter: Enter) -> None:
    message = house.messages["dead"]
    guest = enter("wang")
    page = guest.open("/tasks?state=dead")
    page.get_by_role("checkbox").first.check()
    follow(page.get_by_role("button", name="重放选中的"))
    assert guest.examine() == []
    page.locator("input[name=reason]").fill("前置网关已恢复")
    follow(page.get_by_role("main").get_by_role("button").first)
    expect(page.locator("main")).to_contain_text("待另一人复核")
    assert guest.examine() == []
    page = enter("li").open("/proposals")
    follow(page.get_by_role("row").filter(has_text=message).get_by_role("link").first)
    follow(page.get_by_role("button", name="通过并执行"))
    page.wait_for_url(f"**/messages/{message}?*")
    for _ in range(120):
        if house.delivery(message).state == "accepted":
            break
        page.wait_for_timeout(250)
    assert house.delivery(message).state == "accepted"


def _press(page: Page, text: str, *, about: str = "") -> None:
    """Tabs to what is called so, and presses it."""
    for _ in range(_FAR):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        if focus.count() and text in focus.inner_text():
            row = focus.locator("xpath=ancestor::tr")
            if not about or about in row.inner_text():
                break
    else:
        raise AssertionError(f"{text} cannot be reached by keyboard on {page.url}")
    before = page.url
    page.keyboard.press("Enter")
    page.wait_for_function("before => location.href !== before", arg=before)
    page.wait_for_load_state()


def _to(page: Page, field: str) -> None:
    for _ in range(_FAR):
        page.keyboard.press("Tab")
        if page.locator(f"{field}:focus").count():
            return
    raise AssertionError(f"{field} cannot be reached by keyboard on {page.url}")

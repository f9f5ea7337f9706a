"""The pages of the book of levies, over a real book."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Awaitable, Callable

import pytest

from gateway.books.people import Person
from gateway.console.accounts import Accounts
from gateway.console.app import make_app
from gateway.console.pages import levies
from gateway.console.pulse import Pulse
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.engine.config import Configuration
from gateway.levies.settings import LeviesSettings
from tests.cli.conftest import Stocked, running_store
from tests.console.conftest import PASSWORD, Browser, SignIn
from tests.console.test_overview import Page
from tests.levies.world import (
    COLLECTOR,
    DAY,
    NO,
    World,
    check,
    debit,
    listed,
    result,
    returned,
    reversal,
    single,
)
from tests.twisted_runner import run

Book = Callable[[Callable[[World], Awaitable[object]]], None]
VOUCHER = debit(1).voucher_no


@pytest.fixture
def configuration(stocked: Stocked) -> Configuration:
    village = {**COLLECTOR, "name": "village", "title": "虚构县医保征缴", "collector_code": "299010100001"}
    return dataclasses.replace(
        stocked.configuration,
        levies=LeviesSettings.model_validate({"collectors": [COLLECTOR, village]}),
        people=(Person("zhang", "张", "ed25519:", frozenset({"levy.close-difference"})),),
    )


@pytest.fixture
def book(configuration: Configuration) -> Book:
    """Lets something happen in the book."""

    def happen(what: Callable[[World], Awaitable[object]]) -> None:
        with running_store(configuration) as store:
            keys = configuration.keyring_file.parent
            world = World(store, configuration.gateway.store, keys, configuration.levies)
            try:
                run(what(world))
            finally:
                world.close()

    return happen


@pytest.fixture
def officer(sign_in: SignIn) -> Browser:
    return sign_in({Role.SETTLEMENT_OFFICER})


async def a_day(world: World) -> None:
    """Four debits: one succeeds, one fails, one is settled by the day's check, one it does not know of."""
    [package] = await world.sent([debit(n) for n in range(1, 5)])
    answers = [result(1), result(2, NO, raw_text="账号62299900000000002不符"), result(3)]
    await world.tell(returned(package, answers))
    await world.checked([listed(1), listed(4)])


def test_a_debit_is_followed_from_the_file_to_the_receipt(officer: Browser, book: Book) -> None:
    book(a_day)
    overview = officer.get("/levies").text
    assert "虚构市医保征缴" in overview
    assert "1 项差异" in overview
    [path] = set(re.findall(r'href="(/levies/files/[^"?]+)"', overview))
    file = officer.get(path).text
    for number in range(1, 5):
        assert debit(number).voucher_no in file
    assert "扣款失败" in file
    assert "YB2026" in file
    failed = Page(officer.get(f"{path}?state=refused").text).links()
    assert f"/levies/debits/city/{debit(2).voucher_no}" in failed
    assert f"/levies/debits/city/{VOUCHER}" not in failed

    found = officer.get("/levies/vouchers", params={"voucher": f" {VOUCHER} "})
    assert found.headers["location"] == f"/levies/debits/city/{VOUCHER}"
    way = officer.get(found.headers["location"]).text
    for told in ("levy-office", "成功", "已列出", "YB202600000001", "400.00", "有效", "audit prove"):
        assert told in way, told
    other = officer.get(f"/levies/debits/city/{debit(2).voucher_no}").text
    assert "收据" not in other
    assert "日终核对已列出" in officer.get(f"/levies/debits/city/{debit(4).voucher_no}").text
    assert NO in other
    for page in (overview, file, way, other):
        assert "虚构人" not in page, "names are masked"
        assert "虚构单位" not in page
        assert "62299900000000" not in page, "numbers are masked, also in what the network said"
        assert "990101000000" not in page


def test_a_difference_comes_with_its_next_action(officer: Browser, book: Book) -> None:
    book(a_day)
    page = officer.get("/levies/differences").text
    assert "本机有、网络无" in page
    assert "查核对包是否齐全" in page
    [command] = re.findall(r"<pre>(gateway levy close-difference.+?)</pre>", page)
    assert html.unescape(command).startswith(
        "gateway levy close-difference 1 --reason '原因' --as zhang --key zhang.key"
    )
    at_the_debit = officer.get(f"/levies/debits/city/{debit(3).voucher_no}").text
    assert "本机有、网络无" in at_the_debit
    assert "未关闭的差异" not in officer.get(f"/levies/debits/city/{VOUCHER}").text
    assert "没有未关闭的差异" in officer.get("/levies/differences?collector=village").text
    officer.submit("/language", language="en", back="/levies")
    assert "we booked a debit that the network does not list" in officer.get("/levies").text


def test_a_day_shows_what_has_come_and_what_is_open(officer: Browser, book: Book) -> None:
    async def half_a_check(world: World) -> None:
        await world.sent([debit(1), debit(2)])
        await world.tell(check([listed(1), listed(2)], size=1)[0])

    book(half_a_check)
    overview = Page(officer.get("/levies").text)
    assert "未收齐 1/2" in overview.text
    path = f"/levies/debits?collector=city&day={DAY}&state=sent"
    assert path in overview.links()
    wanted = {f"/levies/debits/city/{debit(n).voucher_no}" for n in (1, 2)}
    assert wanted <= Page(officer.get(path).text).links()
    days = officer.get("/levies/differences?collector=city").text
    assert f"gateway levy resend city --day {DAY} --config " in days


def test_a_real_time_debit_that_was_reversed(officer: Browser, book: Book) -> None:
    async def reversed_(world: World) -> None:
        await world.asked(single(1))
        await world.checked([listed(1)])
        await world.tell(reversal(1))

    book(reversed_)
    way = officer.get(f"/levies/debits/city/{VOUCHER}").text
    for told in ("实时扣款", "已冲正，作废", "YB202600000001"):
        assert told in way, told


def test_many_debits_are_paged(officer: Browser, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    async def many(world: World) -> None:
        await world.sent([debit(n) for n in range(1, 6)])

    book(many)
    monkeypatch.setattr(levies, "_PAGE", 2)
    [path] = set(re.findall(r'href="(/levies/files/[^"?]+)"', officer.get("/levies/files").text))
    for on in (path, f"/levies/debits?collector=city&day={DAY}&state=sent"):
        seen: list[str] = []
        following = [on]
        while following:
            page = officer.get(html.unescape(following[0])).text
            seen += re.findall(r"/levies/debits/city/(\d+)", page)
            following = re.findall(r'href="([^"]+)">下一页', page)
        assert sorted(seen) == [debit(n).voucher_no for n in range(1, 6)]


def test_without_levies_the_page_says_how_to_begin(stocked: Stocked, quick_passwords: None) -> None:
    room = Room(stocked.configuration, Accounts(stocked.configuration), Pulse(stocked.configuration))
    first = room.accounts.add("officer", "结算", frozenset({Role.SETTLEMENT_OFFICER}), "os:test")
    token = room.accounts.sign_in("officer", first, "test")
    room.accounts.change_password("officer", first, PASSWORD, token)
    browser = Browser(make_app(room), room.accounts, "officer", token)
    page = browser.get("/levies").text
    assert "docs/levies.md" in page
    assert f"{stocked.folder}/levies.yaml" in page
    assert browser.get("/levies/files").status_code == 200


def test_what_is_not_there(officer: Browser) -> None:
    for path in ("/levies/files/1", f"/levies/debits/city/{VOUCHER}", "/levies/vouchers?voucher=1"):
        assert officer.get(path).status_code == 404
    for path in (
        "/levies",
        "/levies/files",
        "/levies/debits?state=nothing",
        "/levies/differences?closed=true",
    ):
        assert officer.get(path).status_code == 200


def test_who_may_look(sign_in: SignIn) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.SECURITY_ADMIN):
        assert sign_in({role}).get("/levies").status_code == 403
    for role in (Role.APPROVER, Role.AUDITOR):
        assert sign_in({role}).get("/levies").status_code == 200

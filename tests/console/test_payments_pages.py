"""The pages of the book of payments, over a real book; the commands they give are run as they stand there."""

from __future__ import annotations

import dataclasses
import html
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.books.people import Person
from gateway.console.accounts import Accounts
from gateway.console.app import make_app
from gateway.console.pages import payments
from gateway.console.pulse import Pulse
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.desk.paying import Guide
from gateway.engine.config import Configuration, load
from gateway.payments.settings import PaymentsSettings
from gateway.store.payments_sums import Share
from tests.cli.conftest import Stocked, running_store
from tests.console.conftest import PASSWORD, Browser, SignIn
from tests.payments.office import Office
from tests.payments.test_days import day, line
from tests.payments.world import ACCOUNT, World, item, result, returned
from tests.twisted_runner import run

Book = Callable[[Callable[[World], Awaitable[object]]], None]
COMMAND = re.compile(r"<pre>(gateway .+?)</pre>")
RIGHTS = {
    "zhang": {"payment.approve", "difference.close"},
    "li": {"batch.build", "batch.cancel", "batch.release"},
    "wang": {"batch.release"},
}


@pytest.fixture
def configuration(stocked: Stocked) -> Configuration:
    people = tuple(Person(name, name, "ed25519:", frozenset(may)) for name, may in RIGHTS.items())
    premiums = {**ACCOUNT, "name": "premiums", "title": "居民医保收入户", "kinds": ["direct-debit"]}
    accounts = PaymentsSettings.model_validate({"accounts": [ACCOUNT, premiums]})
    return dataclasses.replace(stocked.configuration, payments=accounts, people=people)


@pytest.fixture
def book(configuration: Configuration) -> Book:
    """Lets something happen in the book."""

    def happen(what: Callable[[World], Awaitable[object]]) -> None:
        with running_store(configuration) as store:
            keys = configuration.keyring_file.parent
            world = World(store, configuration.gateway.store, keys, configuration.payments)
            try:
                run(what(world))
            finally:
                world.close()

    return happen


@pytest.fixture
def officer(sign_in: SignIn) -> Browser:
    return sign_in({Role.SETTLEMENT_OFFICER})


def commands_in(page: str) -> list[str]:
    return [html.unescape(command) for command in COMMAND.findall(page)]


def test_an_item_is_followed_from_proposal_to_result(officer: Browser, book: Book) -> None:
    made: list[str] = []

    async def a_day(world: World) -> None:
        batch_id = await world.live_batch([item(n) for n in range(1, 4)])
        answers = [result(1), result(2, "rejected", raw_code="E01"), result(3, "pending")]
        await world.tell(returned(batch_id, answers, "intermediate"))
        await world.tell(
            returned(batch_id, [result(1), result(2, "rejected", raw_text="账号6229990000000000001不符")])
        )
        made.append(batch_id)

    book(a_day)
    [batch_id] = made
    overview = officer.get("/payments").text
    assert "居民医保支出户" in overview
    assert f"/payments/batches/{batch_id}" in overview
    assert "3,000.00" in overview
    batch = officer.get(f"/payments/batches/{batch_id}").text
    for person in ("zhang", "li", "wang"):
        assert person in batch
    found = officer.get("/payments/items", params={"text": "E00000002"})
    way = officer.get(found.headers["location"]).text
    for told in ("agency-a", "zhang", "wang", batch_id, "rejected", "失败", "按原内容重新提出"):
        assert told in way
    proposal = re.search(r"/payments/proposals/[^\"]+", way)
    assert proposal is not None
    file = officer.get(proposal[0]).text
    assert "E00000001" in file
    assert "成功" in file
    only = officer.get(proposal[0] + "?state=settled").text
    assert "E00000001" in only
    assert "E00000002" not in only
    for page in (overview, batch, way, file):
        assert "虚构2" not in page, "names are masked"
        assert "62299900000000000" not in page, "numbers are masked"
        assert "110101199001010019" not in page
        assert "6229990000000000001" not in page, "also in what the bank said"


def test_a_batch_of_many_items_is_paged(
    officer: Browser, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    async def many(world: World) -> None:
        made.append(await world.live_batch([item(n) for n in range(1, 8)]))
        made.append(await world.live_batch([item(n) for n in range(8, 12)]))
        made.append(await world.live_batch([item(n) for n in range(12, 15)]))

    book(many)
    monkeypatch.setattr(payments, "_PAGE", 2)
    for path, wanted in (
        (f"/payments/batches/{made[0]}", [f"E{n:08}" for n in range(1, 8)]),
        ("/payments/batches", made[::-1]),
        ("/payments/proposals", ["A5", "A3", "A1"]),
    ):
        seen, on = "", path
        for _ in range(10):
            page = officer.get(on).text
            seen += page
            following = re.findall(r'href="([^"]+)">下一页', page)
            if not following:
                break
            on = html.unescape(following[0])
        places = [seen.find(f">{name}<") for name in wanted]
        assert all(place >= 0 for place in places), path
        assert places == sorted(places), path
    later = officer.get(f"/payments/batches/{made[0]}?state=released&after=1").text
    assert re.findall(r'href="([^"]+)">从头', later) == [f"/payments/batches/{made[0]}?state=released"]


def test_a_difference_comes_with_its_next_action_and_stands_against_a_release(
    officer: Browser, book: Book
) -> None:
    made: list[str] = []

    async def contradicted(world: World) -> None:
        batch_id = await world.live_batch([item(1), item(2)])
        await world.tell(returned(batch_id, [result(1), result(2, "rejected")]))
        await world.tell(returned(batch_id, [result(2)]))
        made.append(batch_id)

    book(contradicted)
    page = officer.get("/payments/differences").text
    assert "前后两次最终结果矛盾" in page
    assert "向银行查证是否已付" in page
    [command] = commands_in(page)
    assert command.startswith("gateway payment close-difference 1 --reason ")
    assert "--as zhang --key zhang.key" in command
    found = officer.get("/payments/items", params={"text": "E00000002"}).headers["location"]
    way = officer.get(found).text
    assert "关闭前不能重新提出" in way
    assert "按原内容重新提出" not in way
    batch = officer.get(f"/payments/batches/{made[0]}").text
    assert "有未关闭的差异 1，可能已经付过" in batch
    assert "payment again" not in batch
    officer.submit("/language", language="en", back="/payments")
    assert "ask the bank whether it is paid" in officer.get("/payments/differences?closed=true").text


def test_a_day_that_covers_two_accounts_is_shown_at_both(officer: Browser, book: Book) -> None:
    async def compared(world: World) -> None:
        batch_id = await world.live_batch([item(1)])
        await world.tell(returned(batch_id, [result(1, bank_reference="B1")]))
        await world.tell(day([line(1), line(2)]))

    book(compared)
    overview = officer.get("/payments").text
    assert overview.count("2026-11-22 1 项差异") == 2
    for account in ("resident", "premiums"):
        assert f'<a href="/payments/differences?account={account}">1</a>' in overview
        page = officer.get(f"/payments/differences?account={account}").text
        assert "银行有、本机无" in page
        assert "premiums+resident" in page
    assert "没有未关闭的差异" in officer.get("/payments/differences?account=other").text


def test_what_has_to_be_verified_first_is_said(configuration: Configuration) -> None:
    waiting = Share("resident", "credit-transfer", "proposed", 1, 100)
    [act] = Guide(configuration, "zhang").of_account(waiting)
    assert "verify-accounts" not in act.hint_zh
    account = {**ACCOUNT, "require_verified": True}
    strict = PaymentsSettings.model_validate({"accounts": [account]})
    [act] = Guide(dataclasses.replace(configuration, payments=strict), "zhang").of_account(waiting)
    assert "gateway payment verify-accounts resident" in act.hint_zh
    assert "gateway payment verify-accounts resident" in act.hint_en


def test_who_has_had_a_hand_in_it_is_not_offered_the_release(officer: Browser, book: Book) -> None:
    made: list[str] = []

    async def built(world: World) -> None:
        await world.propose([item(1)])
        world.approve("wang")
        made.extend(world.build("li"))

    book(built)
    page = officer.get(f"/payments/batches/{made[0]}").text
    assert "people.yaml 中没有可以做此事（batch.release）的其他人员" in page
    [command] = commands_in(page)
    assert "batch cancel" in command


def test_without_payments_the_page_says_how_to_begin(stocked: Stocked) -> None:
    room = Room(stocked.configuration, Accounts(stocked.configuration), Pulse(stocked.configuration))
    first = room.accounts.add("officer", "结算", frozenset({Role.SETTLEMENT_OFFICER}), "os:test")
    token = room.accounts.sign_in("officer", first, "test")
    room.accounts.change_password("officer", first, PASSWORD, token)
    browser = Browser(make_app(room), room.accounts, "officer", token)
    page = browser.get("/payments").text
    assert "docs/payments.md" in page
    assert f"{stocked.folder}/payments.yaml" in page
    assert browser.get("/payments/batches").status_code == 200
    assert browser.get("/payments/items", params={"text": "E1"}).status_code == 404


def test_what_is_not_there(officer: Browser) -> None:
    for path in ("/payments/batches/1", "/payments/proposals/1", "/payments/items/1"):
        assert officer.get(path).status_code == 404
    for path in (
        "/payments",
        "/payments/batches?state=nothing",
        "/payments/differences",
        "/payments/proposals",
    ):
        assert officer.get(path).status_code == 200
    assert "还没有批次" in officer.get("/payments").text


def test_who_may_look(sign_in: SignIn) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.SECURITY_ADMIN):
        assert sign_in({role}).get("/payments").status_code == 403
    for role in (Role.APPROVER, Role.AUDITOR):
        assert sign_in({role}).get("/payments").status_code == 200


@pytest.fixture
def office(tmp_path: Path) -> Office:
    folder = tmp_path / "office"
    folder.mkdir()
    made = Office(folder)
    made.people()
    return made


def propose(office: Office) -> None:
    """The agency's file with one item, until the item is in the book."""
    row = "00000001|6229990000000000001|虚构1|990101199001010019|10.00|医保报销|\r\n"
    office.put("agency-in", "a.txt", f"H|20261122|990101|A20261122001|1|10.00|\r\n{row}")
    office.wait(
        lambda: (office.folder / "data/gateway.db").exists() and office.json("payment", "list"), "the item"
    )


def carried_out(office: Office, command: str, *more: str) -> str:
    """Runs a command as the page gives it, in the folder where the person's key is."""
    words = shlex.split(command)
    assert words[0] == "gateway"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words[1:], *more],
        cwd=office.folder,
        env={**os.environ, "GATEWAY_PASSPHRASE_FILE": str(office.passphrase)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_every_command_works_as_it_stands_there(office: Office) -> None:
    with office.gateway():
        propose(office)
        configuration = load(office.folder)
        room = Room(configuration, Accounts(configuration), Pulse(configuration))
        first = room.accounts.add("zhao", "赵", frozenset({Role.SETTLEMENT_OFFICER}), "os:test")
        token = room.accounts.sign_in("zhao", first, "test")
        room.accounts.change_password("zhao", first, PASSWORD, token)
        browser = Browser(make_app(room), room.accounts, "zhao", token)

        [approve] = commands_in(browser.get("/payments").text)
        assert "--as zhao" in approve, "for the one who reads it"
        carried_out(office, approve, "--confirm")
        [build] = commands_in(browser.get("/payments").text)
        carried_out(office, build)
        [batch] = set(re.findall(r"/payments/batches/(\w+)", browser.get("/payments").text))
        release, cancel = commands_in(browser.get(f"/payments/batches/{batch}").text)
        assert "--as wang" in release, "zhao has approved and built"
        carried_out(office, cancel, "--confirm")
        [build] = commands_in(browser.get("/payments").text)
        carried_out(office, build)
        [batch] = set(re.findall(r"/payments/batches/(\w+)", browser.get("/payments").text)) - {batch}
        carried_out(office, commands_in(browser.get(f"/payments/batches/{batch}").text)[0], "--confirm")
        page = browser.get(f"/payments/batches/{batch}").text
        assert "wang" in page
        assert not commands_in(page)

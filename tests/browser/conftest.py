"""A real console beside a real gateway with messages in several states, and a real browser that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from twisted.internet import reactor

from adapters.hospital.simulator import HospitalSimulator
from demo.desk import PASSWORD, admit
from demo.stage import HOSPITAL, Stage
from gateway.store import open_reader
from gateway.store.api import DeliveryRow
from tests.browser.guest import PATIENCE, Guest, follow
from tests.chaos.load import rest, written
from tests.twisted_runner import run

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class House:
    """What the tests find.

    Attributes:
        messages: what became of it → the id of the message; `doubted` holds those that wait for a person.
    """

    stage: Stage
    messages: dict[str, str]
    doubted: tuple[str, ...]

    def delivery(self, message: str) -> DeliveryRow:
        """Of a message, as it is now."""
        with open_reader(self.stage.settings) as reader:
            [delivery] = reader.deliveries_of(message)
        return delivery


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser there is nothing to look with."""
    if not CHROMIUM.exists():
        missing = pytest.mark.skip(reason=f"no {CHROMIUM}: scripts/install-chromium installs it")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(missing)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    stage = Stage(tmp_path_factory.mktemp("browser") / "stage")
    # One “later” is enough to die of, so that a test need not wait for twelve.
    stage.prepare(province={"delivery": {"attempts": "1"}})
    try:
        stage.start_platform()
        stage.start_gateway()
        admit(stage)
        stage.start_console(wait=False)
        messages, doubted = run(_work(stage), timeout=60)
        stage.await_console()
        yield House(stage, messages, doubted)
    finally:
        stage.stop()


async def _work(stage: Stage) -> tuple[dict[str, str], tuple[str, ...]]:
    """A settlement, an upload, one that died, one that was refused; bad input; three that wait for a person."""
    hospital = HospitalSimulator(
        stage.url,
        paasid=stage.account(HOSPITAL, "soap", "authentication"),
        token=stage.secret(HOSPITAL),
        reactor=reactor,
    )

    async def uploaded() -> str:
        return (await hospital.upload()).fields["message_id"]

    await hospital.settle()
    messages = {"accepted": await uploaded()}
    await rest(stage)
    for state, fault in (
        ("dead", partial(stage.fault, "http-status", status=429)),
        ("rejected", partial(stage.fault, "refusal")),
    ):
        fault()
        messages[state] = await uploaded()
        await rest(stage)
    refused = await hospital.attack("missing-field")
    messages["refused"] = refused.fields["refusal_id"]
    stage.fault("reset-before", count=3)
    stage.fault("refusal", "2601", count=3)
    doubted = [await uploaded() for _ in range(3)]
    await rest(stage)
    await written(stage)
    hospital.close()
    return messages, tuple(doubted)


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[Browser]:
    """After the house was filled: Twisted's loop cannot turn once Playwright's has begun."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        expect.set_options(timeout=PATIENCE)
        yield opened
        opened.close()


Enter = Callable[..., Guest]


@pytest.fixture
def stranger(house: House, browser: Browser) -> Iterator[Callable[[], Guest]]:
    """Makes somebody who is not signed in; at the end nothing may have gone wrong in any of their browsers."""
    guests: list[Guest] = []

    def come() -> Guest:
        guests.append(Guest(browser, house.stage.console))
        return guests[-1]

    yield come
    for guest in guests:
        guest.leave()
    assert [fault for guest in guests for fault in guest.faults] == []


@pytest.fixture
def enter(stranger: Callable[[], Guest]) -> Enter:
    """Signs an account of the demonstration in: `enter("wang")`, `enter("wang", "en")`."""

    def signed_in(name: str, language: str = "zh") -> Guest:
        guest = stranger()
        guest.sign_in(name, PASSWORD)
        if language == "en":
            follow(guest.page.get_by_role("button", name="English"))
        return guest

    return signed_in

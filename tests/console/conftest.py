"""A console over the store of a gateway that has run for a while, and browsers of people with accounts there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.console import passwords
from gateway.console.accounts import Accounts
from gateway.console.app import make_app
from gateway.console.pulse import Pulse
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.engine.config import Configuration
from gateway.engine.config_model import AdminSettings
from tests.cli.conftest import Stocked, owe, refuse, stocked

__all__ = ["stocked"]  # a fixture of another folder

PASSWORD = "a long enough passphrase 1"
STATES = ("in-doubt", "dead", "held", "waiting", "rejected", "pending")


class Browser(TestClient):
    """Sends what a browser sends from a page of the console; redirects are not followed."""

    def __init__(self, app: FastAPI, accounts: Accounts, name: str = "", token: str = "") -> None:
        super().__init__(app, follow_redirects=False, headers={"Sec-Fetch-Site": "same-origin"})
        self.accounts = accounts
        self.name = name
        self.token = token
        if token:
            self.cookies.set("tongqu_session", token)

    @property
    def csrf(self) -> str:
        """What the forms of this visitor carry."""
        visit = self.accounts.visit(self.token)
        assert visit is not None
        return visit.csrf

    def submit(self, path: str, **fields: Any) -> Response:
        """Posts a form with its secret."""
        return self.post(path, data={"csrf": self.csrf, **fields})


SignIn = Callable[[Iterable[Role]], Browser]


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing that costs nothing: what it costs in earnest is the business of `test_passwords.py`."""
    monkeypatch.setattr(passwords, "_ITERATIONS", 1)
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)


@pytest.fixture
def filled(stocked: Stocked) -> dict[str, str]:
    """Message ids by the state of their only delivery, `accepted` and `refused` among them."""
    ids = {state: owe(stocked, state) for state in STATES}
    return {**ids, "accepted": stocked.message_id, "refused": refuse(stocked)}


@pytest.fixture
def configuration(stocked: Stocked, filled: dict[str, str]) -> Configuration:
    """Its gateway does not run: nothing ever listens on port 1, whatever else runs on this machine."""
    admin = AdminSettings(listen="127.0.0.1:1")
    return replace(
        stocked.configuration, gateway=stocked.configuration.gateway.model_copy(update={"admin": admin})
    )


@pytest.fixture
def room(configuration: Configuration, quick_passwords: None) -> Iterator[Room]:
    pulse = Pulse(configuration)
    yield Room(configuration, Accounts(configuration), pulse)
    pulse.stop()


@pytest.fixture
def app(room: Room) -> FastAPI:
    return make_app(room)


@pytest.fixture
def stranger(app: FastAPI, room: Room) -> Browser:
    """Nobody is signed in."""
    return Browser(app, room.accounts)


@pytest.fixture
def sign_in(app: FastAPI, room: Room) -> SignIn:
    """Makes an account with these roles and gives its browser, signed in with a password of its own."""
    numbers = count(1)

    def browser(roles: Iterable[Role]) -> Browser:
        name = f"user-{next(numbers)}"
        first = room.accounts.add(name, f"示例{name}", frozenset(roles), "os:test")
        token = room.accounts.sign_in(name, first, "test")
        room.accounts.change_password(name, first, PASSWORD, token)
        return Browser(app, room.accounts, name, token)

    return browser


@pytest.fixture
def client(sign_in: SignIn) -> Browser:
    """An operator."""
    return sign_in({Role.OPERATOR})

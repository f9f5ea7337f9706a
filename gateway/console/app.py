"""The web application: every page behind the same doors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from gateway.console.attempts import Attempts
from gateway.console.cookies import Cookies
from gateway.console.middleware import Forms, Frame, Hosts, Visitors
from gateway.console.pages import (
    accounts,
    audit,
    entry,
    levies,
    messages,
    overview,
    own,
    partners,
    payments,
    proposals,
    work,
)
from gateway.console.problems import answer
from gateway.console.room import Room
from gateway.console.web import TEMPLATES
from gateway.engine.config_listeners import is_loopback
from gateway.engine.config_model import ConsoleSettings

_PAGES: Final = (
    entry,
    overview,
    partners,
    messages,
    work,
    proposals,
    payments,
    levies,
    audit,
    accounts,
    own,
)
_STATIC: Final = Path(__file__).parent / "static"


def make_app(room: Room) -> FastAPI:
    """The console as an ASGI application; the pulse of the room is the caller's to start."""
    settings = room.configuration.gateway.console
    tls = settings.tls is not None
    cookies = Cookies(tls=tls)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers={HTTPException: _answer, RequestValidationError: _answer},
        middleware=[
            Middleware(Frame, tls=tls),
            Middleware(Hosts, names=_names(settings)),
            Middleware(Visitors, cookies=cookies),
            Middleware(Forms),
        ],
    )
    app.state.room = room
    app.state.cookies = cookies
    app.state.attempts = Attempts()
    for module in _PAGES:
        app.include_router(module.router)
    for name in TEMPLATES.list_templates():
        TEMPLATES.get_template(
            name
        )  # all of one version, also when an upgrade replaces the files under a running console
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    return app


def _names(settings: ConsoleSettings) -> frozenset[str]:
    """Under which names browsers may come."""
    host = settings.listen.rpartition(":")[0].strip("[]").lower()
    local = {"localhost", "127.0.0.1", "::1"} if is_loopback(settings.listen) else set[str]()
    return frozenset({host, *local, *settings.public_host})


async def _answer(request: Any, error: Exception) -> Any:
    return answer(request, error)

"""What every page has in common: who looks, in which language, and how a page is put together."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from gateway.console import navigation
from gateway.console.accounts import Visit
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.room import Room
from gateway.desk.events import event_words
from gateway.desk.words import STATES

_HERE: Final = Path(__file__).parent
_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
_UNITS: Final = ((86_400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min"), (1, "秒", "s"))
#: How the state of a delivery looks; others are neither good nor bad.
_KINDS: Final = {
    "accepted": "ok",
    "waiting": "warn",
    "held": "warn",
    "in-doubt": "bad",
    "dead": "bad",
    "rejected": "warn",
}


class NotSignedIn(Exception):
    """Nobody is signed in, or not any more: to the sign-in page."""


def room_of(request: Request) -> Room:
    """The console that serves the request."""
    room: Room = request.app.state.room
    return room


def visit_of(request: Request) -> Visit:
    """Who looks. The session middleware has looked the cookie up.

    Raises:
        NotSignedIn: nobody.
    """
    visit: Visit | None = request.state.visit
    if visit is None:
        raise NotSignedIn
    return visit


def needs(permission: Permission) -> Any:
    """A dependency: the visitor, who must have the permission."""

    def check(visit: Annotated[Visit, Depends(visit_of)]) -> Visit:
        if permission not in visit.permissions:
            raise Refused("没有权限", "not permitted", 403)
        return visit

    return Depends(check)


def moment(milliseconds: int | None) -> str:
    """A time of the store as the console shows it: in China's time, to the second."""
    if milliseconds is None:
        return ""
    return dt.datetime.fromtimestamp(milliseconds / 1000, _CHINA).strftime("%Y-%m-%d %H:%M:%S")


def yuan(fen: int) -> str:
    """An amount in fen as people write it."""
    sign, amount = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{amount // 100:,}.{amount % 100:02}"


def ago(milliseconds: int) -> tuple[str, str]:
    """How long ago a time of the store was, in both languages; of a time to come, how long until then."""
    seconds = int(time.time() - milliseconds / 1000)
    size, zh, en = next((unit for unit in _UNITS if abs(seconds) >= unit[0]), _UNITS[-1])
    count = abs(seconds) // size
    return (
        (f"{count} {zh}后", f"in {count} {en}") if seconds < 0 else (f"{count} {zh}前", f"{count} {en} ago")
    )


def _state_words(state: str) -> tuple[str, str]:
    return STATES.get(state, (state, state))


def _state_kind(state: str) -> str:
    return _KINDS.get(state, "idle")


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": moment,
        "yuan": yuan,
        "ago": ago,
        "state_words": _state_words,
        "state_kind": _state_kind,
        "event_words": event_words,
    }
    return made


TEMPLATES: Final = _environment()


def speaker(language: str) -> Callable[[str, str], str]:
    """`t(zh, en)` of one language; templates call it for every text."""
    return (lambda zh, _en: zh) if language == "zh" else (lambda _zh, en: en)


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. Templates have the values, and

    `t`, `language`; `visit` (None: nobody is signed in); `here`, the path, and `back`, where a change of the language
    leads; `room`, `node`; `entries` and `home` of the menu; `csrf_token` (empty: no form of this page would be taken).
    """
    visit: Visit | None = request.state.visit
    language = request.state.language
    room = room_of(request)
    text = TEMPLATES.get_template(template).render(
        t=speaker(language),
        language=language,
        visit=visit,
        here=request.url.path,
        back=request.url.path if request.method == "GET" else navigation.home(visit),
        room=room,
        node=room.configuration.gateway.title or room.configuration.gateway.node,
        csrf_token=request.state.csrf,
        entries=navigation.entries(visit, room, request.url.path),
        home=navigation.home(visit),
        **values,
    )
    return HTMLResponse(text, status)

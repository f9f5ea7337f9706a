"""`/partners` and `/partners/{name}`: who is there, how they stand, and whether the connection works."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from gateway.console.accounts import Visit
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.standing import OWED, STUCK, standing_of
from gateway.console.web import needs, page, room_of
from gateway.engine.config import Configuration, Partner
from gateway.engine.lifecycle import ACCEPTED, REJECTED, REVERSED
from gateway.engine.routes import Route
from gateway.store import overview_reads
from gateway.store.api import Filter

router = APIRouter()

_STATES: Final = (*OWED, *STUCK, ACCEPTED, REJECTED, REVERSED)
#: `on_unknown` → (Chinese, English).
_UNKNOWN: Final = {
    "resend": ("再送一次", "sent again"),
    "query": ("先查询", "asked about"),
    "reverse": ("查询，再冲正", "asked about, then reversed"),
    "manual": ("由人决定", "a person decides"),
}
#: Messages shown with a partner, and how far back they are looked for: a longer search is for `/messages`.
_RECENT: Final = 10
_DAY: Final = 86_400_000


@router.get("/partners", dependencies=[needs(Permission.SEE)])
def partners(request: Request) -> HTMLResponse:
    """All of them."""
    room = room_of(request)
    history = room.pulse.history()
    with room.reader() as reader:
        reasons = reader.ask(overview_reads.last_reasons)
    return page(
        request,
        "partners.html",
        now=history[-1],
        changed=room.pulse.written.changed(),
        standings=[standing_of(partner, history) for partner in room.configuration.partners.values()],
        reasons=reasons,
    )


@router.get("/partners/{name}", dependencies=[needs(Permission.SEE)])
def partner(request: Request, name: str) -> HTMLResponse:
    """One of them."""
    room = room_of(request)
    found = _partner(room.configuration, name)
    history = room.pulse.history()
    now = history[-1]
    recent = Filter(partner=name, since=int(time.time() * 1000) - _DAY, limit=_RECENT)
    with room.reader() as reader:
        reason = reader.ask(overview_reads.last_reasons).get(name)
        messages = reader.find(recent)
    return page(
        request,
        "partner.html",
        partner=found,
        now=now,
        standing=standing_of(found, history),
        changed=room.pulse.written.changed(),
        settings=room.pulse.written.partner(name),
        routes=[route for route in room.configuration.routes if _concerns(route, found)],
        backlog=[(state, now.backlog(name, state)) for state in _STATES],
        unknown=_UNKNOWN,
        reason=reason,
        messages=messages,
        trial=room.trials.latest(name),
        may_test=Permission.TEST in request.state.visit.permissions,
    )


@router.post("/partners/{name}/test")
def test_connection(
    request: Request, name: str, visit: Annotated[Visit, needs(Permission.TEST)]
) -> RedirectResponse:
    """Tests the connection; the result is on the partner's page."""
    room = room_of(request)
    room.trials.run(_partner(room.configuration, name).name, visit.name)
    return RedirectResponse(f"/partners/{name}#test", 303)


def _partner(configuration: Configuration, name: str) -> Partner:
    found = configuration.partners.get(name)
    if found is None:
        raise Refused("没有这个伙伴", "no such partner", 404)
    return found


def _concerns(route: Route, partner: Partner) -> bool:
    """Whether a route takes messages from the partner, brings them to it, or asks it first."""
    sends = any(
        operation.direction == "in" and fnmatchcase(operation.request, route.message_type)
        for operation in partner.operations
    )
    asked = route.first is not None and route.first.of == partner.name
    return partner.name in route.to or asked or (sends and fnmatchcase(partner.name, route.source))

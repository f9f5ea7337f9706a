"""Messages: find them, see the whole life of one, look at its content with a reason."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.accounts import Visit
from gateway.console.choices import DONE, LABELS
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.room import Room
from gateway.console.web import moment, needs, page, room_of
from gateway.contract.privacy import mask_text
from gateway.desk import life, proposals
from gateway.desk.cases import Case, Choice, case_of, choices_of, next_of
from gateway.desk.lookup import the_message
from gateway.desk.reasons import check_reason
from gateway.desk.refused import NotPossible, SeveralMessages
from gateway.desk.viewing import record_view
from gateway.desk.words import STATES
from gateway.engine.config import Configuration
from gateway.store import Reader
from gateway.store.api import DeliveryRow, Filter, MessageRow
from gateway.store.console_proposals import ProposedRow

router = APIRouter()

_PAGE: Final = 50
_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
#: What a browser lays out at once; a file's rows can be far more, and are taken out by the command line.
_SHOWN_CHARACTERS: Final = 200_000


@dataclass(frozen=True, slots=True)
class Search:
    """The search form, as it stands in the URL. Times are China's, as `datetime-local` fields write them."""

    text: str = ""
    partner: str = ""
    type: str = ""
    state: str = ""
    since: str = ""
    until: str = ""
    before: str = ""

    def filter(self) -> Filter:
        """
        Raises:
            ValueError: a time, a state or the place cannot be read.
        """
        if self.state and self.state not in STATES:
            raise ValueError
        return Filter(
            text=self.text.strip() or None,
            partner=self.partner or None,
            type=self.type.strip() or None,
            state=self.state or None,
            since=_milliseconds(self.since),
            until=_milliseconds(self.until),
            before=_place(self.before),
            limit=_PAGE + 1,
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is searched for at all."""
        return any((self.text.strip(), self.partner, self.type.strip(), self.state, self.since, self.until))

    def url(self, before: str = "") -> str:
        """The same search, from another place on."""
        names = ("text", "partner", "type", "state", "since", "until")
        given = {name: value for name in names if (value := getattr(self, name))}
        query = urlencode(given | ({"before": before} if before else {}))
        return f"/messages?{query}" if query else "/messages"


@router.get("/messages")
def messages(
    request: Request, search: Annotated[Search, Depends()], _: Annotated[Visit, needs(Permission.SEE)]
) -> Response:
    """The search form, and what it finds, newest first."""
    room, text = room_of(request), search.text.strip()
    try:
        what = search.filter()
    except ValueError:
        return _found(request, search, [], problem=True)
    with room.reader() as reader:
        found = reader.find(what)
        if text and not found and life.refusal(reader, text) is not None:
            return RedirectResponse(_path(text), 303)
    return _found(request, search, found)


def _found(request: Request, search: Search, found: list[Any], *, problem: bool = False) -> HTMLResponse:
    configuration, shown = room_of(request).configuration, found[:_PAGE]
    last = shown[-1].message if len(found) > _PAGE else None
    return page(
        request,
        "messages.html",
        400 if problem else 200,
        search=search,
        found=shown,
        older=search.url(f"{last.created}-{last.id}") if last else None,
        newest=search.url() if search.before else None,
        partners=_partners(configuration, search.partner),
        types=sorted({o.request for p in configuration.partners.values() for o in p.operations}),
        states=STATES,
        problem=problem,
    )


@router.get("/messages/{message_id}")
def message(
    request: Request, message_id: str, visit: Annotated[Visit, needs(Permission.SEE)], said: str = ""
) -> Response:
    """One message, its content masked; any number that finds only it will do."""
    room = room_of(request)
    with room.reader() as reader:
        refused = life.refusal(reader, message_id)
        if refused is not None:
            may_audit = Permission.AUDIT in visit.permissions
            steps = _steps(refused.audit)
            return page(request, "refusal.html", refused=refused, steps=steps, may_audit=may_audit)
        try:
            found = the_message(reader, message_id)
        except SeveralMessages as several:
            return page(request, "candidates.html", messages=several.candidates)
        except NotPossible as error:
            raise Refused(error.zh, error.en, 404) from None
        if found != message_id and reader.message(message_id) is None:
            return RedirectResponse(_path(found), 303)
        story = _story(room, reader, found)
    done = DONE[Choice(said)] if said in set(Choice) and _did(story.told, visit, Choice(said)) else None
    reply = message_id if found != message_id else None
    return _show(request, visit, story, done=done, reply=reply)


def _did(told: life.Life, visit: Visit, choice: Choice) -> bool:
    """Whether it is on record: a link may say anything."""
    event = "delivery.replayed" if choice is Choice.REPLAY else "delivery.settled"
    facts = {f"actor=console:{visit.name}"} | (set() if choice is Choice.REPLAY else {f"choice={choice}"})
    return any(one.event == event and facts <= set(one.about.split()) for one in told.audit)


@router.post("/messages/{message_id}/unmask")
def unmask(
    request: Request,
    message_id: str,
    visit: Annotated[Visit, needs(Permission.UNMASK)],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """The same page with the content as it is, for this one answer; who looks and why is on record first."""
    room = room_of(request)
    with room.reader() as reader:
        if reader.message(message_id) is None:
            raise Refused("没有这条报文", "no such message", 404)
        story = _story(room, reader, message_id)
    try:
        why = check_reason(reason)
    except NotPossible as error:
        return _show(
            request, visit, story, status=422, problem=(error.zh, error.en), reason=mask_text(reason)
        )
    record_view(room.configuration, [message_id], why, f"console:{visit.name}", "console")
    with room.reader() as reader:
        story = _story(room, reader, message_id)  # its own entry is in it
    return _show(request, visit, story, hidden=False)


@dataclass(frozen=True, slots=True)
class _Card:
    """A delivery, with what can be done about it."""

    case: Case
    choices: list[Choice]
    next: tuple[str, str] | None
    proposal: ProposedRow | None


@dataclass(frozen=True, slots=True)
class _Story:
    """What one page tells."""

    told: life.Life
    cards: list[_Card]
    related: list[MessageRow]


def _story(room: Room, reader: Reader, message_id: str) -> _Story:
    told = life.collect(reader, message_id)
    cards = [_card(room.configuration, reader, delivery, told.row) for delivery in told.deliveries]
    around = {told.row.correlation_id, told.row.causation_id} - {message_id, None}
    related = [row for one in sorted(filter(None, around)) if (row := reader.message(one)) is not None]
    return _Story(told, cards, related)


def _card(configuration: Configuration, reader: Reader, delivery: DeliveryRow, row: MessageRow) -> _Card:
    case = case_of(configuration, delivery, row)
    choices = choices_of(case)
    return _Card(
        case,
        choices,
        next_of(case, moment) if choices else None,
        proposals.open_one(reader, delivery.id) if choices else None,
    )


def _show(
    request: Request, visit: Visit, story: _Story, *, status: int = 200, hidden: bool = True, **values: Any
) -> HTMLResponse:
    configuration, told = room_of(request).configuration, story.told
    texts = life.content(configuration, told, hidden=hidden)
    return page(
        request,
        "message.html",
        status,
        row=told.row,
        cards=story.cards,
        related=story.related,
        steps=_steps(told.audit),
        unreadable=texts.get("unreadable"),
        contents=_contents(told, texts),
        attachment=life.attachment_facts(configuration, told, hidden=hidden),
        hidden=hidden,
        labels=LABELS,
        may_decide=Permission.DECIDE in visit.permissions,
        may_unmask=Permission.UNMASK in visit.permissions,
        may_audit=Permission.AUDIT in visit.permissions,
        **{"done": None, "reply": None, "problem": None, "reason": "", **values},
    )


@dataclass(frozen=True, slots=True)
class _Content:
    """One message as it was understood."""

    row: MessageRow
    text: str
    cut: bool  #: there is more of it


def _contents(told: life.Life, texts: dict[str, Any]) -> list[_Content]:
    written = [
        (row, json.dumps(texts[row.id], ensure_ascii=False, indent=2))
        for row in (told.row, *told.replies)
        if row.id in texts
    ]
    return [_Content(row, text[:_SHOWN_CHARACTERS], len(text) > _SHOWN_CHARACTERS) for row, text in written]


@dataclass(frozen=True, slots=True)
class _Step:
    """An audit entry in the timeline."""

    index: int | None
    at: int
    event: str
    about: str


def _steps(entries: tuple[life.Noted, ...]) -> list[_Step]:
    return [
        _Step(
            e.index,
            int(dt.datetime.fromisoformat(e.time).timestamp() * 1000),
            e.event,
            e.about,
        )
        for e in entries
    ]


def _partners(configuration: Configuration, chosen: str) -> list[str]:
    """Those that can be chosen; what was asked for stays, also where it is not configured any more."""
    return sorted({*configuration.partners, *configuration.house, *filter(None, [chosen])})


def _milliseconds(text: str) -> int | None:
    if not text:
        return None
    at = dt.datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=_CHINA)).timestamp() * 1000)


def _place(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    created, _, last = text.partition("-")
    if not created.isdecimal() or len(created) > 15:
        raise ValueError
    return int(created), last


def _path(message_id: str) -> str:
    return f"/messages/{quote(message_id, safe='')}"

"""What waits for a person, and what the person decides.

Where money moves, the decision is only proposed here; another person approves it on /proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.accounts import Visit
from gateway.console.choices import LABELS, choice_named
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.room import Room
from gateway.console.web import moment, needs, page, room_of
from gateway.contract import Unavailable
from gateway.contract.privacy import mask_text
from gateway.desk import proposals
from gateway.desk.cases import (
    Case,
    Choice,
    carry_out,
    case_of,
    choices_of,
    follows_of,
    next_of,
    require_possible,
    warning_of,
)
from gateway.desk.reasons import check_reason
from gateway.desk.refused import Changed, NotPossible
from gateway.engine.lifecycle import DEAD, HELD, IN_DOUBT
from gateway.store import Reader, console_proposals, reads
from gateway.store.api import DeliveryRow
from gateway.store.errors import FateUnknown

router = APIRouter()

_LISTED: Final = 200
_AT_ONCE: Final = 100  #: deliveries replayed in one go
_STATES: Final = (DEAD, IN_DOUBT, HELD)


@dataclass(frozen=True, slots=True)
class _Item:
    """A line of the list."""

    case: Case
    choices: list[Choice]
    next: tuple[str, str]
    proposal: str | None  #: what is proposed for it waits for a second person


@router.get("/tasks")
def work(
    request: Request, visit: Annotated[Visit, needs(Permission.SEE)], partner: str = "", state: str = ""
) -> HTMLResponse:
    """Deliveries that are dead, in doubt or held, the longest waiting first."""
    room = room_of(request)
    state = state if state in _STATES else ""
    with room.reader() as reader:
        number, last = reader.ask(reads.people_wait, partner or None, state or None)
        found = reader.for_people(_LISTED, partner or None, state or None)
        waiting = reader.ask(console_proposals.open_ones)
        counts = reader.counts()
    proposed = {row.delivery_id: row.id for row in waiting}
    cases = [case_of(room.configuration, *row) for row in found]
    return page(
        request,
        "work.html",
        items=[
            _Item(case, choices_of(case), next_of(case, moment), proposed.get(case.delivery.id))
            for case in cases
        ],
        number=number,
        partner=partner,
        state=state,
        partners=sorted(
            {name for name, in_state in counts if in_state in _STATES} | {*filter(None, [partner])}
        ),
        states=_STATES,
        live=f"/live/tasks?{urlencode({'partner': partner, 'state': state, 'shown': f'{number}-{last}'})}",
        labels=LABELS,
        at_once=_AT_ONCE,
        may_decide=Permission.DECIDE in visit.permissions,
    )


@router.get("/live/tasks")
def live(
    request: Request,
    _: Annotated[Visit, needs(Permission.SEE)],
    partner: str = "",
    state: str = "",
    shown: str = "",
) -> Response:
    """How many wait now, where the list on the screen is not the list any more."""
    state = state if state in _STATES else ""
    with room_of(request).reader() as reader:
        number, last = reader.ask(reads.people_wait, partner or None, state or None)
    if f"{number}-{last}" == shown:
        return Response(status_code=204)
    query = urlencode({name: value for name, value in (("partner", partner), ("state", state)) if value})
    return page(
        request,
        "work_live.html",
        number=number,
        again=f"/tasks?{query}" if query else "/tasks",
    )


@router.get("/tasks/replay")
def ask_replay(
    request: Request,
    _: Annotated[Visit, needs(Permission.DECIDE)],
    delivery: Annotated[Sequence[str], Query()] = (),
    partner: str = "",
) -> HTMLResponse:
    """Several dead deliveries of one partner, those that were ticked or all: what will be done, and why."""
    room = room_of(request)
    with room.reader() as reader:
        if partner:
            delivery = _all_dead(reader, partner)
        cases = _several(room, reader, delivery)
    return _replay_page(request, cases)


def _all_dead(reader: Reader, partner: str) -> list[str]:
    """As many as go at once, without those that wait for a second person: else these would keep out all others."""
    proposed = {row.delivery_id for row in reader.ask(console_proposals.open_ones)}
    found = reader.for_people(_AT_ONCE + len(proposed), partner, DEAD)
    return [row.id for row, _ in found if row.id not in proposed][:_AT_ONCE]


def _replay_page(
    request: Request,
    cases: list[Case],
    status: int = 200,
    problem: tuple[str, str] | None = None,
    reason: str = "",
) -> HTMLResponse:
    return page(
        request,
        "work_replay.html",
        status,
        cases=[(case, _mark(case.delivery)) for case in cases],
        partner=cases[0].delivery.partner,
        money=any(case.moves_money for case in cases),
        warning=warning_of(Choice.REPLAY),
        problem=problem,
        reason=reason,
    )


@router.post("/tasks/replay")
def replay(
    request: Request,
    visit: Annotated[Visit, needs(Permission.DECIDE)],
    delivery: Annotated[Sequence[str], Form()] = (),
    seen: Annotated[Sequence[str], Form()] = (),
    reason: Annotated[str, Form()] = "",
) -> HTMLResponse:
    """Replays them one by one; where one cannot be, the others are all the same. Money is proposed."""
    room = room_of(request)
    with room.reader() as reader:
        cases = _several(room, reader, delivery)
    try:
        room.require_current()
        why = check_reason(reason)
    except NotPossible as error:
        return _replay_page(request, cases, 422, (error.zh, error.en), mask_text(reason))
    marks = dict(zip(delivery, seen, strict=False))
    results: list[tuple[Case, _Result]] = []
    down: _Result | None = None
    for case in cases:
        try:
            result = down or _tried(room, visit, case, why, marks.get(case.delivery.id, ""))
        except FateUnknown as error:
            result = _Result(None, (error.zh, error.en))
        except Unavailable as error:  # nor would the others be: each would only wait for it
            result = down = _Result(False, (error.zh, error.en))
        results.append((case, result))
    done = sum(bool(result.done) for _, result in results)
    return page(request, "work_done.html", results=results, done=done)


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one of several."""

    done: bool | None  #: None: not known
    said: tuple[str, str]
    proposal: str | None = None


def _tried(room: Room, visit: Visit, case: Case, reason: str, seen: str) -> _Result:
    try:
        proposal = _decide(room, visit, case, Choice.REPLAY, reason, seen)
    except NotPossible as error:
        return _Result(False, (error.zh, error.en))
    if proposal is not None:
        return _Result(True, ("待另一人复核", "waits for a second person"), proposal)
    return _Result(True, follows_of(case, Choice.REPLAY))


@router.get("/tasks/{delivery_id}/{choice}")
def ask(
    request: Request, delivery_id: str, choice: str, _: Annotated[Visit, needs(Permission.DECIDE)]
) -> Response:
    """What will be done, what must be so before it is, and why."""
    chosen, room = choice_named(choice), room_of(request)
    with room.reader() as reader:
        case = _case(room, reader, delivery_id)
        before = proposals.open_one(reader, delivery_id)
    if before is not None:
        return RedirectResponse(f"/proposals/{before.id}", 303)
    return _ask_page(request, case, chosen)


def _ask_page(request: Request, case: Case, choice: Choice, status: int = 200, **values: Any) -> HTMLResponse:
    blocked = None
    try:
        room_of(request).require_current()
        require_possible(case, choice, confirmed=True)
    except NotPossible as error:
        blocked = (error.zh, error.en)
    return page(
        request,
        "work_act.html",
        status,
        case=case,
        choice=choice,
        label=LABELS[choice],
        blocked=blocked,
        warning=warning_of(choice),
        follows=follows_of(case, choice),
        seen=_mark(case.delivery),
        **{"problem": None, "reason": "", **values},
    )


@router.post("/tasks/{delivery_id}/{choice}")
def act(
    request: Request,
    delivery_id: str,
    choice: str,
    visit: Annotated[Visit, needs(Permission.DECIDE)],
    reason: Annotated[str, Form()] = "",
    seen: Annotated[str, Form()] = "",
) -> Response:
    """Carries it out; where money moves, proposes it."""
    chosen, room = choice_named(choice), room_of(request)
    with room.reader() as reader:
        case = _case(room, reader, delivery_id)
    try:
        room.require_current()
        proposal = _decide(room, visit, case, chosen, reason, seen)
    except NotPossible as error:
        said = (error.zh, error.en)
        return _ask_page(request, case, chosen, 409, problem=said, reason=mask_text(reason))
    if proposal is not None:
        return RedirectResponse(f"/proposals/{proposal}?said=made", 303)
    return RedirectResponse(f"/messages/{case.message.id}?said={chosen.value}", 303)


def _decide(room: Room, visit: Visit, case: Case, choice: Choice, reason: str, seen: str) -> str | None:
    """The id of the proposal where money moves, else None: it is done.

    Raises:
        NotPossible: nothing was changed.
    """
    actor, configuration = f"console:{visit.name}", room.configuration
    if seen != _mark(case.delivery):
        raise Changed(
            "该投递刚刚有了变化，未作任何改动：请重新查看后再决定",
            "the delivery has just changed, nothing was done: look at it again, then decide",
        )
    reason = check_reason(reason)
    if case.moves_money:
        return proposals.propose(configuration, case, choice, reason, actor).id
    require_possible(case, choice, confirmed=True)
    carry_out(configuration, case, choice, reason, actor)
    return None


def _several(room: Room, reader: Reader, ids: Sequence[str]) -> list[Case]:
    """
    Raises:
        Refused: none, too many, or of several partners.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        raise Refused(
            "没有选中投递失败的：请在列表中勾选", "no dead delivery was chosen: tick some in the list", 400
        )
    if len(wanted) > _AT_ONCE:
        raise Refused(f"一次至多 {_AT_ONCE} 笔", f"at most {_AT_ONCE} at a time", 400)
    cases = [_case(room, reader, one) for one in wanted]
    if len({case.delivery.partner for case in cases}) > 1:
        raise Refused("一次只能重放同一伙伴的投递", "only deliveries of one partner at a time", 400)
    return cases


def _case(room: Room, reader: Reader, delivery_id: str) -> Case:
    delivery = reader.delivery(delivery_id)
    message = None if delivery is None else reader.message(delivery.message_id)
    if delivery is None or message is None:
        raise Refused("没有这笔投递", "no such delivery", 404)
    return case_of(room.configuration, delivery, message)


def _mark(delivery: DeliveryRow) -> str:
    """What was seen, for the form: what is decided is decided about this and nothing later."""
    return f"{delivery.state}.{delivery.updated}.{delivery.next_at}"

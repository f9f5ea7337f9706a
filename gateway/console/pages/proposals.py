"""What one person proposes and another one decides, where money moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.accounts import Visit
from gateway.console.choices import LABELS
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.web import needs, page, room_of
from gateway.contract.privacy import mask_text
from gateway.desk import proposals as desk
from gateway.desk.cases import follows_of, require_possible, warning_of
from gateway.desk.proposals import Proposed
from gateway.desk.refused import NotPossible
from gateway.engine.config import Configuration
from gateway.store import console_proposals as rows

router = APIRouter()

_OPEN: Final = 200
_DECIDED: Final = 50
#: State of a proposal → (Chinese, English, kind of badge).
_STATES: Final = {
    "open": ("待复核", "waits for approval", "warn"),
    "done": ("已执行", "carried out", "ok"),
    "refused": ("已驳回", "refused", "bad"),
    "withdrawn": ("已撤回", "withdrawn", "idle"),
    "void": ("已失效", "void", "idle"),
}
_SAID: Final = {
    "made": ("已提出。须由另一人复核后才执行", "proposed: another person must approve it before it is done"),
    "refused": ("已驳回，投递未作改动", "refused: the delivery is unchanged"),
    "withdrawn": ("已撤回，投递未作改动", "withdrawn: the delivery is unchanged"),
    "void": ("提议已失效，投递未作改动", "the proposal is void: the delivery is unchanged"),
}


@router.get("/proposals")
def proposals(request: Request, visit: Annotated[Visit, needs(Permission.SEE)]) -> HTMLResponse:
    """Those that wait, the longest waiting first, and those that were decided lately."""
    room = room_of(request)
    with room.reader() as reader:
        waiting = [
            desk.proposed(room.configuration, reader, row) for row in reader.ask(rows.open_ones, _OPEN)
        ]
        number = reader.ask(rows.count_open)
        decided = reader.ask(rows.decided, _DECIDED)
    return page(
        request,
        "proposals.html",
        waiting=waiting,
        number=number,
        decided=decided,
        labels=LABELS,
        states=_STATES,
        own=_actor(visit),
    )


@router.get("/proposals/{proposal_id}")
def proposal(
    request: Request, proposal_id: str, visit: Annotated[Visit, needs(Permission.SEE)], said: str = ""
) -> HTMLResponse:
    """One proposal: the delivery as it was seen and as it is, and what the visitor may do."""
    found = _found(request, proposal_id)
    so = found.row.state == ("open" if said == "made" else said)  # a link may say anything
    return _show(request, visit, found, said=_SAID.get(said) if so else None)


@router.post("/proposals/{proposal_id}/approve")
def approve(
    request: Request,
    proposal_id: str,
    visit: Annotated[Visit, needs(Permission.APPROVE)],
    note: Annotated[str, Form()] = "",
) -> Response:
    """Carries it out."""
    found = _found(request, proposal_id)

    def act(configuration: Configuration, actor: str) -> None:
        room_of(request).require_current()
        _require_proposer(request, found.row)
        desk.approve(configuration, proposal_id, actor, note)

    done = f"/messages/{found.row.message_id}?said={found.choice.value}"
    return _after(request, visit, proposal_id, act, done, note)


@router.post("/proposals/{proposal_id}/refuse")
def refuse(
    request: Request,
    proposal_id: str,
    visit: Annotated[Visit, needs(Permission.APPROVE)],
    note: Annotated[str, Form()] = "",
) -> Response:
    """Says no, and why."""

    def act(configuration: Configuration, actor: str) -> None:
        desk.refuse(configuration, proposal_id, actor, note)

    return _after(request, visit, proposal_id, act, f"/proposals/{proposal_id}?said=refused", note)


@router.post("/proposals/{proposal_id}/withdraw")
def withdraw(
    request: Request,
    proposal_id: str,
    visit: Annotated[Visit, needs(Permission.DECIDE)],
    note: Annotated[str, Form()] = "",
) -> Response:
    """Takes one's own back."""

    def act(configuration: Configuration, actor: str) -> None:
        desk.withdraw(configuration, proposal_id, actor, note)

    return _after(request, visit, proposal_id, act, f"/proposals/{proposal_id}?said=withdrawn", note)


@router.post("/proposals/{proposal_id}/close")
def close(request: Request, proposal_id: str, visit: Annotated[Visit, needs(Permission.APPROVE)]) -> Response:
    """Puts away what is about a delivery that has moved since."""

    def act(configuration: Configuration, actor: str) -> None:
        desk.lapse(configuration, proposal_id, actor)

    return _after(request, visit, proposal_id, act, f"/proposals/{proposal_id}?said=void", "")


def _found(request: Request, proposal_id: str) -> Proposed:
    room = room_of(request)
    with room.reader() as reader:
        try:
            return desk.find(room.configuration, reader, proposal_id)
        except NotPossible as error:
            raise Refused(error.zh, error.en, 404) from None


def _after(
    request: Request,
    visit: Visit,
    proposal_id: str,
    act: Callable[[Configuration, str], None],
    done: str,
    note: str,
) -> Response:
    """Does it and goes to `done`; or shows the proposal as it is now, with why it could not be done."""
    try:
        act(room_of(request).configuration, _actor(visit))
    except NotPossible as error:
        found = _found(request, proposal_id)
        problem = (error.zh, error.en)
        return _show(request, visit, found, 409, problem=problem, note=mask_text(note))
    return RedirectResponse(done, 303)


def _show(request: Request, visit: Visit, found: Proposed, status: int = 200, **values: Any) -> HTMLResponse:
    row, case, choice = found.row, found.case, found.choice
    own = row.proposed_by == _actor(visit)
    waits = row.state == "open"
    blocked = None
    if waits and not found.moved:
        try:
            room_of(request).require_current()
            _require_proposer(request, row)
            require_possible(case, choice, confirmed=True)
        except NotPossible as error:
            blocked = (error.zh, error.en)
    may_approve = waits and Permission.APPROVE in visit.permissions
    return page(
        request,
        "proposal.html",
        status,
        row=row,
        case=case,
        moved=waits and found.moved,
        blocked=blocked,
        label=LABELS[choice],
        badge=_STATES[row.state],
        warning=warning_of(choice),
        follows=follows_of(case, choice),
        may_approve=may_approve and not own,
        may_close=may_approve,
        may_withdraw=waits and own and Permission.DECIDE in visit.permissions,
        own=own,
        **{"said": None, "problem": None, "note": "", **values},
    )


def _actor(visit: Visit) -> str:
    return f"console:{visit.name}"


def _require_proposer(request: Request, row: rows.ProposedRow) -> None:
    """Two people decide only where the first one still may.

    Raises:
        NotPossible: the proposer has been disabled since, or has lost the role.
    """
    accounts = {f"console:{one.name}": one for one in room_of(request).accounts.list()}
    proposer = accounts.get(row.proposed_by)
    if proposer is None or proposer.disabled or Permission.DECIDE not in proposer.permissions:
        raise NotPossible(
            "提出人的账号已停用，或不再有此权限：请驳回，由他人重新提出",
            "who proposed it is disabled, or may not any more: refuse it, and let somebody else propose it",
        )

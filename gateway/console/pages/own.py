"""What everybody may see and change of the own account: password and language."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from gateway.console.accounts import Visit
from gateway.console.navigation import OWN, home
from gateway.console.refusals import Refused
from gateway.console.roles import TITLES
from gateway.console.web import page, room_of, visit_of

router = APIRouter()
Visitor = Annotated[Visit, Depends(visit_of)]

_SAID: Final = {
    "changed": ("口令已修改，其他地方的登录已退出", "password changed; your other sessions have ended")
}


@router.get(OWN)
def show(request: Request, visit: Visitor, said: str = "") -> Response:
    """The own account."""
    return _page(request, visit, said=_SAID.get(said))


@router.post(OWN)
def change_password(
    request: Request,
    visit: Visitor,
    old: Annotated[str, Form()],
    new: Annotated[str, Form()],
    again: Annotated[str, Form()],
) -> Response:
    """Changes the own password; after a one-time password the way is free."""
    token = request.app.state.cookies.session(request)
    try:
        if new != again:
            raise Refused("两次输入的新口令不一致", "the new passwords differ", 400)
        room_of(request).accounts.change_password(visit.name, old, new, token)
    except Refused as refused:
        return _page(request, visit, refused.status, refused=refused)
    if visit.account.must_change:
        return RedirectResponse(home(room_of(request).accounts.visit(token)), 303)
    return RedirectResponse(f"{OWN}?said=changed", 303)


def _page(
    request: Request,
    visit: Visit,
    status: int = 200,
    said: tuple[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    roles = [TITLES[role] for role in sorted(visit.account.roles)]
    return page(request, "own.html", status, roles=roles, said=said, refused=refused)

"""Who may sign in: list, add, change, disable, reset."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from gateway.console.accounts import Account, Visit
from gateway.console.refusals import Refused
from gateway.console.roles import TITLES, Permission, Role
from gateway.console.web import needs, page, room_of

router = APIRouter(prefix="/accounts")
Admin = Annotated[Visit, needs(Permission.ACCOUNTS)]

_SAID: Final = {"changed": ("已修改", "changed")}


@router.get("")
def show(request: Request, visit: Admin, said: str = "") -> Response:
    """All accounts, and a form for a new one."""
    return _list(request, said=_SAID.get(said))


@router.post("")
def add(
    request: Request,
    visit: Admin,
    name: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
    roles: Annotated[list[Role] | None, Form()] = None,
) -> Response:
    """Makes an account; its one-time password is in this answer alone."""
    try:
        password = room_of(request).accounts.add(name.strip(), title, frozenset(roles or ()), visit.name)
    except Refused as refused:
        return _list(request, refused=refused, typed=(name, title, frozenset(roles or ())))
    return _password(request, name.strip(), password)


@router.get("/{name}")
def one(request: Request, visit: Admin, name: str) -> Response:
    """One account."""
    return _one(request, _account(request, name))


@router.post("/{name}")
def change(
    request: Request,
    visit: Admin,
    name: str,
    title: Annotated[str, Form()] = "",
    roles: Annotated[list[Role] | None, Form()] = None,
) -> Response:
    """Title and roles. Nobody has a form for his own roles."""
    wanted = None if name == visit.name else frozenset(roles or ())
    return _change(request, visit, name, title=title, roles=wanted)


@router.post("/{name}/disabled")
def disable(request: Request, visit: Admin, name: str) -> Response:
    """Nobody signs in with it any more."""
    return _change(request, visit, name, disabled=True)


@router.post("/{name}/enabled")
def enable(request: Request, visit: Admin, name: str) -> Response:
    """It may be used again."""
    return _change(request, visit, name, disabled=False)


@router.post("/{name}/password")
def reset(request: Request, visit: Admin, name: str) -> Response:
    """A new one-time password, in this answer alone; also ends a lock."""
    try:
        password = room_of(request).accounts.reset(name, visit.name)
    except Refused as refused:
        return _one(request, _account(request, name), refused)
    return _password(request, name, password)


def _change(
    request: Request,
    visit: Visit,
    name: str,
    *,
    title: str | None = None,
    roles: frozenset[Role] | None = None,
    disabled: bool | None = None,
) -> Response:
    try:
        room_of(request).accounts.change(name, title=title, roles=roles, disabled=disabled, by=visit.name)
    except Refused as refused:
        return _one(request, _account(request, name), refused)
    return RedirectResponse("/accounts?said=changed", 303)


def _account(request: Request, name: str) -> Account:
    for account in room_of(request).accounts.list():
        if account.name == name:
            return account
    raise Refused("没有这个账号", "there is no such account", 404)


def _list(
    request: Request,
    *,
    said: tuple[str, str] | None = None,
    refused: Refused | None = None,
    typed: tuple[str, str, frozenset[Role]] = ("", "", frozenset()),
) -> Response:
    accounts = room_of(request).accounts.list()
    status = refused.status if refused else 200
    return page(
        request,
        "accounts.html",
        status,
        accounts=accounts,
        titles=TITLES,
        said=said,
        refused=refused,
        typed=typed,
    )


def _one(request: Request, account: Account, refused: Refused | None = None) -> Response:
    status = refused.status if refused else 200
    return page(request, "account.html", status, account=account, titles=TITLES, refused=refused)


def _password(request: Request, name: str, password: str) -> Response:
    return page(request, "one_time.html", account=_account(request, name), password=password)

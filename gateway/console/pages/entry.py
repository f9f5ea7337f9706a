"""Signing in and out, and the language: what is open to everybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from gateway.console.attempts import Attempts
from gateway.console.cookies import Cookies, new_secret
from gateway.console.navigation import home
from gateway.console.refusals import Refused
from gateway.console.web import page, room_of

router = APIRouter()


@router.get("/sign-in")
def form(request: Request, to: str = "") -> Response:
    """The sign-in page; who is signed in goes on."""
    if request.state.visit is not None:
        return RedirectResponse(local(to) or home(request.state.visit), 303)
    return _form(request, to)


@router.post("/sign-in")
def sign_in(
    request: Request,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    to: Annotated[str, Form()] = "",
) -> Response:
    """Starts a session, in the language of the sign-in page; ends the one that was."""
    accounts, cookies = room_of(request).accounts, _cookies(request)
    attempts: Attempts = request.app.state.attempts
    peer = request.client.host if request.client else "unknown"
    try:
        with attempts.of(peer):
            token = accounts.sign_in(name.strip(), password, peer)
    except Refused as refused:
        return _form(request, to, refused)
    accounts.set_language(token, request.state.language)
    if before := cookies.session(request):
        accounts.sign_out(before)
    answer = RedirectResponse(local(to) or home(accounts.visit(token)), 303)
    cookies.start_session(answer, token)
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Ends the session."""
    cookies = _cookies(request)
    if token := cookies.session(request):
        room_of(request).accounts.sign_out(token)
    answer = RedirectResponse("/sign-in", 303)
    cookies.end_session(answer)
    return answer


@router.post("/language")
def language(
    request: Request, language: Annotated[str, Form()], back: Annotated[str, Form()] = ""
) -> Response:
    """The language of this session, and of the next sign-in page in this browser."""
    cookies = _cookies(request)
    if request.state.visit is not None:
        room_of(request).accounts.set_language(cookies.session(request), language)
    answer = RedirectResponse(local(back) or "/", 303)
    cookies.choose_language(answer, "en" if language == "en" else "zh")
    return answer


def local(address: str) -> str:
    """A path of this console; empty for every other address, however it is disguised.

    Browsers take `//host`, `/\\host` and control characters in between for the beginning of another address.
    """
    if not address.startswith("/") or address.startswith("//") or "\\" in address:
        return ""
    return address if address.isprintable() else ""


def _form(request: Request, to: str, refused: Refused | None = None) -> Response:
    cookies = _cookies(request)
    fresh = ""
    if not request.state.csrf:
        request.state.csrf = fresh = new_secret()
    answer = page(request, "sign_in.html", refused.status if refused else 200, to=local(to), refused=refused)
    if fresh:
        cookies.open_entry(answer, fresh)
    return answer


def _cookies(request: Request) -> Cookies:
    cookies: Cookies = request.app.state.cookies
    return cookies

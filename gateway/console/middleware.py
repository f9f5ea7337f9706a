"""What happens to every request before and after its page, from the outside inwards.

`Frame`     security headers on every answer; every error becomes a page; one line in the log
`Hosts`     only under the names of this console (DNS rebinding)
`Visitors`  who looks, in which language
`Forms`     what changes something comes from a form of this console, and is small
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from gateway.console.accounts import Visit
from gateway.console.cookies import Cookies
from gateway.console.navigation import OWN
from gateway.console.problems import answer
from gateway.console.refusals import Refused
from gateway.console.web import NotSignedIn, room_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

STATIC: Final = "/static/"
LIVE: Final = "/live/"
#: Open to everybody: to come in, to leave, and to choose the language before.
ENTRY: Final = frozenset({"/sign-in", "/sign-out", "/language"})
#: The largest form: a reason of a few hundred characters and as many checkboxes as a page has rows.
LARGEST_FORM: Final = 64 << 10
_FORM: Final = "application/x-www-form-urlencoded"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_HSTS: Final = "max-age=31536000"

_log = structlog.get_logger()


class Frame:
    """The outermost: whatever happens inside, the answer has its headers and the log its line."""

    def __init__(self, app: App, *, tls: bool) -> None:
        self._app = app
        headers = {**_HEADERS, "strict-transport-security": _HSTS} if tls else _HEADERS
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0
        # Until `Visitors` knows better; an error before it is a page, too.
        scope["state"] = {**scope.get("state", {}), "visit": None, "language": "zh", "csrf": ""}

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                kept = b"no-cache" if scope["path"].startswith(STATIC) else b"no-store"
                message["headers"] = [*message["headers"], *self._headers, (b"cache-control", kept)]
            await send(message)

        try:
            await self._app(scope, receive, framed)
        except Exception as error:
            if status:
                raise  # half of the answer is on its way: the connection ends
            await answer(Request(scope, receive), error)(scope, receive, framed)
        finally:
            _tell(scope, status, began)


def _tell(scope: Scope, status: int, began: float) -> None:
    """One line. Paths and queries may hold identity numbers: the route's pattern alone is told."""
    visit: Visit | None = scope["state"]["visit"]
    route = getattr(scope.get("route"), "path", STATIC if scope["path"].startswith(STATIC) else "-")
    quiet = scope["path"].startswith((STATIC, LIVE)) and status < 400
    write = _log.debug if quiet else _log.info
    write(
        "console.request",
        method=scope["method"],
        route=route,
        status=status,
        ms=round((time.perf_counter() - began) * 1000, 1),
        user=visit.name if visit else "",
    )


class Hosts:
    """Refuses a request under a foreign name: a page elsewhere whose name was made to point here."""

    def __init__(self, app: App, *, names: frozenset[str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = _host_name(Request(scope).headers.get("host", ""))
            # The address that was connected to cannot be forged by a name.
            if host not in self._names and host != (scope.get("server") or ("",))[0]:
                raise Refused(
                    "本控制台不以此名称提供服务；请在 gateway.yaml 的 console.public_host 中填写",
                    "not served under this name: list it in gateway.yaml as console.public_host",
                    421,
                )
        await self._app(scope, receive, send)


def _host_name(host: str) -> str:
    """Without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


class Visitors:
    """Looks up who looks. Who must change the password sees nothing else before."""

    def __init__(self, app: App, *, cookies: Cookies) -> None:
        self._app = app
        self._cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["type"] != "http" or path.startswith(STATIC):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        state = scope["state"]
        state["language"] = self._cookies.language(request)
        state["csrf"] = self._cookies.entry(request)
        token = self._cookies.session(request)
        if token:
            visit = await run_in_threadpool(room_of(request).accounts.visit, token, not path.startswith(LIVE))
            if visit is not None:
                state.update(visit=visit, language=visit.language, csrf=visit.csrf)
                if visit.account.must_change and path != OWN and path not in ENTRY:
                    await RedirectResponse(OWN, 303)(scope, receive, send)
                    return
        await self._app(scope, receive, send)


class Forms:
    """Takes a form only from a page of this console, to which the visitor's own secret was given."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.state.visit is None and scope["path"] not in ENTRY:
            raise NotSignedIn
        if not _from_here(request):
            raise Refused("请求不是从本控制台的页面发出的", "not sent by a page of this console", 403)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise Refused("只接受表单", "only forms are accepted", 415)
        body = await _whole(receive, request.headers.get("content-length", "0"))
        given = parse_qs(body.decode("utf-8", "replace")).get("csrf", [""])[0]
        expected: str = request.state.csrf
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Refused(
                "页面已过期，未作任何改动：请返回、刷新后重试",
                "the page is out of date, nothing was done: go back, reload, try again",
                403,
            )
        await self._app(scope, _again(body, receive), send)


def _from_here(request: Request) -> bool:
    """By what browsers say and pages cannot change. `null` says nothing: that is what `no-referrer` makes of it."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in {None, "same-origin"}:
        return False
    if origin in {None, "null"}:
        return site is not None
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


async def _whole(receive: Receive, announced: str) -> bytes:
    body = bytearray()
    too_large = not announced.isdecimal() or int(announced) > LARGEST_FORM
    more = not too_large
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(
                "表单没有传完，未作任何改动", "the form did not arrive whole, nothing was done", 400
            )
        body += message.get("body", b"")
        more = message.get("more_body", False)
        too_large = len(body) > LARGEST_FORM
        more = more and not too_large
    if too_large:
        raise Refused("表单过大", "the form is too large", 413)
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body to the page as if it had not been read."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay

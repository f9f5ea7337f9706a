"""What a visitor sees when something cannot be done: a page in words, never a trace."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from gateway.console.refusals import Refused
from gateway.console.web import NotSignedIn, page
from gateway.contract import GatewayError
from gateway.desk.refused import NotPossible
from gateway.store import Moved

_WORDS: Final = {
    404: ("没有这个页面", "there is no such page"),
    405: ("此页面不接受这种请求", "this page does not take such a request"),
}
_log = structlog.get_logger()


def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that ended with an error."""
    if isinstance(error, NotSignedIn):
        return _sign_in(request)
    status, zh, en = _known(error) or _defect(error)
    return page(request, "problem.html", status, code=status, zh=zh, en=en)


def _known(error: Exception) -> tuple[int, str, str] | None:
    """The status and the words; None for a defect of ours."""
    if isinstance(error, GatewayError):
        status = (
            error.status
            if isinstance(error, Refused)
            else 409
            if isinstance(error, NotPossible | Moved)
            else 503
        )
        if status == 503:
            _log.warning("console.unavailable", error=type(error).__name__, reason=error.en)
        return status, error.zh, error.en
    if isinstance(error, RequestValidationError):
        fields = "、".join(sorted({str(fault["loc"][-1]) for fault in error.errors()}))
        return 422, f"填写有误：{fields}", f"cannot be read: {fields}"
    if isinstance(error, HTTPException):
        return error.status_code, *_WORDS.get(error.status_code, ("请求有误", "the request is wrong"))
    return None


def _defect(error: Exception) -> tuple[int, str, str]:
    """What went wrong is in the log alone, under a number."""
    number = secrets.token_hex(4)
    _log.error("console.failed", number=number, exc_info=error)
    return (
        500,
        f"控制台出错，编号 {number}：请把编号交给维护人员，日志中有详情",
        f"the console failed, number {number}: the log says more under this number",
    )


def _sign_in(request: Request) -> Response:
    """To the sign-in page, and back to a page that was to be read."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": "/sign-in"})
    if request.method != "GET" or request.url.path == "/":
        return RedirectResponse("/sign-in", 303)
    return RedirectResponse(f"/sign-in?{urlencode({'to': request.url.path})}", 303)

"""The console's cookies: the session, the secret of the sign-in form, and the language of a visitor yet unknown.

Under TLS their names begin with `__Host-`: such a cookie is only taken over TLS, for this host and every path.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final, Literal

from fastapi import Request, Response

_SESSION: Final = "tongqu_session"
_ENTRY: Final = "tongqu_entry"
_LANGUAGE: Final = "tongqu_language"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_YEAR: Final = 365 * 86_400

Language = Literal["zh", "en"]


class Cookies:
    """Reads and sets them.

    Args:
        tls: whether the console is served over TLS.
    """

    def __init__(self, *, tls: bool) -> None:
        self._tls = tls
        self._prefix = "__Host-" if tls else ""

    def session(self, request: Request) -> str:
        """The session's token; empty where there is none."""
        return self._get(request, _SESSION)

    def start_session(self, response: Response, token: str) -> None:
        """Until the browser is closed; the store ends it earlier."""
        self._set(response, _SESSION, token)

    def end_session(self, response: Response) -> None:
        """Takes the token back."""
        self._set(response, _SESSION, "", max_age=0)

    def entry(self, request: Request) -> str:
        """What the form of somebody not signed in must repeat; empty where nothing of that shape was given."""
        value = self._get(request, _ENTRY)
        return value if _SECRET.fullmatch(value) else ""

    def open_entry(self, response: Response, secret: str) -> None:
        """Gives the secret of the sign-in form."""
        self._set(response, _ENTRY, secret)

    def language(self, request: Request) -> Language:
        """Chinese, unless the visitor chose otherwise."""
        return "en" if self._get(request, _LANGUAGE) == "en" else "zh"

    def choose_language(self, response: Response, language: Language) -> None:
        """Remembers the choice of a browser."""
        self._set(response, _LANGUAGE, language, max_age=_YEAR)

    def _get(self, request: Request, name: str) -> str:
        return request.cookies.get(self._prefix + name, "")

    def _set(self, response: Response, name: str, value: str, **how: Any) -> None:
        response.set_cookie(
            self._prefix + name, value, path="/", secure=self._tls, httponly=True, samesite="strict", **how
        )


def new_secret() -> str:
    """For the sign-in form."""
    return secrets.token_urlsafe(32)

"""One POST to the police, and what its answer proves. Knows HTTP and charsets, no business.

Nothing here changes anything at their end, so whatever goes wrong may be repeated; but it may have been counted.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

from adapters.police.contracts import Unreadable
from adapters.police.settings import PoliceSettings
from gateway.contract import Context, PartnerDown
from gateway.transports.http import (
    BadAnswer,
    Headers,
    HttpResponse,
    NoAnswer,
    NotSent,
)
from gateway.transports.http.calling import client_for
from gateway.transports.soap import Version, wrap
from gateway.transports.soap.client import fields

_OK: Final = 200
_SERVER_ERROR: Final = 500
#: Credentials, address, method or rate: somebody must correct something, then the same goes through.
_CORRECT: Final = frozenset({401, 403, 404, 405, 407, 415, 429})
_EXCUSE: Final = "SrcReceiver:"
_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")


class Trouble(Struct, frozen=True, kw_only=True):
    """No answer about anybody.

    `licence` and `quota` stay until somebody acts or the day ends; `service` may be over in a moment; with
    `doubt` it is not even known whether the question arrived.
    """

    kind: Literal["licence", "quota", "service", "doubt"]
    reason: str  #: for operators, with what to do; no personal data
    code: str | None = None
    text: str | None = None  #: their words
    raw: bytes = b""
    after: float | None = None  #: seconds, where a later try is not worth much before


class Link:
    """The connections to one partner."""

    def __init__(self, settings: PoliceSettings, context: Context) -> None:
        self._url = settings.service.url
        self._timeout = settings.timeout
        self._headers = tuple((name, value.get_secret_value()) for name, value in settings.headers.items())
        self.http = client_for(settings, context, settings.answer_limit)

    async def json(self, content: bytes) -> HttpResponse | Trouble:
        """Sends a JSON document. Raises PartnerDown where not one byte of it was written."""
        return _judged(await self._post(content, (("Content-Type", "application/json; charset=utf-8"),)))

    async def soap(self, payload: bytes, action: str) -> HttpResponse | Trouble:
        """Sends a payload in an envelope. Raises PartnerDown. A 500 is an answer: faults come with it."""
        heard = await self._post(wrap(Version.V11, payload), fields(Version.V11, action))
        faulty = isinstance(heard, HttpResponse) and heard.status == _SERVER_ERROR and b"Fault" in heard.body
        return heard if faulty else _judged(heard)

    async def get(self, url: str) -> HttpResponse:
        """A plain GET with the partner's headers. Raises HttpError."""
        return await self.http.request("GET", url, headers=self._headers, timeout=self._timeout)

    async def _post(self, content: bytes, headers: tuple[tuple[str, str], ...]) -> HttpResponse | Trouble:
        try:
            return await self.http.request(
                "POST", self._url, headers=headers + self._headers, body=content, timeout=self._timeout
            )
        except NotSent as error:
            raise PartnerDown(
                f"无法连接公安服务：{error}", f"the police cannot be reached: {error}"
            ) from None
        except (NoAnswer, BadAnswer) as error:
            return Trouble(
                kind="doubt", reason=f"已发送但没有可用应答 / sent, without a usable answer: {error}"
            )


def _judged(heard: HttpResponse | Trouble) -> HttpResponse | Trouble:
    if isinstance(heard, Trouble):
        return heard
    if heard.status == _OK:
        return excuse(heard.body[:64].decode("latin-1"), heard.body) or heard
    status = f"HTTP {heard.status}"
    if heard.status in _CORRECT:
        return Trouble(
            kind="service",
            reason=f"{status}：请检查地址、授权与请求头 / check address, authorisation and headers",
            code=status,
            raw=heard.body,
        )
    return Trouble(
        kind="service",
        reason=f"公安服务故障，{status} / their service is out of order",
        code=status,
        raw=heard.body,
    )


def excuse(text: str, raw: bytes) -> Trouble | None:
    """What the platform says instead of an answer where it cannot reach the register behind it."""
    if not text.lstrip().startswith(_EXCUSE):
        return None
    reason = "公安请求服务平台的下级节点不可用 / the register behind their platform is unavailable"
    return Trouble(kind="service", reason=reason, code="SrcReceiver", raw=raw)


def text_of(body: bytes) -> str:
    """An answer's text. The bytes decide, not what is declared: front ends and services contradict each other.

    What is not UTF-8 cannot be confused with it, and everything Chinese in GBK is not UTF-8.

    Raises:
        Unreadable: neither UTF-8 nor GB18030.
    """
    for charset in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(charset)
        except UnicodeDecodeError:
            continue
    raise Unreadable("neither UTF-8 nor GB18030")


def undeclared(text: str) -> bytes:
    """An XML document in UTF-8, without the declaration that may say something else."""
    return _DECLARATION.sub("", text, count=1).encode()


def envelope_of(response: HttpResponse) -> HttpResponse:
    """A SOAP answer in UTF-8, whatever it came in.

    Raises:
        Unreadable: no text at all.
    """
    return HttpResponse(response.status, Headers({}), undeclared(text_of(response.body)))

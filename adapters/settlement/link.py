"""One POST to the platform, and what its answer proves. Knows HTTP and signatures, no transactions."""

from __future__ import annotations

from typing import Final, TypeAlias

from adapters.settlement.codec import Answer, Unreadable, is_file, read
from adapters.settlement.settings import SettlementSettings
from gateway.contract import Context, PartnerDown, Rejected, RetryLater, Unknown
from gateway.transports.http import (
    BadAnswer,
    HttpResponse,
    NoAnswer,
    NotSent,
    tif,
)
from gateway.transports.http.calling import client_for

#: An answer to be read on, or what is known without one.
Heard: TypeAlias = Answer | Rejected | RetryLater | Unknown

_OK: Final = 200
#: Answered with the file alone.
_DOWNLOAD: Final = "9102"
#: Statuses by which the gateway in front says that it passed nothing on: credentials, address, method, format
#: or rate. Correcting the configuration, or waiting, lets the same message through.
_NOT_PASSED_ON: Final = frozenset({401, 403, 404, 405, 406, 407, 415, 429})
#: Too large: the same message will be too large tomorrow.
_NEVER: Final = frozenset({413, 414})


class Link:
    """The connections to one platform."""

    def __init__(self, settings: SettlementSettings, context: Context) -> None:
        self._settings = settings
        self._clock = context.clock
        self._random = context.random
        self._fixed = (
            ("Content-Type", settings.content_type),
            *((name, value.get_secret_value()) for name, value in settings.headers.items()),
        )
        self.http = client_for(settings, context)
        self._urls: dict[str, str] = {}

    async def post(self, infno: str, content: bytes) -> Heard:
        """Sends one request body.

        Raises:
            PartnerDown: not one byte of it was written.
        """
        try:
            response = await self.http.request(
                "POST",
                self._url(infno),
                headers=self.headers(infno),
                body=content,
                timeout=self._settings.timeout,
            )
        except NotSent as error:
            raise PartnerDown(
                f"无法连接结算平台：{error}", f"the platform cannot be reached: {error}"
            ) from None
        except (NoAnswer, BadAnswer) as error:
            return Unknown(reason=f"{infno} 已发送但没有可用应答 / sent without a usable answer: {error}")
        return judge(infno, response)

    def headers(self, infno: str) -> tuple[tuple[str, str], ...]:
        """Fixed and freshly signed headers."""
        wanted = self._settings.tif
        if wanted is None:
            return self._fixed
        return self._fixed + tif.sign(
            wanted.paasid,
            wanted.token.get_secret_value(),
            now=self._clock.now().timestamp(),
            random=self._random(16),
            service_id=wanted.service_id.replace("{infno}", infno),
        )

    def _url(self, infno: str) -> str:
        url = self._urls.get(infno)
        if url is None:
            url = self._urls[infno] = self._settings.url_of(infno)
        return url


def judge(infno: str, response: HttpResponse) -> Heard:
    """What an HTTP answer proves."""
    status = response.status
    if status == _OK and infno == _DOWNLOAD and is_file(response.body):
        return Answer(infcode="0", err_msg="", output={}, reference=None, raw=response.body)
    if status == _OK:
        try:
            return read(response.body)
        except Unreadable as error:
            return Unknown(
                reason=f"{infno} 应答无法解析 / the answer cannot be read: {error}", raw=response.body
            )
    if status in _NOT_PASSED_ON:
        return RetryLater(
            reason=f"{infno} 被前置网关拒绝，HTTP {status}：请检查地址、密钥与时钟 / refused by the gateway in front:"
            f" check address, token and clock",
            after=_retry_after(response),
        )
    if status in _NEVER:
        return Rejected(code=f"HTTP {status}", reason="报文过大 / too large", raw=response.body)
    # A 5xx may come from a gateway whose back end has settled; so may an odd 4xx or a redirect.
    return Unknown(reason=f"{infno} HTTP {status}", raw=response.body)


def _retry_after(response: HttpResponse) -> float | None:
    text = response.headers.get("Retry-After").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None

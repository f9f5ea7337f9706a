"""Who may come in over HTTP: the same for every face that does."""

from __future__ import annotations

from adapters.hospital.faults import Fault
from adapters.hospital.parts import HttpFace, XTif
from gateway.contract import Context
from gateway.transports.http import Headers, Request
from gateway.transports.http.tif import TifRefusal, verify

_SIGNATURES = {
    TifRefusal.MISSING: ("缺少 x-tif 请求头或格式不对", "x-tif headers are missing or malformed"),
    TifRefusal.UNKNOWN_CALLER: ("x-tif-paasid 不是约定的应用编号", "x-tif-paasid is not the agreed one"),
    TifRefusal.SIGNATURE: (
        "签名不符，请核对令牌与算法",
        "the signature does not match: check token and algorithm",
    ),
    TifRefusal.CLOCK: ("时间戳超出允许范围，请校准时钟", "the timestamp is out of range: set the clock"),
}
_HTTP = {
    408: ("请求接收超时", "the request did not arrive in time"),
    413: ("请求体过大", "the request body is too large"),
    431: ("请求头过大", "the request header is too large"),
}


class Door:
    """Checks what every request must get past, whatever it asks.

    Args:
        limit: largest body, where it is not the face's own.
    """

    def __init__(self, face: HttpFace, context: Context, limit: int | None = None) -> None:
        self._limit = face.body_limit if limit is None else limit
        self._signed = face.authentication if isinstance(face.authentication, XTif) else None
        self._context = context

    def size(self, request: Request) -> None:
        """
        Raises:
            Fault: the body is too large.
        """
        if len(request.body) > self._limit:
            zh, en = f"请求体超过 {self._limit} 字节", f"the body is larger than {self._limit} bytes"
            raise Fault(code="too-large", zh=zh, en=en, rule=f"max {self._limit}")

    async def authenticate(self, headers: Headers) -> None:
        """
        Raises:
            Fault: it cannot be seen that the hospital sent it, or it was sent before.
            Unavailable: that cannot be looked up now.
        """
        signed = self._signed
        if signed is None:
            return
        verified = verify(
            headers,
            paasid=signed.paasid,
            token=signed.token.get_secret_value(),
            now=self._context.clock.now().timestamp(),
            window=signed.clock_window,
        )
        if isinstance(verified, TifRefusal):
            zh, en = _SIGNATURES[verified]
            raise Fault(code="signature", zh=zh, en=en, rule=verified.value)
        if not await self._context.replay.first_use(verified.nonce, verified.keep_for):
            zh = "x-tif-nonce 已用过，每次请求须重新签名"
            en = "x-tif-nonce was used before: sign every request afresh"
            raise Fault(code="replay", zh=zh, en=en, rule="nonce")


def by_http(status: int) -> Fault:
    """What HTTP refuses before a request is complete."""
    code = "too-large" if status in (413, 431) else "malformed"
    zh, en = _HTTP.get(status, ("请求不完整或格式错误", "the request is incomplete or malformed"))
    return Fault(code=code, zh=zh, en=en, rule=f"http {status}")


def retry_after(fault: Fault) -> tuple[tuple[str, str], ...]:
    """The header that tells when to come again."""
    return () if fault.after is None else (("Retry-After", f"{max(1, round(fault.after))}"),)

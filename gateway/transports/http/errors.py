"""What is known when a request brought no answer.

Whoever moves money must know whether the partner *may* have acted, so that is what the types say:

* `NotSent`: not one byte of the request was written. Sending it again is safe.
* `NoAnswer`: some or all of it was written. The partner may or may not have acted: query, never resend.
* `BadAnswer`: the partner answered, but not with HTTP that can be used. As unknown as `NoAnswer`.
"""

from __future__ import annotations

from typing import Final

_TEXTS: Final = {
    "bad-request": ("请求无效", "the request cannot be written as HTTP"),
    "body-too-large": ("响应体过大", "the response body is too large"),
    "cancelled": ("已取消", "cancelled"),
    "client-closed": ("客户端已关闭", "the client is closed"),
    "closed": ("对方未应答即关闭连接", "the connection was closed before an answer"),
    "connect": ("无法连接", "cannot connect"),
    "connect-timeout": ("连接超时", "connecting timed out"),
    "dns": ("域名无法解析", "the host name cannot be resolved"),
    "headers-too-large": ("响应头过大", "the response header is too large"),
    "not-http": ("应答不是有效的HTTP", "the answer is not valid HTTP"),
    "refused": ("连接被拒绝", "connection refused"),
    "reset": ("连接被重置", "the connection was reset before an answer"),
    "timeout": ("等待应答超时", "no answer in time"),
    "tls": ("TLS握手失败", "TLS handshake failed"),
    "truncated": ("应答不完整", "the answer was cut off"),
    "upgrade": ("对方要求切换协议", "the answer switches protocols"),
    "wait-full": ("等待队列已满", "too many requests are waiting for a connection"),
    "wait-timeout": ("等待连接超时", "no connection became free in time"),
}


class HttpError(Exception):
    """A request without a usable answer.

    Attributes:
        kind: stable code of the cause, such as `refused` or `timeout`.
        peer: `host:port`, never the path or query (they may carry personal data).
    """

    def __init__(self, kind: str, peer: str, note: str = "") -> None:
        self.kind = kind
        self.peer = peer
        zh, en = _TEXTS[kind]
        super().__init__(f"{zh} {peer} / {en}: {peer}" + (f" ({note})" if note else ""))


class NotSent(HttpError):
    """Nothing of the request was written; the partner cannot have acted on it."""


class NoAnswer(HttpError):
    """The request was written in whole or in part and no complete answer came: outcome unknown."""


class BadAnswer(HttpError):
    """An answer came that is not HTTP or beyond the limits: outcome unknown."""

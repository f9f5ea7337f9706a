"""What SOAP and plain HTTP have in common: a listener with a guard, and a client that says what is known."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.generic.access import (
    Authentication,
    Header,
    NoAuthentication,
    admit,
    credentials,
    headers,
)
from adapters.generic.desk import Desk
from adapters.generic.refusals import Refused
from gateway.contract import (
    CheckStep,
    Context,
    Duration,
    Endpoint,
    HttpUrl,
    Network,
    PartnerDown,
    Secret,
    Settings,
    Size,
    Unknown,
)
from gateway.transports.http import (
    BadAnswer,
    HttpError,
    HttpResponse,
    NoAnswer,
    NotSent,
    Request,
    ServerLimits,
)
from gateway.transports.http.calling import client_for
from gateway.transports.http.settings import ClientTlsSettings, ServerTlsSettings

Path = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$")]

#: `HttpError.kind` of failures before a connection stood.
_UNCONNECTED: Final = frozenset({"dns", "refused", "connect", "connect-timeout", "wait-timeout"})


class WebInbound(Settings):
    """对方经 HTTP 送来。 / The partner reaches us over HTTP."""

    carries: ClassVar[bool] = False

    listen: Endpoint = Field(
        description="监听地址，可与其他伙伴共用 / where to listen; may be shared", examples=["0.0.0.0:8091"]
    )
    path: Path = Field(description="服务路径 / path of the service", examples=["/agency"])
    public_url: HttpUrl | None = Field(
        default=None,
        description="对方使用的地址，经反向代理时填写 / the address partners use, where a proxy stands before us",
    )
    tls: ServerTlsSettings | None = Field(default=None, description="HTTPS 证书 / HTTPS files")
    clients: tuple[Network, ...] = Field(
        default=(),
        description="允许的客户端网段，空为不限 / client networks let in",
        examples=[["10.1.0.0/16"]],
    )
    authentication: Authentication = Field(description="对方如何证明身份 / how the partner proves who it is")
    body_limit: Size = Field(
        default=1 << 20, gt=0, description="请求体上限 / largest body", examples=["1MiB"]
    )

    @property
    def location(self) -> str:
        """Where partners reach it; the port is that of `listen`."""
        scheme = "https" if self.tls else "http"
        return self.public_url or f"{scheme}://{self.listen}{self.path}"


class WebOutbound(Settings):
    """我方经 HTTP 送去。 / We reach the partner over HTTP."""

    carries: ClassVar[bool] = False
    looks: ClassVar[bool] = False
    base_url: HttpUrl = Field(description="对方地址 / address", examples=["https://10.0.0.9/api"])
    authentication: Authentication = Field(
        default=NoAuthentication(kind="none"), description="我方如何证明身份 / how we prove who we are"
    )
    tls: ClientTlsSettings = Field(default=ClientTlsSettings(), description="证书 / certificates")
    headers: dict[Header, str] = Field(
        default={}, description="另加的请求头 / further headers", examples=[{"X-System": "GW"}]
    )
    secret_headers: dict[Header, Secret] = Field(
        default={}, description="值为密钥的请求头 / headers whose values are secret"
    )
    reference_header: Header | None = Field(
        default=None,
        description="放我方编号的请求头，对方据此识别重复 / header with our reference, by which repetitions are known",
        examples=["Idempotency-Key"],
    )
    timeout: Duration = Field(default=30.0, gt=0, description="应答时限 / time limit", examples=["30s"])
    connections: int = Field(default=8, ge=1, le=256, description="连接数上限 / connections at once")
    check: Literal["get", "connect"] = Field(
        default="connect",
        description="连接测试的最后一步：get 发一个 GET，connect 到连接为止 / last step of the connection test",
    )

    def url(self, path: str) -> str:
        """The address with an operation's own path."""
        return self.base_url.rstrip("/") + path if path else self.base_url


class WebReceiver:
    """Serves paths of one listener; subclasses say how a refusal is answered."""

    def __init__(self, settings: WebInbound, desk: Desk) -> None:
        self.settings = settings
        self.desk = desk
        self._mounts: list[Any] = []

    async def start(self) -> None:
        # Twice the limit still gets an answer in the partner's form; HTTP refuses what is beyond that.
        limits = ServerLimits(max_body=2 * self.settings.body_limit)
        tls = self.settings.tls and self.settings.tls.made
        for path, handler in self.handlers().items():
            mount = await self.desk.context.listeners.mount(
                self.settings.listen, path, handler, limits, tls, self.refused_by_http
            )
            self._mounts.append(mount)

    async def stop(self) -> None:
        mounts, self._mounts = self._mounts, []
        for mount in mounts:
            await mount.unmount()

    @property
    def port(self) -> int:
        """The real one, where 0 was asked for."""
        return int(self._mounts[0].port)

    def handlers(self) -> dict[str, Any]:
        """Path → handler."""
        raise NotImplementedError

    async def refused_by_http(self, request: Request, status: int) -> Any:
        """What HTTP refuses before it is complete is on record and answered like all else."""
        raise NotImplementedError

    async def admitted(self, request: Request) -> None:
        """Raises Refused for strangers and for bodies beyond the limit."""
        own = self.settings
        await admit(request, own.authentication, own.clients, self.desk.context)
        if len(request.body) > own.body_limit:
            raise too_large(own.body_limit)


def too_large(limit: int) -> Refused:
    return Refused(
        code="too-large",
        zh=f"请求体超过 {limit} 字节",
        en=f"the body is larger than {limit} bytes",
        rule=f"max {limit}",
    )


def incomplete(status: int) -> Refused:
    """What HTTP itself refused."""
    code = "too-large" if status in (413, 431) else "malformed"
    zh, en = "请求过大、不完整或格式错误", "the request is too large, incomplete or malformed"
    return Refused(code=code, zh=zh, en=en, rule=f"http {status}")


class WebLink:
    """The connections to one partner."""

    def __init__(self, settings: WebOutbound, context: Context) -> None:
        self.settings = settings
        self._context = context
        self._http = client_for(settings, context)
        self._fixed = headers(settings.headers, settings.secret_headers)

    async def request(
        self, method: str, path: str, fields: tuple[tuple[str, str], ...], reference: str, body: bytes
    ) -> HttpResponse | Unknown:
        """One request with fresh credentials.

        Raises:
            PartnerDown: not one byte of it was written.
        """
        own = self.settings
        named = ((own.reference_header, reference),) if own.reference_header else ()
        try:
            return await self._http.request(
                method,
                own.url(path),
                headers=(
                    *fields,
                    *self._fixed,
                    *named,
                    *credentials(own.authentication, body, self._context),
                ),
                body=body,
                timeout=own.timeout,
            )
        except NotSent as error:
            raise PartnerDown(f"无法连接对方：{error}", f"the partner cannot be reached: {error}") from None
        except (NoAnswer, BadAnswer) as error:
            return Unknown(reason=f"已发送但没有可用应答 / sent without a usable answer: {error}")

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails; nothing of an operation is sent."""
        parts = urlsplit(self.settings.base_url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        step = await self._resolved(host, port)
        yield step
        if not step.ok:
            return
        heard = await self._get()
        for step in _connected(heard, f"{host}:{port}", secure=parts.scheme == "https"):
            yield step
            if not step.ok:
                return
        if self.settings.check == "get":
            yield _answered(heard)

    async def _resolved(self, host: str, port: int) -> CheckStep:
        reactor = self._context.reactor
        found: Deferred[object] = deferToThreadPool(
            reactor, reactor.getThreadPool(), socket.getaddrinfo, host, port
        )
        try:
            await found
        except OSError:
            zh, en = (
                f"域名 {host} 无法解析：请检查地址和 DNS",
                f"{host} cannot be resolved: check address and DNS",
            )
            return CheckStep(name="dns", ok=False, zh=zh, en=en)
        return CheckStep(name="dns", ok=True, zh=f"域名 {host} 已解析", en=f"{host} resolves")

    async def _get(self) -> HttpResponse | HttpError:
        own = self.settings
        fields = (*self._fixed, *credentials(own.authentication, b"", self._context))
        try:
            return await self._http.request(
                "GET", own.base_url, headers=fields, timeout=min(10.0, own.timeout)
            )
        except HttpError as error:
            return error


def _connected(heard: HttpResponse | HttpError, peer: str, *, secure: bool) -> list[CheckStep]:
    kind = heard.kind if isinstance(heard, HttpError) else ""
    if kind in _UNCONNECTED:
        zh = f"无法连接 {peer}：请检查端口、防火墙和专线"
        en = f"cannot connect to {peer}: check port, firewall and line"
        return [CheckStep(name="tcp", ok=False, zh=zh, en=en)]
    steps = [CheckStep(name="tcp", ok=True, zh=f"已连接 {peer}", en=f"connected to {peer}")]
    if secure and kind == "tls":
        zh = "TLS 握手失败：请检查根证书、主机名和客户端证书"
        en = "the TLS handshake failed: check authorities, host name and client certificate"
        steps.append(CheckStep(name="tls", ok=False, zh=zh, en=en))
    elif secure:
        steps.append(CheckStep(name="tls", ok=True, zh="TLS 握手成功", en="the TLS handshake succeeded"))
    return steps


def _answered(heard: HttpResponse | HttpError) -> CheckStep:
    """A plain GET is no operation, so any answer of a living application will do."""
    if isinstance(heard, HttpError):
        return CheckStep(name="answer", ok=False, zh=f"没有应答：{heard}", en=f"no answer: {heard}")
    ok = heard.status < 500 and heard.status not in (401, 403)
    zh, en = f"对方应答 HTTP {heard.status}", f"the partner answers HTTP {heard.status}"
    return CheckStep(name="answer", ok=ok, zh=zh, en=en)

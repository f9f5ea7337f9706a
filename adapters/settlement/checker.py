"""The connection test: one step after the other, in words, and nothing that leaves a trace in the books."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.settlement.channel import Channel, Operator
from gateway.contract import CheckStep, PartnerDown
from gateway.transports.http import HttpError, HttpResponse

#: `HttpError.kind` of failures before a connection stood.
_UNCONNECTED: Final = frozenset({"dns", "refused", "connect", "connect-timeout", "wait-timeout"})
_SERVER_ERROR: Final = 500
_DENIED: Final = frozenset({401, 403})


class SettlementChecker:
    """Implements `gateway.contract.Checker`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._settings = channel.settings
        parts = urlsplit(self._settings.url_of("1101"))
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails."""
        step = await self._resolve()
        yield step
        if not step.ok:
            return
        heard = await self._get()
        for step in self._connected(heard):
            yield step
            if not step.ok:
                return
        if self._settings.check.probe == "get":
            yield _answered(heard)
        elif self._settings.check.probe == "sign-in":
            yield await self._sign_in()

    async def _resolve(self) -> CheckStep:
        reactor = self._channel.context.reactor
        found: Deferred[object] = deferToThreadPool(
            reactor, reactor.getThreadPool(), socket.getaddrinfo, self._host, self._port
        )
        try:
            await found
        except OSError:
            return CheckStep(
                name="dns",
                ok=False,
                zh=f"域名 {self._host} 无法解析：请检查地址和 DNS",
                en=f"{self._host} cannot be resolved: check the address and DNS",
            )
        return CheckStep(name="dns", ok=True, zh=f"域名 {self._host} 已解析", en=f"{self._host} resolves")

    async def _get(self) -> HttpResponse | HttpError:
        link = self._channel.link
        try:
            return await link.http.request(
                "GET",
                self._settings.url_of("1101"),
                headers=link.headers("1101"),
                timeout=min(10.0, self._settings.timeout),
            )
        except HttpError as error:
            return error

    def _connected(self, heard: HttpResponse | HttpError) -> list[CheckStep]:
        peer = f"{self._host}:{self._port}"
        kind = heard.kind if isinstance(heard, HttpError) else ""
        if kind in _UNCONNECTED:
            return [CheckStep(
                name="tcp",
                ok=False,
                zh=f"无法连接 {peer}：请检查端口、防火墙和专线",
                en=f"cannot connect to {peer}: check port, firewall and line",
            )]  # fmt: skip
        steps = [CheckStep(name="tcp", ok=True, zh=f"已连接 {peer}", en=f"connected to {peer}")]
        if self._secure:
            steps.append(_tls(kind != "tls"))
        return steps

    async def _sign_in(self) -> CheckStep:
        wanted = self._settings.check
        caller = Operator(
            wanted.institution_code,
            wanted.institution_name,
            self._channel.context.region,
            wanted.operator,
            wanted.operator,
        )
        try:
            signed = await self._channel.sign_in(caller)
            if isinstance(signed, str):
                await self._channel.sign_out(caller)
                return CheckStep(name="sign-in", ok=True, zh="签到(9001)成功", en="signed in with 9001")
            reason = signed.reason
        except PartnerDown as error:
            reason = error.both
        return CheckStep(
            name="sign-in", ok=False, zh=f"签到(9001)失败：{reason}", en=f"9001 failed: {reason}"
        )


def _tls(ok: bool) -> CheckStep:
    if ok:
        return CheckStep(name="tls", ok=True, zh="TLS 握手成功", en="the TLS handshake succeeded")
    return CheckStep(
        name="tls",
        ok=False,
        zh="TLS 握手失败：请检查根证书、主机名和客户端证书",
        en="the TLS handshake failed: check authorities, host name and client certificate",
    )


def _answered(heard: HttpResponse | HttpError) -> CheckStep:
    """A plain GET is no transaction, so any answer of a living application will do."""
    if isinstance(heard, HttpError):
        return CheckStep(name="answer", ok=False, zh=f"没有应答：{heard}", en=f"no answer: {heard}")
    status = heard.status
    if status in _DENIED:
        return CheckStep(
            name="answer",
            ok=False,
            zh=f"前置网关拒绝（HTTP {status}）：请检查 paasid、token 与本机时钟",
            en=f"refused by the gateway in front (HTTP {status}): check paasid, token and this clock",
        )
    ok = status < _SERVER_ERROR
    return CheckStep(
        name="answer", ok=ok, zh=f"平台应答 HTTP {status}", en=f"the platform answers HTTP {status}"
    )

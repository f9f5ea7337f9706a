"""The connection test: one step after the other, in words. Nobody is asked about, and nothing is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.police.channel import Channel, contract
from adapters.police.services import JsonSettings, NciicSettings
from gateway.contract import CheckStep, ConfigError
from gateway.transports.http import HttpError

_SERVER_ERROR: Final = 500
_DENIED: Final = frozenset({401, 403})


class PoliceChecker:
    """Implements `gateway.contract.Checker`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._service = channel.settings.service

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails."""
        for step in (self._contract, self._licence, self._quota, self._endpoint):
            done = await step()
            yield done
            if not done.ok:
                return

    async def _contract(self) -> CheckStep:
        service = self._service
        if isinstance(service, JsonSettings):
            return _step("contract", True, "JSON 接口，不需要 WSDL", "JSON, which needs no WSDL")
        reactor = self._channel.context.reactor
        read: Deferred[object] = deferToThreadPool(reactor, reactor.getThreadPool(), contract, service)
        try:
            await read
        except ConfigError as error:
            return _step("contract", False, error.zh, error.en)
        return _step("contract", True, f"WSDL 可用：{service.operation}", f"the WSDL has {service.operation}")

    async def _licence(self) -> CheckStep:
        service = self._service
        secret = service.licence if isinstance(service, NciicSettings) else None
        secret = service.authorize if isinstance(service, JsonSettings) else secret
        name = self._channel.settings.licence
        if secret is not None and not secret.get_secret_value().strip():
            return _step("licence", False, "授权为空：请检查授权文件", "the licence is empty: check its file")
        return _step("licence", True, f"授权 {name}", f"licence {name}")

    async def _quota(self) -> CheckStep:
        quota = self._channel.quota
        used, daily = await quota.used(), quota.daily
        if daily is None:
            return _step(
                "quota", True, f"今日已核验 {used} 人次，未设上限", f"{used} asked today, no limit set"
            )
        left, low = max(0, daily - used), used >= daily * self._channel.settings.quota.warn_at
        note = ("，即将用完：请申请增加额度", ", nearly used up: ask for more") if low else ("", "")
        return _step(
            "quota",
            left > 0,
            f"今日已用 {used}/{daily}，剩余 {left}{note[0]}",
            f"{used} of {daily} used today, {left} left{note[1]}",
        )

    async def _endpoint(self) -> CheckStep:
        """A plain GET is no question about anybody, so any answer of a living application will do."""
        parts = urlsplit(self._service.url)
        peer = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        try:
            status = (await self._channel.link.get(self._service.url)).status
        except HttpError as error:
            return _step("endpoint", False, f"{peer} 没有应答：{error}", f"no answer from {peer}: {error}")
        if status in _DENIED:
            zh, en = (
                f"{peer} 拒绝（HTTP {status}）：请检查授权与来源地址",
                f"refused by {peer}: HTTP {status}",
            )
            return _step("endpoint", False, zh, en)
        ok = status < _SERVER_ERROR
        return _step("endpoint", ok, f"{peer} 应答 HTTP {status}", f"{peer} answers HTTP {status}")


def _step(name: str, ok: bool, zh: str, en: str) -> CheckStep:
    return CheckStep(name=name, ok=ok, zh=zh, en=en)

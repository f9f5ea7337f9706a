"""The connection test: keys, queue manager, queues, and where the gateway is running, the session. No business effect.

A test from the command line has no session of its own: what it took off the node's queues would be lost to the gateway that
runs beside it. So it asks for no answer, and says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from adapters.treasury.line.channel import Channel
from adapters.treasury.line.session import Phase
from gateway.contract import CheckStep, ConfigError


class TreasuryChecker:
    """Implements `gateway.contract.Checker`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails."""
        keys = self._keys()
        yield keys
        if not keys.ok:
            return
        settings, running = self._channel.settings, self._channel.session.phase is not Phase.CLOSED
        try:
            link = self._channel.link
        except ConfigError as error:
            yield CheckStep(name="queues", ok=False, zh=error.zh, en=error.en)
            return
        try:
            async for step in link.check([*settings.queues_out, *settings.queues_in]):
                yield step
                if not step.ok:
                    return
        finally:
            if not running:
                await link.close()
        yield (
            await self._session()
            if running
            else _step(
                True,
                "登录与工作日由运行中的网关维持，此处不试：测试若收取应答，会取走网关的报文",
                "log-in and working day are kept by the running gateway and not tried here: the test would take answers away"
                " from it",
            )
        )

    def _keys(self) -> CheckStep:
        try:
            _ = self._channel.seal
        except ConfigError as error:
            return CheckStep(name="keys", ok=False, zh=error.zh, en=error.en)
        kind = self._channel.settings.seal.kind
        return CheckStep(name="keys", ok=True, zh=f"签名密钥可用（{kind}）", en=f"keys can be used ({kind})")

    async def _session(self) -> CheckStep:
        session = self._channel.session
        if not await session.test():
            return _step(False, "网络对连接测试（9005）没有应答", "the network does not answer a test (9005)")
        day = "—" if session.known_day is None else session.known_day.isoformat()
        return _step(True, f"已登录，工作日 {day}", f"logged in, working day {day}")


def _step(ok: bool, zh: str, en: str) -> CheckStep:
    return CheckStep(name="session", ok=ok, zh=zh, en=en)

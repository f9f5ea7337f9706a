"""The connection test: keys, mappings, and a query for a batch that cannot exist. Without any business effect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from adapters.bank.online.channel import Channel
from adapters.bank.online.dialects import CdcDialect
from adapters.bank.online.words import Batch, Doubt, Refused
from gateway.contract import CheckStep, ConfigError, PartnerDown

#: No batch of ours is called so: references are made from dates and serial numbers.
_NOBODY: Final = "TONGQU-TEST"


class OnlineChecker:
    """Implements `gateway.contract.Checker`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails."""
        for step in (self._keys, self._query):
            done = await step()
            yield done
            if not done.ok:
                return

    async def _keys(self) -> CheckStep:
        dialect = self._channel.dialect
        if not isinstance(dialect, CdcDialect):
            return _step("keys", True, "前置机自行签名，无需密钥", "the front end signs by itself")
        try:
            prints = "、".join(dialect.envelope().fingerprints)
        except ConfigError as error:
            return _step("keys", False, error.zh, error.en)
        return _step("keys", True, f"密钥可用；银行公钥指纹 {prints}", f"keys can be used; bank: {prints}")

    async def _query(self) -> CheckStep:
        """Any answer that is the bank's will do: it may call the batch unknown in whichever way it likes."""
        now = self._channel.context.clock.now()
        nobody = Batch(
            reference=_NOBODY, message="", kind="credit-transfer", count=0, total=0, at=now, tried=now
        )
        try:
            heard = await self._channel.dialect.ask(nobody)
        except PartnerDown as down:
            return _step("query", False, down.zh, down.en)
        if isinstance(heard, Doubt) and not heard.authentic:
            zh, _, en = heard.reason.partition(" / ")
            return _step("query", False, zh, en)
        if isinstance(heard, Refused):
            # For the operator to judge: that there is no such batch, or that this user may not ask.
            code = heard.code
            return _step(
                "query",
                True,
                f"银行应答有效，返回码 {code}：请对照接口文档，确认它只表示没有该批次，而不是无权查询",
                f"the bank's answer is authentic, with code {code}: see whether it means that there is no such batch, and"
                " not that we may not ask",
            )
        return _step("query", True, "银行应答有效", "the bank's answer is authentic and readable")


def _step(name: str, ok: bool, zh: str, en: str) -> CheckStep:
    return CheckStep(name=name, ok=ok, zh=zh, en=en)

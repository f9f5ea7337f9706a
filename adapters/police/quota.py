"""How many persons may still be asked about today. Days are China's; a query counts when it is tried."""

from __future__ import annotations

import datetime as dt

from adapters.police.memory import Memory
from adapters.police.settings import PoliceSettings
from gateway.contract import Context
from mappings.catalogue import china_day
from mappings.lenses_times import CHINA


class Quota:
    """The quota of one licence."""

    def __init__(self, settings: PoliceSettings, context: Context, memory: Memory) -> None:
        self._licence = settings.licence
        self._daily = settings.quota.daily
        self._warn = settings.quota.warn_at
        self._context = context
        self._memory = memory

    @property
    def daily(self) -> int | None:
        return self._daily

    async def take(self, wanted: int) -> int:
        """Counts up to `wanted` persons: how many of them may be asked about now."""
        granted, used = await self._memory.take(self._licence, self._day(), wanted, self._daily)
        self._tell(used - granted, used, refused=wanted - granted)
        return granted

    async def give_back(self, persons: int) -> None:
        """They were counted, and certainly nobody was asked."""
        await self._memory.give_back(self._licence, self._day(), persons)

    async def used(self) -> int:
        """Persons asked about today."""
        return await self._memory.used(self._licence, self._day())

    def renewed_in(self) -> float:
        """Seconds to the next day in China."""
        now = self._context.clock.now().astimezone(CHINA)
        tomorrow = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), CHINA)
        return (tomorrow - now).total_seconds()

    def exhausted(self) -> str:
        """What an operator is told."""
        return (
            f"本日核验额度 {self._daily} 人次已用完：北京时间零点后自动继续，或向公安申请增加额度后修改 quota.daily"
            " / today's quota is used up: goes on after midnight in China, or raise quota.daily"
        )

    def _day(self) -> str:
        return china_day(self._context.clock.now()).isoformat()

    def _tell(self, before: int, used: int, refused: int) -> None:
        """Once when the share to warn at is reached, and whenever somebody is turned away."""
        if self._daily is None:
            return
        facts = {"licence": self._licence, "used": used, "daily": self._daily}
        if refused:
            self._context.log.error("police.quota_exhausted", turned_away=refused, **facts)
        elif before < self._warn * self._daily <= used:
            self._context.log.warning("police.quota_low", **facts)

"""The connection test: mappings first, since a way is of no use without them, then the way itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

from adapters.generic.settings import GenericSettings, problems
from adapters.generic.transports.link import Link
from gateway.contract import CheckStep


class GenericChecker:
    """Implements `gateway.contract.Checker`."""

    def __init__(self, settings: GenericSettings, link: Link) -> None:
        self._settings = settings
        self._link = link

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails."""
        for problem in problems(self._settings):
            yield CheckStep(name="settings", ok=False, zh=problem.zh, en=problem.en)
            return
        yield CheckStep(
            name="settings", ok=True, zh="操作与映射可用", en="operations and mappings are usable"
        )
        async for step in self._link.check():
            yield step

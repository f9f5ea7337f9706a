"""The connection test: mappings first, since a way is of no use without them, then each way itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable

from adapters.generic.settings import GenericSettings, problems
from gateway.contract import CheckStep


class GenericChecker:
    """Implements `gateway.contract.Checker`."""

    def __init__(
        self, settings: GenericSettings, ways: Iterable[Callable[[], AsyncIterator[CheckStep]]]
    ) -> None:
        self._settings = settings
        self._ways = tuple(ways)

    async def check(self) -> AsyncIterator[CheckStep]:
        """Stops at the first step that fails."""
        for problem in problems(self._settings):
            yield CheckStep(name="settings", ok=False, zh=problem.zh, en=problem.en)
            return
        yield CheckStep(
            name="settings", ok=True, zh="操作与映射可用", en="operations and mappings are usable"
        )
        for check in self._ways:
            async for step in check():
                yield step
                if not step.ok:
                    return

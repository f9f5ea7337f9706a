"""The conformance kit's rules for factories: each ability the manifest promises is there and has its shape.

Factories are called with a context in which nothing works: they may keep what they are given and read
files of their own folder, but connect, listen and write nothing before they are asked to.
"""

from __future__ import annotations

import datetime as dt
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.contract.adapter import Adapter, Checker, Context, Receiver, Resolver, Sender
from gateway.contract.settings import Settings

_PROTOCOLS: dict[str, type] = {
    "sender": Sender,
    "resolver": Resolver,
    "receiver": Receiver,
    "checker": Checker,
}


def problems(adapter: Adapter[Any], settings: Settings) -> list[str]:
    """What is wrong with the objects the adapter's factories return."""
    needed = _needed(adapter, settings)
    with tempfile.TemporaryDirectory() as folder:
        context = _context(Path(folder))
        return [p for role in _PROTOCOLS for p in _ability(adapter, role, role in needed, settings, context)]


def _needed(adapter: Adapter[Any], settings: Settings) -> set[str]:
    operations = adapter.operations_of(settings)
    needed = {"receiver" if o.direction == "in" else "sender" for o in operations}
    if any(o.on_unknown in ("query", "reverse") for o in operations):
        needed.add("resolver")
    return needed


def _ability(
    adapter: Adapter[Any], role: str, needed: bool, settings: Settings, context: Context
) -> Iterator[str]:
    try:
        made = getattr(adapter, role)(settings, context)
    except Exception as error:
        yield f"{role} factory fails before anything is asked of it: {type(error).__name__}: {error}"
        return
    if made is None:
        if needed:
            yield f"the manifest's operations need a {role}, and the factory returns none"
        return
    yield from (f"{role}: {problem}" for problem in _shape(made, _PROTOCOLS[role]))


def _shape(made: object, protocol: type) -> Iterator[str]:
    for name, wanted in inspect.getmembers(protocol, inspect.isfunction):
        if name.startswith("_"):
            continue
        method = getattr(made, name, None)
        if not callable(method):
            yield f"has no method {name}"
        elif inspect.iscoroutinefunction(wanted) and not inspect.iscoroutinefunction(method):
            yield f"{name} must be `async def`"
        else:
            yield from _takes(name, method, len(inspect.signature(wanted).parameters) - 1)


def _takes(name: str, method: Any, count: int) -> Iterator[str]:
    try:
        inspect.signature(method).bind(*(None for _ in range(count)))
    except TypeError:
        yield f"{name} must take {count} arguments"


class _Nothing:
    """Stands for everything of the outside world: it may be passed on, not used."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"context.{self._what}.{name} was used in a factory: wait until you are asked")


class _Clock:
    def now(self) -> dt.datetime:
        return dt.datetime(2025, 1, 1, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return 0.0


class _Log:
    def debug(self, event: str, **facts: object) -> None: ...
    def info(self, event: str, **facts: object) -> None: ...
    def warning(self, event: str, **facts: object) -> None: ...
    def error(self, event: str, **facts: object) -> None: ...


def _context(folder: Path) -> Context:
    nothing: dict[str, Any] = {
        what: _Nothing(what) for what in ("serials", "inbox", "replay", "listeners", "reactor")
    }
    return Context(
        partner="conformance",
        region="990101",
        clock=_Clock(),
        random=bytes,
        log=_Log(),
        state_dir=folder,
        **nothing,
    )

"""Banks: batches, what became of them, reconciliation and account checks. See `README.md`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from adapters.bank.files.ways import Files, Several
from adapters.bank.online import (
    document_of,
    online_checker,
    online_operations,
    online_problems,
    online_receiver,
    online_resolver,
    online_sender,
)
from adapters.bank.settings import BankSettings
from gateway.contract import (
    Adapter,
    Checker,
    CheckStep,
    ConfigError,
    Context,
    Operation,
    Receiver,
    Resolver,
    Sender,
)
from gateway.contract.plugins import read_manifest

__all__ = ["adapter"]

_FOLDER = Path(__file__).parent
_MANIFEST = read_manifest(_FOLDER)
_NAMES = {operation.request: operation.name for operation in _MANIFEST.operations}

_files: dict[str, tuple[Context, Files]] = {}


def _files_of(settings: BankSettings, context: Context) -> Files | None:
    """One for all abilities of a partner, so that they share connections."""
    if settings.files is None:
        return None
    known = _files.get(context.partner)
    if known is None or known[0] is not context:
        known = _files[context.partner] = context, Files(settings.files, _NAMES, context)
    return known[1]


def _operations(settings: BankSettings) -> list[Operation]:
    types = settings.files.types() if settings.files is not None else frozenset()
    names = online_operations(settings.online) if settings.online is not None else ()
    return [o for o in _MANIFEST.operations if o.request in types or o.name in names]


def _problems(settings: BankSettings) -> Iterator[ConfigError]:
    if settings.files is not None:
        yield from _under("files", settings.files.problems())
    if settings.online is not None:
        yield from _under("online", online_problems(settings.online))


def _under(block: str, found: Iterator[ConfigError]) -> Iterator[ConfigError]:
    for problem in found:
        yield ConfigError(problem.zh, problem.en, path=f"{block}.{problem.path}".rstrip("."))


def _sender(settings: BankSettings, context: Context) -> Sender | None:
    if settings.online is not None:
        return online_sender(settings.online, context)
    files = _files_of(settings, context)
    return None if files is None else files.sender()


def _resolver(settings: BankSettings, context: Context) -> Resolver | None:
    if settings.online is not None:
        return online_resolver(settings.online, context)
    files = _files_of(settings, context)
    return None if files is None else files.sender()


def _receiver(settings: BankSettings, context: Context) -> Receiver | None:
    files = _files_of(settings, context)
    ways = [
        None if files is None else files.receiver(),
        None if settings.online is None else online_receiver(settings.online, context),
    ]
    return Several.of(ways)


def _document(raw: bytes) -> bytes:
    try:
        return document_of(raw)
    except ValueError:
        return raw  # a file is a document as it is


class _BothChecker:
    """Implements `Checker`: each way, one after the other, up to the first step that fails."""

    def __init__(self, checkers: list[Checker]) -> None:
        self._checkers = checkers

    async def check(self) -> AsyncIterator[CheckStep]:
        for checker in self._checkers:
            async for step in checker.check():
                yield step
                if not step.ok:
                    return


def _checker(settings: BankSettings, context: Context) -> Checker | None:
    files = _files_of(settings, context)
    found = [
        files,
        None if settings.online is None else online_checker(settings.online, context),
    ]
    return _BothChecker([checker for checker in found if checker is not None])


adapter = Adapter(
    folder=_FOLDER,
    manifest=_MANIFEST,
    settings=BankSettings,
    sender=_sender,
    resolver=_resolver,
    receiver=_receiver,
    checker=_checker,
    operations=_operations,
    problems=_problems,
    document=_document,
)

"""Files that arrive in a folder of this machine, in which their makers may go on writing.

    arrived/x ─ complete ─► taking/x ─► taker ─ committed ─► receipt ─► settled
                                        └─ refused, on record ─► reports ─► rejected/x

Before a file is read it is moved to where its makers do not reach; what stands there at start had been complete and
is taken. A file is moved before its companions and leaves before them: a companion alone in `taking` is left over.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gateway.contract import Context
from gateway.transports.files.arriving import Watched, Watcher
from gateway.transports.files.checking import check_size
from gateway.transports.files.companions import Listing, belongs, name_of, sort_out
from gateway.transports.files.receipts import Receipts
from gateway.transports.files.reporting import REPORT, REPORT_JSON, Report
from gateway.transports.files.taking import Arrived, Taken, Taker
from gateway.transports.files.threads import in_thread
from gateway.transports.files.whole import discard, free, move, write

#: Within the place where files arrive, or beside it.
TAKING = ".taking"


class LocalWatcher(Watcher):
    """Watches `arrived`. Where `done` is None, files whose message is committed are removed."""

    def __init__(
        self,
        settings: Watched,
        complete: str,
        taker: Taker,
        context: Context,
        *,
        arrived: Path,
        taking: Path,
        rejected: Path,
        done: Path | None = None,
        receipts: Path | None = None,
    ) -> None:
        super().__init__(settings, settings.awaited(complete), taker, context)
        self._arrived = arrived
        self._taking = taking
        self._rejected = rejected
        self._done = done
        self._receipts = Receipts(receipts, context) if receipts else None

    async def start(self) -> None:
        await in_thread(self._context, self._make_folders)
        if self._receipts is not None:
            await self._receipts.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        if self._receipts is not None:
            await self._receipts.stop()

    async def listing(self) -> Listing:
        return await in_thread(self._context, self._claim)

    async def fetched(self, name: str) -> Path:
        path = self._taking / name
        check_size(self._watched, path.stat().st_size)
        return path

    async def receipted(self, file: Arrived, taken: Taken) -> None:
        if self._receipts is not None:
            await self._receipts.give(file, taken)

    async def settled(self, name: str) -> None:
        await in_thread(self._context, self._settle, name)

    async def turned_away(self, name: str, told: Report) -> None:
        await in_thread(self._context, self._turn_away, name, told)

    def _make_folders(self) -> None:
        self._arrived.mkdir(parents=True, exist_ok=True)
        self._taking.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in filter(None, (self._rejected, self._done)):
            folder.mkdir(parents=True, exist_ok=True)

    def _claim(self) -> Listing:
        """Moves complete files out of their makers' reach; also finishes what a crash left half done."""
        here, taken = _plain(self._arrived), _plain(self._taking)
        for name in sort_out(taken, self._companions).alone:
            if belongs(name, self._companions):  # its file has left already
                os.unlink(self._taking / name)
                taken.remove(name)
        found = sort_out(here | taken, self._companions)
        for name in found.complete:
            parts = (name, *(name_of(c, name) for c in self._companions))
            if taken.issuperset(parts):
                continue  # the earlier file of that name comes first
            # What is not whole there was never taken: a process died while it moved them, and newer ones replace them.
            for part in parts:
                if part in here and (name in here or part not in taken):
                    with suppress(FileNotFoundError):  # its makers have taken it back
                        os.rename(self._arrived / part, self._taking / part)
        return Listing(sort_out(_plain(self._taking), self._companions).complete, found.alone)

    def _settle(self, name: str) -> None:
        file = self._taking / name
        if self._done is None:
            discard(file, self._companions)
        else:
            move(file, free(self._done, name), self._companions)

    def _turn_away(self, name: str, told: Report) -> None:
        target = free(self._rejected, name)
        write(target.with_name(target.name + REPORT), told.text)
        write(target.with_name(target.name + REPORT_JSON), told.json)
        move(self._taking / name, target, self._companions)


def _plain(folder: Path) -> set[str]:
    """The names of regular files; no links."""
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}

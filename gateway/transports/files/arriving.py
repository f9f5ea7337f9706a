"""What partners put somewhere for us: which files are complete, and what becomes of each.

    complete? ─► checked ─► taker ─ committed ─► receipt ─► settled (done/)
                     └────────┴─ refused, on record ─► turned away (rejected/, with reports)

A file that was taken in and not yet moved when the process died is taken again: its message's own id makes that the
same message.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Final

from pydantic import Field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.contract import Context, Duration, Handled, Unavailable
from gateway.transports.files.checking import Checks, check
from gateway.transports.files.companions import Listing
from gateway.transports.files.memory import Memory
from gateway.transports.files.reporting import Report, report
from gateway.transports.files.taking import Arrived, NotNow, Taken, Taker, TurnedAway
from gateway.transports.files.threads import in_thread

#: Files looked at in one round; the others come next.
_ROUND: Final = 200


class Watched(Checks):
    """收文件的通道共有的设置。 / What all ways have in common by which files arrive."""

    interval: Duration = Field(default=5.0, gt=0, description="查看间隔 / between looks", examples=["5s"])
    companion_patience: Duration = Field(
        default=600.0,
        gt=0,
        description="文件与伴随文件只到其一，多久后告警（仍继续等） / how long a file may wait for its companion, or a companion for its file, before an alarm; it goes on waiting",
        examples=["10min"],
    )


class Watcher(ABC):
    """Implements `Receiver`: looks at a place every so often, one round at a time.

    Args:
        companions: what complete files bring with them.
    """

    def __init__(
        self, settings: Watched, companions: tuple[str, ...], taker: Taker, context: Context
    ) -> None:
        self._watched = settings
        self._companions = companions
        self._taker = taker
        self._context = context
        self._memory = Memory(context.state_dir)
        self._timer: Any = None
        self._round: Deferred[None] | None = None
        self._stopped: Deferred[None] | None = None  #: whoever stops it waits for this
        self._again = False  #: there is more to do: the next round follows at once
        self._failing: set[str] = set()  #: could not be taken in the last round: others come first
        #: On record as refused, and not moved away yet: by name and SHA-256.
        self._refused: dict[tuple[str, str], TurnedAway] = {}
        self._alone: dict[str, float] = {}  #: since when; infinite once an alarm was given

    @abstractmethod
    async def listing(self) -> Listing:
        """What there is. What is complete is out of its makers' reach from now on, or is seen to change."""

    @abstractmethod
    async def fetched(self, name: str) -> Path:
        """Where the complete file, and its companions beside it, can be read.

        Raises:
            TurnedAway: it is too large to be fetched.
            OSError: it cannot be read now; the others can.
        """

    async def receipted(self, file: Arrived, taken: Taken) -> None:  # noqa: B027  most ways tell nothing
        """Its message is committed: tells its makers, where there is a way. Raises OSError."""

    @abstractmethod
    async def settled(self, name: str) -> None:
        """Its message is committed: away with it. Raises OSError where that is not possible now."""

    @abstractmethod
    async def turned_away(self, name: str, told: Report) -> None:
        """It was refused, on record: away with it, and `told` to where its makers find it. Raises OSError."""

    async def start(self) -> None:
        self._begin()

    async def stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        elif self._round is not None:
            self._stopped = Deferred()
            await self._stopped

    def hurry(self) -> None:
        """Something may be complete now."""
        self._again = True
        if self._timer is not None and self._timer.active():
            self._timer.reset(0)

    def _begin(self) -> None:
        self._again = False
        self._round = Deferred.fromCoroutine(self.look())
        self._round.addErrback(self._failed).addBoth(self._ended)

    def _failed(self, failure: Failure) -> None:
        # A folder that is away for a while is looked into again; nothing was taken.
        self._context.log.error("folder.unreadable", error=self.cause(failure.value))

    def cause(self, error: BaseException | None) -> str:
        """What the log says of an error: never the path of a file, which may hold personal data."""
        said = error.strerror if isinstance(error, OSError) and error.filename is None else None
        return said or type(error).__name__

    def _ended(self, _: object) -> None:
        self._round = None
        if self._stopped is not None:
            self._stopped.callback(None)
            return
        pause = 0 if self._again else self._watched.interval
        self._timer = self._context.reactor.callLater(pause, self._begin)

    async def look(self) -> None:
        """One round: every complete file, in order of name."""
        found = await self.listing()
        await self._missing(found)
        failed: set[str] = set()
        for name in sorted(found.complete, key=lambda name: name in self._failing)[:_ROUND]:
            if self._stopped is not None:
                return
            try:
                await self._take(name)
            except NotNow:
                return  # nothing can be committed now; the files stay where they are
            except OSError as error:  # this one cannot be read or moved now; the others can
                failed.add(name)
                self._context.log.error("folder.file", error=self.cause(error))
            except Exception:
                self._failing = failed | {name}  # whatever it was, it holds up no other for ever
                raise
        self._failing = failed
        if len(found.complete) > _ROUND > len(failed):
            self._again = True

    async def _take(self, name: str) -> None:
        file: Arrived | None = None
        try:
            file = await self._checked(name)
            if (name, file.sha256) in self._refused:
                raise self._refused[name, file.sha256]
            taken = await self._taker.take(file)
        except TurnedAway as refused:
            if file is not None:
                refused.size, refused.sha256 = file.size, file.sha256
            await self._refuse(name, refused)
            return
        if self._watched.same_name == "refuse":
            await in_thread(self._context, self._memory.take, name, file.sha256)
        await self.receipted(file, taken)
        await self.settled(name)

    async def _refuse(self, name: str, refused: TurnedAway) -> None:
        """On record once, however often it takes to move the file away."""
        key = name, refused.sha256
        refused = self._refused.get(key, refused)
        if not refused.refusal_id:
            digest = bytes.fromhex(refused.sha256)
            refused.refusal_id = await self._taker.refuse(name, refused.code, refused.findings, digest)
        self._refused[key] = refused
        await self.turned_away(name, report(name, refused, self._context.clock.now()))
        del self._refused[key]

    async def _checked(self, name: str) -> Arrived:
        path = await self.fetched(name)
        own = self._watched
        checked = await in_thread(self._context, check, own, path, name, self._companions, self._memory)
        known = checked.digests
        return Arrived(
            name=name,
            path=path,
            size=known.size,
            sha256=known.sha256,
            sm3=known.sm3,
            checked=checked.checks,
        )

    async def _missing(self, found: Listing) -> None:
        """An alarm, once for each, where one half of a pair has waited for too long for the other."""
        now = self._context.clock.monotonic()
        self._alone = {name: self._alone.get(name, now) for name in found.alone}
        for name, since in self._alone.items():
            if now - since < self._watched.companion_patience:
                continue
            try:
                recorded = await self._context.inbox.handled(
                    Handled(kind="file.half-missing", raw=os.fsencode(name))
                )
            except Unavailable:
                return
            self._alone[name] = float("inf")
            self._context.log.warning("file.half_missing", record=recorded, waited=round(now - since))

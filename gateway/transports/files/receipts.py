"""Receipts: what became of a file, and the proof that the audit log holds it, for its makers to keep.

    x.txt.receipt.json       at once, after the commit
    x.txt.receipt.entry      the log's entry                   ─┐
    x.txt.receipt.salt       key of the digest in the entry     │ once a signed checkpoint covers it, about a second later
    x.txt.receipt.tlog-proof its inclusion proof               ─┘
    vkey, HOWTO-verify.txt   once for each folder

What stands there without its proof at start gets it afterwards.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.contract import ConfigError, Context, Evidence, Unavailable
from gateway.transports.files.howto import HOWTO
from gateway.transports.files.reporting import CHINA
from gateway.transports.files.taking import Arrived, Taken
from gateway.transports.files.threads import in_thread
from gateway.transports.files.whole import place, sync, write

RECEIPT: Final = ".receipt.json"
_ENTRY: Final = ".receipt.entry"
_SALT: Final = ".receipt.salt"
_PROOF: Final = ".receipt.tlog-proof"
#: Seconds until proofs are asked for, the longer the more often in vain.
_SOON: Final = 1.0
_SELDOM: Final = 60.0
#: Proofs that are written together.
_BATCH: Final = 50


class _Told(msgspec.Struct):
    """What of a receipt is read again."""

    sha256: str = ""
    message_id: str = ""


_read = msgspec.json.Decoder(_Told).decode


class Receipts:
    """Writes into one folder. The newest receipt of a name stays."""

    def __init__(self, folder: Path, context: Context) -> None:
        self._folder = folder
        self._context = context
        self._unproved: dict[str, str] = {}  #: message ids by the file's name
        self._proving: Deferred[None] | None = None
        self._timer: Any = None
        self._pause = _SOON
        self._stopping = False

    async def start(self) -> None:
        """Makes the folder; finds receipts that a crash or a restart left without proof."""
        self._unproved = await in_thread(self._context, self._begun)
        self._prove_soon()

    async def give(self, file: Arrived, taken: Taken) -> None:
        """Tells the file's makers that its message is committed. The same again changes nothing."""
        new = await in_thread(self._context, self._give, file, taken)
        if new:
            self._unproved[file.name] = taken.message_id
            self._prove_soon()

    async def stop(self) -> None:
        """Waits for what is under way; what lacks its proof gets it after the next start."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._proving is not None:
            done: Deferred[None] = Deferred()
            self._proving.addBoth(done.callback)
            await done

    def _prove_soon(self) -> None:
        """Adds proofs beside whatever else goes on, when the log may have them."""
        self._pause = _SOON
        if self._timer is None:
            self._prove_later()
        elif self._timer.getTime() > self._context.reactor.seconds() + _SOON:
            self._timer.reset(_SOON)

    def _prove_later(self) -> None:
        if self._unproved and self._proving is None and not self._stopping:
            self._timer = self._context.reactor.callLater(self._pause, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._pause = min(2 * self._pause, _SELDOM)  # some messages may never have a proof
        self._proving = Deferred.fromCoroutine(self.prove())
        self._proving.addErrback(self._failed).addBoth(self._proved)

    def _proved(self, _: object) -> None:
        self._proving = None
        self._prove_later()

    def _failed(self, failure: Failure) -> None:
        self._said(failure.value)

    def _said(self, error: BaseException | None, **about: str) -> None:
        self._context.log.error("receipt.proof", error=type(error).__name__, **about)

    async def prove(self) -> None:
        """Adds proofs to receipts that have none, where the log has them by now."""
        waiting = iter(list(self._unproved.items()))
        while (batch := list(islice(waiting, _BATCH))) and not self._stopping:
            found: list[tuple[str, str, Evidence]] = []
            try:
                for name, message_id in batch:
                    evidence = await self._evidence(message_id)
                    if evidence is not None:
                        found.append((name, message_id, evidence))
                await in_thread(self._context, self._prove, found)
            except (Unavailable, OSError) as error:
                self._said(error)
                return
            for name, message_id, _ in found:
                self._pause = _SOON
                if self._unproved.get(name) == message_id:
                    del self._unproved[name]

    async def _evidence(self, message_id: str) -> Evidence | None:
        try:
            return await self._context.inbox.evidence(message_id)
        except ConfigError as error:  # what was kept of this one is damaged or gone: the others have theirs
            self._said(error, message=message_id)
            return None

    def _begun(self) -> dict[str, str]:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        howto = self._folder / "HOWTO-verify.txt"
        if not howto.exists():
            write(howto, HOWTO.encode())
        there = set(os.listdir(self._folder))
        names = (name.removesuffix(RECEIPT) for name in there if name.endswith(RECEIPT))
        found = ((name, self._stands(name)) for name in sorted(names) if name + _PROOF not in there)
        return {name: told.message_id for name, told in found if told is not None and told.message_id}

    def _give(self, file: Arrived, taken: Taken) -> bool:
        """Whether it is new."""
        stands = self._stands(file.name)
        if stands == _Told(file.sha256, taken.message_id):
            return False  # it was given before the process died
        for ending in (_PROOF, _ENTRY, _SALT):  # of an earlier file of this name
            with suppress(FileNotFoundError):
                os.unlink(self._folder / (file.name + ending))
        facts = _facts(file, taken, self._context.clock.now().astimezone(CHINA).isoformat(timespec="seconds"))
        text = msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"
        write(self._folder / (file.name + RECEIPT), text)
        return True

    def _prove(self, found: list[tuple[str, str, Evidence]]) -> None:
        for name, message_id, evidence in found:
            if not self._speaks_of(name, message_id):
                continue  # fetched and deleted, or another file's by now
            key = self._folder / "vkey"
            known = key.read_text("utf-8").splitlines() if key.exists() else []
            if evidence.vkey not in known:  # earlier keys stay: earlier receipts need them
                place(key, "".join(f"{line}\n" for line in (evidence.vkey, *known)).encode())
            if evidence.salt is not None:
                place(self._folder / (name + _SALT), f"{evidence.salt.hex()}\n".encode())
            place(self._folder / (name + _ENTRY), evidence.entry)
        sync(self._folder)
        for name, message_id, evidence in found:
            if self._speaks_of(name, message_id):  # last: where it stands, nothing is owed any more
                place(self._folder / (name + _PROOF), evidence.proof)
        sync(self._folder)

    def _speaks_of(self, name: str, message_id: str) -> bool:
        stands = self._stands(name)
        return stands is not None and stands.message_id == message_id

    def _stands(self, name: str) -> _Told | None:
        try:
            return _read((self._folder / (name + RECEIPT)).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def _facts(file: Arrived, taken: Taken, time: str) -> dict[str, Any]:
    return {
        "file": file.name,
        "size": file.size,
        "sha256": file.sha256,
        "sm3": file.sm3,
        "checked": list(file.checked),
        "count": taken.count,
        "total_fen": taken.total,
        "total_yuan": None if taken.total is None else _yuan(taken.total),
        "message_id": taken.message_id,
        "state": "already-accepted" if taken.repeated else "accepted",
        "time": time,
    }


def _yuan(fen: int) -> str:
    sign, amount = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{amount // 100}.{amount % 100:02}"

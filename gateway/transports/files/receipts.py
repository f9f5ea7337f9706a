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
from gateway.transports.files.whole import write

RECEIPT: Final = ".receipt.json"
_ENTRY: Final = ".receipt.entry"
_SALT: Final = ".receipt.salt"
_PROOF: Final = ".receipt.tlog-proof"
#: Proofs asked for in one round.
_ROUND: Final = 100


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
        self._stopping = False

    async def start(self) -> None:
        """Makes the folder; finds receipts that a crash or a restart left without proof."""
        self._unproved = await in_thread(self._context, self._begun)

    async def give(self, file: Arrived, taken: Taken) -> None:
        """Tells the file's makers that its message is committed. The same again changes nothing."""
        new = await in_thread(self._context, self._give, file, taken)
        if new:
            self._unproved[file.name] = taken.message_id

    def prove_soon(self) -> None:
        """Adds proofs beside whatever else goes on."""
        if self._proving is None and self._unproved:
            self._proving = Deferred.fromCoroutine(self.prove())
            self._proving.addErrback(self._failed).addBoth(self._proved)

    async def stop(self) -> None:
        """Waits for what is under way; what lacks its proof gets it after the next start."""
        self._stopping = True
        if self._proving is not None:
            done: Deferred[None] = Deferred()
            self._proving.addBoth(done.callback)
            await done

    def _proved(self, _: object) -> None:
        self._proving = None

    def _failed(self, failure: Failure) -> None:
        self._context.log.error("receipt.proof", error=type(failure.value).__name__)

    async def prove(self) -> None:
        """Adds proofs to receipts that have none, where the log has them by now."""
        for name, message_id in list(self._unproved.items())[:_ROUND]:
            if self._stopping:
                return
            try:
                evidence = await self._context.inbox.evidence(message_id)
                if evidence is None:  # not covered yet: the others first
                    self._unproved[name] = self._unproved.pop(name)
                    continue
                await in_thread(self._context, self._prove, name, message_id, evidence)
            except (Unavailable, ConfigError, OSError) as error:
                self._context.log.error("receipt.proof", message=message_id, error=type(error).__name__)
                return
            if self._unproved.get(name) == message_id:
                del self._unproved[name]

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

    def _prove(self, name: str, message_id: str, evidence: Evidence) -> None:
        stands = self._stands(name)
        if stands is None or stands.message_id != message_id:
            return  # fetched and deleted, or another file's by now
        key = self._folder / "vkey"
        if not key.exists():
            write(key, f"{evidence.vkey}\n".encode())
        if evidence.salt is not None:
            write(self._folder / (name + _SALT), f"{evidence.salt.hex()}\n".encode())
        write(self._folder / (name + _ENTRY), evidence.entry)
        write(self._folder / (name + _PROOF), evidence.proof)

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

"""What the audit log holds about a message, and the proof that it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit import Checkpoint, Entry, Prover, decode
from gateway.audit.proof import Receipt, format_receipt
from gateway.contract import Unavailable
from gateway.desk.refused import NotPossible
from gateway.store.reader import Reader

_ACCEPTED: Final = "message.accepted"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One audit entry; `data` are its bytes in the log, `index` is None until it has one."""

    index: int | None
    entry: Entry
    data: bytes


@dataclass(frozen=True, slots=True)
class Trail:
    """Everything recorded about a message or a refusal, in order.

    Attributes:
        about: the id that the entries name.
        reply: the reply that was asked for; its trail is that of the message which it answers.
    """

    about: str
    reply: str | None
    entries: tuple[Recorded, ...]

    @property
    def rows(self) -> list[tuple[int | None, Entry | None]]:
        """(index, entry), as a table has them."""
        return [(one.index, one.entry) for one in self.entries]

    @property
    def acceptance(self) -> Recorded:
        """The one entry that is proved where one will do: of a reply, the one that names it."""
        naming = [
            one for one in self.entries if self.reply and (one.entry.detail or {}).get("reply") == self.reply
        ]
        among = naming or self.entries
        return next((one for one in among if one.entry.event == _ACCEPTED), among[0])


@dataclass(frozen=True, slots=True)
class Proved:
    """An entry and the receipt that proves it, as files to hand out."""

    index: int
    entry: Entry
    data: bytes
    receipt: bytes


def trail_of(reader: Reader, identifier: str) -> Trail:
    """What is recorded about a message, a reply or a refusal.

    Raises:
        NotPossible: nothing is.
    """
    entries, reply = _entries(reader, identifier), reader.message(identifier)
    if entries:
        return Trail(identifier, None, entries)
    about = None if reply is None else reply.causation_id
    entries = () if about is None else _entries(reader, about)
    if about is None or not entries:
        raise NotPossible(f"没有报文 {identifier} 的审计条目", f"no audit entries of message {identifier}")
    return Trail(about, identifier, entries)


def _entries(reader: Reader, message_id: str) -> tuple[Recorded, ...]:
    return tuple(Recorded(index, decode(data), data) for index, _, data in reader.audit_of(message_id))


def prove(log: Path, entries: Sequence[Recorded]) -> tuple[Checkpoint, bytes, list[Proved]]:
    """Receipts of these entries, all under the checkpoint that is published now; with the checkpoint and its signed bytes.

    Raises:
        Unavailable: an entry is not in the log yet.
        gateway.audit.AuditError: the log cannot be read.
    """
    if any(one.index is None for one in entries):
        raise Unavailable(
            "条目已提交，但尚未写入日志，请稍候再试",
            "committed but not in the log yet: try again in a second",
        )
    prover = Prover(log)
    checkpoint, note = prover.published()
    proved = []
    for one in entries:
        index = one.index or 0
        hashes = tuple(prover.inclusion(index, checkpoint.size))
        proved.append(Proved(index, one.entry, one.data, format_receipt(Receipt(index, hashes, note))))
    return checkpoint, note, proved

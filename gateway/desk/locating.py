"""One entry of the audit log, with the proof that it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from gateway.audit import AuditError, Entry, LogInconsistent, NotInLog, Prover
from gateway.audit.proof import parse_receipt
from gateway.audit.verify import NotVerified, verify_receipt
from gateway.desk.auditing import Words, entry_in, vkeys_of, words_of
from gateway.desk.refused import NotPossible
from gateway.engine.config import Configuration
from gateway.store import reads
from gateway.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that an entry is in the log.

    Attributes:
        leaf: its hash, hex.
        path: the hashes beside it on the way up to the root, hex.
        root: what the checkpoint signs, hex.
        size: entries that the checkpoint covers.
    """

    leaf: str
    path: tuple[str, ...]
    root: str
    size: int


@dataclass(frozen=True, slots=True)
class Located:
    """One entry as it is kept, and whether the log proves it.

    Attributes:
        data: its bytes in the store; where that has none, in the log.
        proof: None where there is none.
        trouble: what is wrong, or why there is no proof yet.
        pending: there is no proof because the log does not have it yet.
    """

    index: int
    entry: Entry | None
    data: bytes
    proof: Proof | None
    trouble: Words | None
    pending: bool = False


def locate(configuration: Configuration, reader: Reader, index: int) -> Located:
    """The entry at an index, with its proof, checked by the stand-alone verifier.

    Raises:
        NotPossible: neither store nor log has it.
        Unavailable: there is no log yet.
        BadKeyFile: a key cannot be used.
    """
    stored = next(iter(reader.ask(reads.audit_from, index, 1)), None)
    vkeys = "\n".join(vkeys_of(configuration))
    prover = Prover(configuration.audit_folder)
    try:
        receipt = prover.receipt(index)
        logged = _logged(prover, index)
        proof, data = _proved(receipt, [logged, stored], vkeys)
    except NotInLog as error:
        if stored is None:
            raise NotPossible(f"没有索引 {index} 的条目", f"no entry at index {index}") from None
        return Located(index, entry_in(stored), stored, None, words_of(error), pending=True)
    except (AuditError, NotVerified) as error:
        data = stored or b""
        return Located(index, entry_in(data), data, None, words_of(error))
    return Located(index, entry_in(data), data, proof, _differs(data, stored, logged))


def _logged(prover: Prover, index: int) -> bytes | None:
    try:
        return prover.entry(index)
    except LogInconsistent:
        return None


def _proved(receipt: bytes, candidates: Sequence[bytes | None], vkeys: str) -> tuple[Proof, bytes]:
    """The proof, and the first of the candidates that it is a proof of.

    Raises:
        NotVerified: it is of none.
    """
    wrong: NotVerified | None = None
    for data in candidates:
        try:
            _, checkpoint = verify_receipt(receipt, data or b"", vkeys)
        except NotVerified as error:
            wrong = wrong or error
            continue
        path = tuple(value.hex() for value in parse_receipt(receipt).hashes)
        leaf = sha256(b"\0" + (data or b"")).hexdigest()
        return Proof(leaf, path, checkpoint.root.hex(), checkpoint.size), data or b""
    assert wrong is not None
    raise wrong


def _differs(signed: bytes, stored: bytes | None, logged: bytes | None) -> Words | None:
    """What is wrong where not both of store and log have what was signed."""
    if logged != signed:
        return (
            "日志文件中的条目被改动或损坏。以下为库中的内容，检查点证明的是它。保留日志目录备查",
            "the entry in the log's file was altered or is damaged. What follows is the store's, which is what the"
            " checkpoint proves. Keep the folder as it is",
        )
    if stored is None:
        return (
            "日志中有此条目，库中没有：数据库可能是从旧备份恢复的。以日志为准",
            "the log has it, the store does not: was the database restored from an older backup? The log counts",
        )
    if stored != signed:
        return (
            "库中的条目与日志中签署的不一致：库被改动过。以下为日志中的内容",
            "the store's entry is not the one that the log has signed: the store was altered. What follows is the log's",
        )
    return None

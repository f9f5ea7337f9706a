"""The state of the audit log, and its newest entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.audit import AuditError, BadKeyFile, Entry, LogInconsistent, NotInLog, Prover, decode
from gateway.audit.keys import load_signers
from gateway.audit.verify import NotVerified, open_checkpoint
from gateway.contract import Unavailable
from gateway.engine.config import Configuration
from gateway.store import reads
from gateway.store.reader import Reader

#: Entries that one look goes back at most.
FAR: Final = 20_000
#: What has an index is in the log within a second; so long after, it is missing there.
_LATE: Final = dt.timedelta(minutes=1)
_WINDOW: Final = 1_000
Words = tuple[str, str]  #: in Chinese, in English


@dataclass(frozen=True, slots=True)
class LogState:
    """How the log stands; nothing but the checkpoint's signature is verified for it.

    Attributes:
        key_ids: of the keys that sign, the present one first.
        size: entries that the published checkpoint covers.
        published: when it was, milliseconds since 1970; by the file's time.
        indexed: entries that have their place; the log holds them within about a second.
        waiting: entries that are committed and have no place yet.
        trouble: why the checkpoint proves nothing.
    """

    origin: str
    key_ids: tuple[str, ...]
    size: int
    published: int | None
    indexed: int
    waiting: int
    trouble: Words | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in a list, as the store has it; `entry` is None where that holds something else than an entry."""

    index: int
    entry: Entry | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """What a look back through the log found.

    Attributes:
        first: the index where it began, the newest.
        last: the index where it ended.
        older: where to go on, exclusive; None where nothing is older.
    """

    found: tuple[Listed, ...]
    first: int | None
    last: int | None
    older: int | None

    @property
    def rows(self) -> list[tuple[int | None, Entry | None]]:
        """(index, entry), as a table has them."""
        return [(one.index, one.entry) for one in self.found]


def require_key(configuration: Configuration) -> None:
    """
    Raises:
        Unavailable: the log has no key yet.
    """
    if not configuration.audit_key_file.exists():
        raise Unavailable(
            "尚无签名密钥，网关首次启动时生成",
            "there is no key yet: the gateway makes it when it first starts",
        )


def vkeys_of(configuration: Configuration) -> list[str]:
    """The verifier keys of all who sign, the present one first. From the signing keys, not from the log's folder: whoever
    could alter that could put a key there.

    Raises:
        Unavailable: the log has no key yet.
        BadKeyFile: a key cannot be used.
    """
    require_key(configuration)
    signers = load_signers(configuration.gateway.audit.origin, configuration.audit_key_file)
    return [signer.vkey for signer in signers]


def words_of(error: AuditError | NotVerified) -> Words:
    """What an error of the log means to people."""
    if isinstance(error, NotVerified):
        return error.zh, error.en
    zh = "审计日志无法读取"
    if isinstance(error, NotInLog):
        zh = "已发布的检查点尚未覆盖该条目，约一秒后再看"
    elif isinstance(error, LogInconsistent):
        zh = f"日志文件缺失或损坏（{error.what}）：验证整个日志，保留目录备查，从备份恢复"
    elif isinstance(error, BadKeyFile):
        zh = f"签名密钥文件无法使用：{error}"
    return zh, str(error)


def state_of(configuration: Configuration, reader: Reader) -> LogState:
    """How the log stands.

    Raises:
        Unavailable: there is no log yet.
        BadKeyFile: a key cannot be used.
    """
    vkeys = vkeys_of(configuration)
    size, published, trouble = 0, None, None
    file = configuration.audit_folder / "checkpoint"
    try:
        note, published = file.read_bytes(), int(file.stat().st_mtime * 1000)
        size = open_checkpoint(note, "\n".join(vkeys)).size
    except OSError:
        trouble = "没有检查点：日志目录不完整，或网关尚未写入", "no checkpoint: the folder is not complete"
    except NotVerified as error:
        trouble = words_of(error)
    indexed = reader.ask(reads.audit_size)
    if trouble is None:
        trouble = _apart(reader, size, indexed)
    return LogState(
        origin=configuration.gateway.audit.origin,
        key_ids=tuple(vkey.split("+")[1] for vkey in vkeys),
        size=size,
        published=published,
        indexed=indexed,
        waiting=reader.audit_backlog(),
        trouble=trouble,
    )


def _apart(reader: Reader, size: int, indexed: int) -> Words | None:
    """How log and store contradict each other. A folder put back to an older state is sound in itself: only the store
    knows that there was more."""
    if size > indexed:
        return (
            f"日志有 {size} 个条目，库中只有 {indexed} 个：数据库可能是从旧备份恢复的",
            f"the log has {size} entries, the store {indexed}: was the database restored from an older backup?",
        )
    first = entry_in(next(iter(reader.ask(reads.audit_from, size, 1)), b""))
    if first is None or dt.datetime.now(dt.UTC) - first.time < _LATE:
        return None
    return (
        f"库中已编号的条目比日志多 {indexed - size} 个，最早的已过 {_LATE.seconds} 秒：网关停止时它会在启动后补上；"
        "网关在运行则日志目录可能被换成了旧的，保留目录备查",
        f"the store has {indexed - size} entries more that have their index, the first for over {_LATE.seconds} s: where the"
        " gateway is down it adds them at its start; where it runs, the folder may be an older one put back: keep it",
    )


def look_back(
    reader: Reader, *, before: int | None = None, event: str = "", actor: str = "", limit: int = 50
) -> Look:
    """The newest entries that fit, newest first; gives up after `FAR` entries, and says how far it came.

    Args:
        before: only entries with a smaller index.
        event: `delivery.accepted`, or `delivery` for all of them.
        actor: part of the name of whoever did it, or of the person who signed it.
    """
    size = reader.ask(reads.audit_size)
    top = size if before is None else max(0, min(before, size))
    found: list[Listed] = []
    last = top
    for listed in _downwards(reader, top, max(0, top - FAR)):
        last = listed.index
        if _fits(listed.entry, event, actor):
            found.append(listed)
            if len(found) == limit:
                break
    return Look(tuple(found), top - 1 if top else None, last if top else None, last if last > 0 else None)


def _downwards(reader: Reader, top: int, bottom: int) -> Iterator[Listed]:
    while top > bottom:
        first = max(bottom, top - _WINDOW)
        entries = reader.ask(reads.audit_from, first, top - first)
        for index, data in reversed(list(enumerate(entries, first))):
            yield Listed(index, entry_in(data), data)
        top = first


def _fits(entry: Entry | None, event: str, actor: str) -> bool:
    if entry is None:
        return not event and not actor
    if event and entry.event != event and not entry.event.startswith(f"{event}."):
        return False
    signed = str((entry.detail or {}).get("person", ""))
    return not actor or actor in (entry.actor or "") or actor == signed


def altered(configuration: Configuration, entries: Iterable[tuple[int, bytes]]) -> list[int]:
    """The indices at which the log has another entry than the store, from which lists are made; what the log does not have
    yet, or cannot be read, is not among them."""
    prover, found = Prover(configuration.audit_folder), []
    for index, data in entries:
        try:
            if prover.entry(index) != data:
                found.append(index)
        except AuditError:  # the state of the log says so
            continue
    return found


def entry_in(data: bytes) -> Entry | None:
    """The entry that these bytes are; None where they are none."""
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

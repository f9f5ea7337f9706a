"""What outsiders are given as evidence: ZIP files that prove without us what passed.

Every proof is checked as they will check it before anything is given, and the giving is on record.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit import Checkpoint
from gateway.audit import verify as verifier
from gateway.contract import Unavailable
from gateway.desk.auditing import vkeys_of
from gateway.desk.proving import Proved, Recorded, Trail, prove, trail_of
from gateway.desk.record import journal_of
from gateway.desk.refused import NotPossible
from gateway.engine.config import Configuration
from gateway.store import open_clerk, open_reader
from gateway.store.api import Record

_RECEIPT, _PACKAGE = "receipt", "package"
_EDGE: Final = "\r\n"  # read on whatever computer an outsider has
_COMMAND: Final = "    python verify.py"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file to be given away."""

    name: str
    data: bytes


def receipt(configuration: Configuration, identifier: str, actor: str) -> Evidence:
    """The receipt of a message's acceptance (of a reply: of the entry that names it), with key and verifier.

    Raises:
        NotPossible: nothing is recorded, or the log does not prove it.
        Unavailable: it is not in the log yet, or the giving could not be recorded.
        gateway.audit.AuditError: log or key cannot be read.
    """
    trail = _trail(configuration, identifier)
    checkpoint, _, proved = _prove(configuration, [trail.acceptance])
    vkeys = vkeys_of(configuration)
    [one] = proved
    files = {"entry.bin": one.data, "receipt.tlog-proof": one.receipt, "vkey": _lines(vkeys)}
    files["verify.py"] = _verifier()
    commands = ["receipt receipt.tlog-proof entry.bin --vkey vkey"]
    files["README.txt"] = _readme(trail, checkpoint, vkeys, proved, 0, commands, ())
    _give(configuration, trail, actor, _RECEIPT, 1, checkpoint.size)
    return Evidence(f"tongqu-receipt-{one.index}.zip", _zip(files))


def package(configuration: Configuration, identifier: str, actor: str) -> Evidence:
    """Everything that the log proves about a message, with the verifier, for somebody who has nothing of ours.

    Raises: as `receipt`.
    """
    trail = _trail(configuration, identifier)
    size = _published(configuration)
    inside = [one for one in trail.entries if one.index is not None and one.index < size]
    if not inside:
        raise Unavailable(
            "条目已提交，但尚未写入日志，请稍候再试",
            "committed but not in the log yet: try again in a second",
        )
    checkpoint, note, proved = _prove(configuration, inside)
    vkeys = vkeys_of(configuration)
    files = {"checkpoint": note, "vkey": _lines(vkeys), "verify.py": _verifier()}
    commands = []
    for one in proved:
        files[f"entry-{one.index}.bin"] = one.data
        files[f"receipt-{one.index}.tlog-proof"] = one.receipt
        commands.append(f"receipt receipt-{one.index}.tlog-proof entry-{one.index}.bin --vkey vkey")
    missing = len(trail.entries) - len(proved)
    files["README.txt"] = _readme(trail, checkpoint, vkeys, proved, missing, commands, _LATER)
    _give(configuration, trail, actor, _PACKAGE, len(proved), checkpoint.size)
    return Evidence(f"tongqu-evidence-{trail.about}.zip", _zip(files))


def _verifier() -> bytes:
    """Whoever gets evidence can check it with what is in the same file."""
    return Path(verifier.__file__).read_bytes()


def _trail(configuration: Configuration, identifier: str) -> Trail:
    with open_reader(configuration.gateway.store) as reader:
        return trail_of(reader, identifier)


def _published(configuration: Configuration) -> int:
    return prove(configuration.audit_folder, ())[0].size


def _prove(
    configuration: Configuration, entries: Sequence[Recorded]
) -> tuple[Checkpoint, bytes, list[Proved]]:
    checkpoint, note, proved = prove(configuration.audit_folder, entries)
    vkeys = "\n".join(vkeys_of(configuration))
    try:
        for one in proved:
            verifier.verify_receipt(one.receipt, one.data, vkeys)
    except verifier.NotVerified as error:
        raise NotPossible(
            f"未出具：存证不成立（{error.zh}）。请验证整个日志，保留目录备查",
            f"not given, since it would prove nothing ({error.en}): verify the whole log, keep the folder",
        ) from None
    return checkpoint, note, proved


def _give(configuration: Configuration, trail: Trail, actor: str, kind: str, entries: int, size: int) -> None:
    """Before it is given: what nobody could put on record is not given."""
    detail: dict[str, str | int] = {"kind": kind, "entries": entries, "checkpoint": size}
    if trail.reply is not None:
        detail["reply"] = trail.reply
    entry = journal_of(configuration).entry("evidence.given", message=trail.about, actor=actor, detail=detail)
    with open_clerk(configuration.gateway.store) as clerk:
        clerk.record(Record((entry,)))


# The text that goes with it

_LATER: Final = (
    "请保存 checkpoint。日后取得日志目录的副本（此处称 audit）时，可验证此前的内容未被改写：",
    "Keep checkpoint. Given a copy of the log's folder later (here: audit), it shows that nothing before was rewritten:",
    "",
    f"{_COMMAND} log audit --vkey vkey --since checkpoint",
)


def _readme(
    trail: Trail,
    checkpoint: Checkpoint,
    vkeys: Sequence[str],
    proved: Sequence[Proved],
    missing: int,
    commands: Sequence[str],
    closing: Sequence[str],
) -> bytes:
    parts = (
        _about(trail, checkpoint, vkeys),
        [*_listed(proved), *_missing(missing)],
        _how(commands),
        closing,
    )
    lines = [line for part in parts for line in (*part, "")]
    return _EDGE.join(lines).encode("utf-8-sig")


def _about(trail: Trail, checkpoint: Checkpoint, vkeys: Sequence[str]) -> list[str]:
    ids = ", ".join(vkey.split("+")[1] for vkey in vkeys)
    return [
        f"报文 {trail.about} 的存证，出自审计日志 {checkpoint.origin}。检查点覆盖 {checkpoint.size} 个条目，公钥编号 {ids}。",
        f"Evidence about message {trail.about}, from the audit log {checkpoint.origin}: a checkpoint of"
        f" {checkpoint.size} entries, keys {ids}.",
        "",
        "先把 vkey 与你另行取得并保存的公钥比对：同一来源的文件和公钥互相证明不了什么。",
        "First compare vkey with the key that you were given by another way: file and key from one hand prove nothing.",
    ]


def _listed(proved: Sequence[Proved]) -> list[str]:
    rows = [
        "    ".join(
            (
                str(one.index),
                one.entry.time.isoformat(timespec="seconds").replace("+00:00", "Z"),
                one.entry.event,
                one.entry.partner or "-",
            )
        )
        for one in proved
    ]
    return ["条目 / Entries:  index    time (UTC)    event    partner", *(f"    {row}" for row in rows)]


def _missing(count: int) -> list[str]:
    if not count:
        return []
    return [
        f"另有 {count} 个条目已提交、尚未由检查点覆盖，未包括在内。",
        f"{count} more are committed but not covered by the checkpoint yet; they are not included.",
    ]


def _how(commands: Sequence[str]) -> list[str]:
    return [
        "验证 / To verify (Python 3.11, pip install cryptography; Linux: python3 verify.py …):",
        "",
        *(f"{_COMMAND} {command}" for command in commands),
        "",
        "退出码 0 验证通过，1 未通过，2 无法验证。条目是一行 JSON，可用文本编辑器打开 entry*.bin。",
        "Exit status 0 verified, 1 not verified, 2 could not check. An entry is one line of JSON: open entry*.bin.",
    ]


def _lines(vkeys: Sequence[str]) -> bytes:
    return "".join(f"{vkey}\n" for vkey in vkeys).encode()


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()

"""Files that are whole or not there, whatever happens in between. Blocking: call in a thread."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from adapters.generic.refusals import Refused

_CHINA = dt.timezone(dt.timedelta(hours=8))


def put(file: Path, content: bytes, companion: str) -> None:
    """Writes the file under a name nobody reads, makes it durable, renames it, then writes its companion.

    The same again changes nothing: a file that stands there with this content stays.

    Raises:
        OSError: the folder is not there, or is full; the file has not appeared, or its companion has not.
    """
    if not _holds(file, content):
        _write(file, content)
    if companion != "none":
        _write(file.with_name(file.name + companion), said(file.name, content, companion))


def handed_over(file: Path, companion: str) -> bool:
    """Whether the last of what `put` writes stands there."""
    return (file if companion == "none" else file.with_name(file.name + companion)).exists()


def read(file: Path, limit: int, companion: str) -> bytes:
    """A complete file's content.

    Raises:
        Refused: it is too large, or does not match the digest in its companion.
        OSError: it cannot be read.
    """
    if file.stat().st_size > limit:
        raise too_large(limit)
    raw = file.read_bytes()
    if companion in (".md5", ".sm3"):
        said = file.with_name(file.name + companion).read_text("ascii", "replace").split()
        if not said or said[0].lower() != hashlib.new(companion[1:], raw).hexdigest():
            zh, en = f"文件内容与 {companion} 摘要不符", f"the file does not match its {companion} digest"
            raise Refused(code="malformed", zh=zh, en=en, rule="digest")
    return raw


def too_large(limit: int) -> Refused:
    """A file beyond the limit, which nobody reads."""
    zh, en = f"文件超过 {limit} 字节", f"the file is larger than {limit} bytes"
    return Refused(code="too-large", zh=zh, en=en, rule=f"max {limit}")


def put_away(file: Path, folder: Path, companion: str) -> Path:
    """Moves a file, and its companion, to where it is kept; never over another of that name."""
    target = folder / file.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{file.stem}~{number}{file.suffix}"
    os.rename(file, target)
    _sync(folder)
    _sync(file.parent)
    if companion != "rename":
        with suppress(FileNotFoundError):
            os.unlink(file.with_name(file.name + companion))
    return target


def report(name: str, refused: Refused, at: dt.datetime) -> str:
    """What is wrong with a refused file, for the people who made it: Chinese, then English, no values."""
    lines = [
        f"文件 / file:       {name}",
        f"时间 / time:       {at.astimezone(_CHINA):%Y-%m-%d %H:%M:%S}",
        f"拒绝编号 / id:     {refused.refusal_id}",
        "",
    ]
    for number, one in enumerate((refused, *refused.more), 1):
        lines.append(f"{number}. {one.zh}")
        lines.append(f"   {one.en}")
        facts = {"行 line": one.line, "列 column": one.column, "字段 field": one.field, "规则 rule": one.rule}
        shown = "  ".join(f"{label}: {value}" for label, value in facts.items() if value)
        lines += [f"   {shown}", ""] if shown else [""]
    lines.append("未受理，未产生任何影响；更正后重新放入即可。")
    lines.append("Nothing was taken in and nothing changed: correct the file and put it there again.")
    return "\n".join(lines) + "\n"


def said(name: str, content: bytes, companion: str) -> bytes:
    """What stands in a companion: nothing, or `DIGEST  NAME`."""
    return (
        b"" if companion == ".ok" else f"{hashlib.new(companion[1:], content).hexdigest()}  {name}\n".encode()
    )


def _write(file: Path, content: bytes) -> None:
    hidden = file.with_name(f".{file.name}.part")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.rename(hidden, file)
    _sync(file.parent)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

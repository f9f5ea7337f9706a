"""Files of this machine that are whole or not there, whatever happens in between. Blocking: call in a thread."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.transports.files.companions import beside, written
from gateway.transports.files.content import Content, digests, pieces
from gateway.transports.files.names import shortened


class Appeared(OSError):
    """The last step was taken, and could not be made durable: whoever looks there may have the file already."""


def put(
    file: Path, content: Content, companions: tuple[str, ...] = (), before: Callable[[], None] = lambda: None
) -> None:
    """Writes the file under a name nobody reads, makes it durable, renames it, then writes its companions in order.

    The same again changes nothing: a file that stands there with this content stays. `before` is called before the
    rename, or where it stands there; while the part is there, the rename has not happened.

    Raises:
        Appeared: all is there under its name, or was for a moment, and may not be durable.
        OSError: the folder is not there, or is full; the file has not appeared, or its last companion has not.
    """
    if holds(file, content):
        before()
    else:
        _appear(file, content, not companions, before)
    for name, told in written(file.name, content, companions):
        _appear(file.with_name(name), told, name == beside(file, companions[-1]).name)


def _appear(file: Path, content: Content, last: bool, before: Callable[[], None] = lambda: None) -> None:
    place(file, content, before)
    try:
        sync(file.parent)
    except OSError as error:
        raise (Appeared(*error.args) if last else error) from None


def last_of(file: Path, companions: tuple[str, ...]) -> Path:
    """What makes a file count as handed over: the last thing that `put` writes."""
    return beside(file, companions[-1]) if companions else file


def holds(file: Path, content: Content) -> bool:
    """Whether this content stands there."""
    try:
        if not isinstance(content, bytes):
            return digests(file) == digests(content)
        return file.stat().st_size == len(content) and file.read_bytes() == content
    except FileNotFoundError:
        return False


def write(file: Path, content: Content) -> None:
    """Puts this content under the name, in place of whatever stood there."""
    place(file, content)
    sync(file.parent)


def part_of(file: Path) -> Path:
    """Where a file grows."""
    return file.with_name(f".{file.name}.part")


def place(file: Path, content: Content, before: Callable[[], None] = lambda: None) -> None:
    """The same, but durable only when the folder is synced: for whoever writes several."""
    hidden = part_of(file)
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as out:
            for piece in pieces(content):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        before()
    except Exception:
        with suppress(FileNotFoundError):
            os.unlink(hidden)  # what is half there takes up room
        raise
    try:
        os.rename(hidden, file)
    except OSError as error:
        # The part tells whoever looks that nothing has appeared: it stays. Remote file systems may say no and have done it.
        raise (error if hidden.exists() else Appeared(*error.args)) from None


def free(folder: Path, name: str) -> Path:
    """A name in the folder that nothing has yet: `x.xml`, `x~2.xml`, …, with room for an ending more."""
    wanted = folder / shortened(name)
    target, number = wanted, 1
    while target.exists():
        number += 1
        target = folder / f"{wanted.stem}~{number}{wanted.suffix}"
    return target


def move(file: Path, target: Path, companions: tuple[str, ...] = ()) -> None:
    """Moves a file to a free name, durably; its companions, which say nothing any more, are removed after it."""
    try:
        os.rename(file, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        place(target, file)  # another file system: `discard` removes it here
    sync(target.parent)
    discard(file, companions)


def discard(file: Path, companions: tuple[str, ...] = ()) -> None:
    """Removes a file where it is there, then its companions.

    Not synced: what is there again after a loss of power is taken again, and is the same message.
    """
    for gone in (file, *(beside(file, companion) for companion in companions)):
        with suppress(FileNotFoundError):
            os.unlink(gone)


def sync(folder: Path) -> None:
    """Makes names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

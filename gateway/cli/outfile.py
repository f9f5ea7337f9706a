"""Files that are there complete or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(slots=True)
class OutFile:
    """What is being written; it gets its name at the end, unless it was given up."""

    stream: BinaryIO
    wanted: bool = True

    def give_up(self) -> None:
        self.wanted = False


@contextmanager
def out_file(path: Path | None) -> Iterator[OutFile]:
    """A file that gets its final name, by one rename, when the block ends well; standard output where None."""
    if path is None:
        yield OutFile(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            out = OutFile(stream)
            yield out
            stream.flush()
            os.fsync(stream.fileno())
        if out.wanted:
            os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)

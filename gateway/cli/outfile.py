"""What is written complete or not at all: files, and standard output too."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast


@dataclass(slots=True)
class OutFile:
    """What is being written; it gets its name at the end, unless it was given up."""

    stream: BinaryIO
    wanted: bool = True

    def give_up(self) -> None:
        self.wanted = False


@contextmanager
def out_file(path: Path | None) -> Iterator[OutFile]:
    """A file that gets its final name, by one rename, when the block ends well; standard output where None.

    What is no file of its own (standard output, a pipe, `/dev/null`) gets everything at the end, out of a temporary file.
    """
    if path is None or (path.exists() and not path.is_file()):
        with tempfile.TemporaryFile() as held:
            out = OutFile(cast(BinaryIO, held))
            yield out
            if out.wanted:
                held.seek(0)
                with nullcontext(sys.stdout.buffer) if path is None else path.open("wb") as target:
                    shutil.copyfileobj(held, target)
                    target.flush()
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

"""Writes log lines in pieces: one system call for many lines, yet an error is on disk before the next step."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_PIECE: Final = 64 << 10  #: written at once when so many bytes wait
_PAUSE: Final = 0.2  #: seconds a line waits at most

#: Calls a function later, in the thread of the event loop: `reactor.callLater`.
Later = Callable[[float, Callable[[], None]], Any]


class LineWriter:
    """A file of lines that may be written from any thread.

    A full disk or a closed pipe never stops the gateway: the lines are dropped and counted.

    Args:
        file: appended to; standard output where None.
        later: how to be called again; without it every line is written at once.
    """

    def __init__(self, file: Path | None = None, later: Later | None = None) -> None:
        self._file = file
        self._later = later
        self._owner = threading.get_ident()
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._size = 0
        self._timed = False
        self._handle = self._open()
        self.dropped = 0  #: lines that could not be written

    @property
    def terminal(self) -> bool:
        """Whether a person watches."""
        return os.isatty(self._handle)

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Takes a line, with its line feed."""
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            if urgent or self._later is None or self._size >= _PIECE:
                self._flush()
                return
        if not self._timed:
            self._schedule()

    def _schedule(self) -> None:
        if threading.get_ident() != self._owner:  # only the loop's own thread may ask it for a call
            self.flush()
            return
        assert self._later is not None
        self._timed = True
        self._later(_PAUSE, self._on_time)

    def _on_time(self) -> None:
        self._timed = False
        self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if not self._lines:
            return
        count = len(self._lines)
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        self._size = 0
        try:
            while data:
                data = data[os.write(self._handle, data) :]
        except OSError:
            self.dropped += count

    def reopen(self) -> None:
        """Goes on in a new file after the old one was moved away."""
        with self._lock:
            self._flush()
            if self._file is not None:
                os.close(self._handle)
                self._handle = self._open()

    def close(self) -> None:
        """Writes what waits; later lines are written one by one."""
        self._later = None
        self.flush()

    def _open(self) -> int:
        if self._file is None:
            return 1
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

"""The verification of the whole log, as an outsider would run it: the stand-alone verifier in a process of its own.

nothing ──start──► RUNNING ──the process ends──► ended ──start──► RUNNING …
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.audit import verify


@dataclass(frozen=True, slots=True)
class Check:
    """One verification. Times are milliseconds since 1970.

    Attributes:
        read, size: how many entries have been read, of how many.
        verified: None while it runs, and where nothing could be said.
        zh, en: what the verifier said, line by line.
    """

    started: int
    read: int = 0
    size: int = 0
    ended: int | None = None
    verified: bool | None = None
    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return self.ended is None


class LogCheck:
    """The verifications of this console, one at a time; it remembers the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Check | None = None

    def last(self) -> Check | None:
        """The one that runs, or ended last; None where there was none since the console started."""
        return self._last

    def start(self, folder: Path, vkeys: str) -> bool:
        """Begins one, unless one is running: then False. `vkeys` are verifier keys, one a line."""
        with self._lock:
            if self._last is not None and self._last.running:
                return False
            self._last = Check(started=_now())
        threading.Thread(target=self._run, args=(folder, vkeys), name="log-check", daemon=True).start()
        return True

    def _run(self, folder: Path, vkeys: str) -> None:
        try:
            code, lines = self._verify(folder, vkeys)
        except OSError as error:
            code, lines = 2, ["无法运行验证程序", f"cannot run the verifier ({error.strerror})"]
        half = len(lines) // 2  # Chinese first, then the same in English
        self._change(
            ended=_now(),
            verified={0: True, 1: False}.get(code),
            zh=tuple(lines[:half]),
            en=tuple(lines[half:]),
        )

    def _verify(self, folder: Path, vkeys: str) -> tuple[int, list[str]]:
        with tempfile.NamedTemporaryFile("w", prefix="vkey-", encoding="utf-8") as file:
            file.write(vkeys)
            file.flush()
            # Isolated: nothing of the gateway's has a say in it.
            program = [sys.executable, "-I", "-X", "utf8", verify.__file__]
            with subprocess.Popen(  # noqa: S603 - our own program and paths
                [*program, "log", str(folder), "--vkey", file.name, "--progress"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            ) as process:
                assert process.stdout is not None
                assert process.stderr is not None
                for line in process.stderr:
                    self._heard(line.strip())
                said = process.stdout.read().splitlines()
        if not said:  # it was killed, or broke: that says nothing about the log
            return 2, ["验证程序未完成即退出，请再试", "the verifier ended before it was done: try again"]
        return process.returncode, said

    def _heard(self, line: str) -> None:
        read, slash, size = line.partition("/")
        if slash and read.isdigit() and size.isdigit():
            self._change(read=int(read), size=int(size))

    def _change(self, **changes: object) -> None:
        assert self._last is not None
        self._last = replace(self._last, **changes)  # type: ignore[arg-type]


def _now() -> int:
    return time.time_ns() // 1_000_000

"""Tests the connection to a partner, as `gateway partner test` does, in a process of its own: the test needs a reactor.

One test of a partner at a time, and few at all: each is a program that reads the whole configuration. The latest result of each
partner is kept for its page until the console ends.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.console.refusals import Refused
from gateway.desk.record import journal_of
from gateway.engine.config import Configuration
from gateway.store import open_clerk
from gateway.store.api import Record

_PATIENCE: Final = 30.0  #: seconds for the steps of the test
_STARTING: Final = 20.0  #: and for the program around them
_AT_ONCE: Final = 3
_LONGEST: Final = 300  #: characters of what a program that failed has said


class Step(msgspec.Struct, frozen=True):
    """One step of the test, in words."""

    name: str
    ok: bool
    zh: str
    en: str


_decode: Final = msgspec.json.Decoder(list[Step]).decode


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test."""

    at: int  #: milliseconds
    by: str  #: the account
    steps: tuple[Step, ...]

    @property
    def passed(self) -> bool:
        """Whether later calls will work."""
        return bool(self.steps) and all(step.ok for step in self.steps)


class Trials:
    """The tests of one console; its methods may be called from any thread, and `run` blocks."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self._latest: dict[str, Trial] = {}

    def latest(self, partner: str) -> Trial | None:
        """The latest test since the console began."""
        return self._latest.get(partner)

    def run(self, partner: str, by: str) -> Trial:
        """Tests, after the audit log has been told (`partner.tested`).

        Args:
            by: the account.

        Raises:
            Refused: the partner is being tested already, or too many others are.
            gateway.contract.Unavailable: it cannot be put on record, and is not done.
        """
        with self._alone(partner):
            self._record(partner, by)
            at = int(time.time() * 1000)
            trial = self._latest[partner] = Trial(at, by, self._steps(partner))
            return trial

    @contextmanager
    def _alone(self, partner: str) -> Iterator[None]:
        with self._lock:
            if partner in self._under_way:
                raise Refused("正在测试该伙伴，请稍候", "this partner is being tested: wait for the result")
            if len(self._under_way) >= _AT_ONCE:
                raise Refused(
                    f"已有 {_AT_ONCE} 个测试在进行，请稍候", f"{_AT_ONCE} tests are under way: wait a little"
                )
            self._under_way.add(partner)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(partner)

    def _record(self, partner: str, by: str) -> None:
        entry = journal_of(self._configuration).entry(
            "partner.tested", partner=partner, actor=f"console:{by}", detail={"by": "gateway console"}
        )
        with open_clerk(self._configuration.gateway.store) as clerk:
            clerk.record(Record((entry,)))

    def _steps(self, partner: str) -> tuple[Step, ...]:
        # -P: this program, and not what lies in the folder where the console was started.
        command = [sys.executable, "-P", "-m", "gateway", "partner", "test", partner, "--json"]
        options = ["--config", str(self._configuration.folder), "--timeout", str(_PATIENCE)]
        try:
            done = subprocess.run(  # noqa: S603  our own program; the name is one of the configuration's
                [*command, *options],
                capture_output=True,
                timeout=_PATIENCE + _STARTING,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return (_broken("测试程序超时未结束", "the test program did not end in time"),)
        try:
            return tuple(_decode(done.stdout))
        except msgspec.DecodeError:
            return (_said(done.stderr.decode(errors="replace").strip()),)


def _said(text: str) -> Step:
    """What the program said instead of steps, as it says it: Chinese / English on the last line."""
    last = text.splitlines()[-1][:_LONGEST] if text else ""
    zh, divided, en = last.partition(" / ")
    if not divided:
        return _broken("测试程序异常结束", "the test program broke off")
    return _broken(zh, en)


def _broken(zh: str, en: str) -> Step:
    return Step("end", False, zh, en)

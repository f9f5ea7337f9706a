"""A problem in the configuration, and the error that carries all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.contract import ConfigError

#: A place inside a document: keys and positions from the top.
Place: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to correct: where it stands, what was expected there, and why, in both languages."""

    file: str
    line: int  #: from 1; 0 where the file itself is the problem
    path: str  #: such as `store.url` or `operations[2].name`; empty for the whole file
    expected: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.path} {self.zh} / {self.en}"


class ConfigurationError(ConfigError):
    """The configuration cannot be used. `problems` holds all that is wrong, the first also as the error itself."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.zh, first.en, file=first.file, line=first.line, path=first.path)


def path_of(place: Place) -> str:
    """A place as people write it: `("to", 0)` → `to[0]`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text

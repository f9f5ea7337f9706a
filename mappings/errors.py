"""What goes wrong: in a message (`MappingError`), in one value (`Refused`), in a mapping file (`Problem`)."""

from __future__ import annotations

from dataclasses import dataclass


class Refused(Exception):
    """A lens says no to one value. The texts never quote the value: the caller knows if it is personal."""

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.rule = rule
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one message."""

    field: str  #: place in the partner's tree, rows counted from 1: `feedetail[2]/cnt`
    name: str  #: what operations staff call it
    canonical: str  #: place in the canonical body: `fee_lines[1].quantity`; empty where there is none
    rule: str  #: stable word for programs: `missing`, `length`, `code`, `total` ...
    zh: str
    en: str
    line: int = 0  #: of the partner's bytes, counted from 1; 0 where the format has no lines
    column: int = 0  #: counted from 1: the number of a column, or its first byte in the line
    offset: int = 0  #: in bytes from the beginning, counted from 0


class MappingError(ValueError):
    """A message (or a body) that the mapping refuses, with everything found wrong up to a bound.

    `field`, `name`, `canonical`, `rule`, `zh` and `en` are those of the first fault.
    """

    def __init__(self, mapping: str, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{f.zh} / {f.en}" for f in faults))
        self.mapping = mapping
        self.faults = faults
        first = faults[0]
        self.field = first.field
        self.name = first.name
        self.canonical = first.canonical
        self.rule = first.rule
        self.zh = first.zh
        self.en = first.en


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a mapping file. `level` is `error` or, for something merely to be seen, `note`."""

    file: str
    line: int
    path: str
    zh: str
    en: str
    suggestion: str = ""
    level: str = "error"

    def __str__(self) -> str:
        hint = f" → {self.suggestion}" if self.suggestion else ""
        return f"{self.file}:{self.line}: {self.path}: {self.zh} / {self.en}{hint}"


class DefinitionError(ValueError):
    """A mapping file that cannot be used."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

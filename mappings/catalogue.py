"""All versions of the mappings of some folders, and which one holds on a day.

    v1  ───────────────┐                 no `effective`: until the next version begins
    v2                 └──────────────   effective: {from: 2026-07-01}

A version holds from its `from` (both days included, days are China's) to its `until`; where it has no `until`, to the
day before the next version begins. A later folder replaces a file of an earlier one that has the same name and
version, and may add versions of its own: that is how an operator changes a shipped mapping without touching the
package. Code tables in a folder's `codes/` replace shipped ones of the same name, for all mappings.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from mappings import codes
from mappings.definition import Definition, read
from mappings.document import Reader
from mappings.errors import DefinitionError, Problem
from mappings.keys import nearest
from mappings.lenses_times import CHINA
from mappings.lint import lint
from mappings.mapping import Mapping, load

_DAY = dt.timedelta(days=1)


class NoMapping(LookupError):
    """There is no such mapping, or none that holds on the day."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a mapping, and the days it holds; None is open."""

    definition: Definition
    begins: dt.date | None
    ends: dt.date | None

    @property
    def label(self) -> str:
        """`name@version`."""
        return f"{self.definition.name}@{self.definition.version}"

    def holds(self, day: dt.date) -> bool:
        return (self.begins or day) <= day <= (self.ends or day)


def china_day(at: dt.datetime) -> dt.date:
    """The day a moment falls on in China, by which versions are chosen."""
    return at.astimezone(CHINA).date()


class Catalogue:
    """The mappings of some folders. Files are read at once and compiled when first asked for.

    Args:
        folders: of mapping files (`*.yaml`, directly inside); later ones replace earlier ones.
    """

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders
        self.tables = (*(folder / "codes" for folder in reversed(folders)), codes.FOLDER)
        self.files: list[Path] = []
        self.problems: list[Problem] = []  #: of files together; those of one file are found by `lint`
        self._found: dict[str, dict[int, Definition]] = {}
        for folder in folders:
            self._read(folder)
        self._versions = {name: _placed(list(found.values())) for name, found in self._found.items()}
        for versions in self._versions.values():
            self.problems += _seams(versions)

    def _read(self, folder: Path) -> None:
        own: dict[tuple[str, int], Definition] = {}
        for file in sorted(folder.glob("*.yaml")):
            self.files.append(file)
            definition = read(Reader(file, self.tables))
            if definition is None or not definition.name:
                continue
            key = definition.name, definition.version
            if key in own:
                zh = f"{key[0]}@{key[1]} 已在 {own[key].file.name} 中"
                en = f"{key[0]}@{key[1]} stands in {own[key].file.name} already"
                self.problems.append(_problem(definition, "version", zh, en))
                continue
            own[key] = definition
            self._found.setdefault(key[0], {})[key[1]] = definition

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._versions))

    def versions(self, name: str) -> tuple[Version, ...]:
        """Of one mapping, in order of time; empty where there is none."""
        return self._versions.get(name, ())

    def __iter__(self) -> Iterator[Version]:
        for name in self.names():
            yield from self._versions[name]

    def find(self, label: str, on: dt.date) -> Mapping:
        """The mapping that `name` or `name@version` means on a day.

        Raises:
            NoMapping: there is none, or none holds on that day.
            DefinitionError: its file has errors.
        """
        name, at, number = label.partition("@")
        versions = self.versions(name)
        if not versions:
            hint = nearest(name, self.names())
            raise NoMapping(
                f"没有映射“{name}”。{hint}".rstrip("。"), f"there is no mapping {name!r} {hint}".strip()
            )
        for version in versions:
            if str(version.definition.version) == number if at else version.holds(on):
                return _load(version.definition.file, self.tables)
        if at:
            raise NoMapping(f"映射 {name} 没有版本 {number}", f"mapping {name} has no version {number}")
        raise NoMapping(f"{on} 没有生效的映射 {name}", f"no version of mapping {name} holds on {on}")

    def lint(self) -> list[Problem]:
        """All problems, of each file and of the files together, by file and line."""
        found = [problem for file in self.files for problem in lint(file, self.tables)]
        return sorted({*found, *self.problems}, key=lambda p: (p.file, p.line, p.path))

    def check(self) -> None:
        """
        Raises:
            DefinitionError: the files together are wrong.
        """
        if self.problems:
            raise DefinitionError(tuple(self.problems))


@cache
def catalogue(*folders: Path) -> Catalogue:
    """The catalogue of some folders, made once in a process."""
    return Catalogue(folders)


@cache
def _load(file: Path, tables: tuple[Path, ...]) -> Mapping:
    return load(file, tables)


def _placed(definitions: list[Definition]) -> tuple[Version, ...]:
    """In order of time; an open end is closed by the next beginning."""
    order = sorted(definitions, key=lambda d: (d.effective.begins or dt.date.min, d.version))
    following = [d.effective.begins for d in order[1:]]
    return tuple(
        Version(d, d.effective.begins, d.effective.ends or (after and after - _DAY))
        for d, after in zip(order, [*following, None], strict=True)
    )


def _seams(versions: tuple[Version, ...]) -> Iterator[Problem]:
    """What is wrong between one version and the next."""
    for first, second in pairwise(versions):
        if second.begins == first.begins or second.begins is None:
            zh = f"与 {first.label} 同时生效"
            yield _problem(
                second.definition, "effective", zh, f"begins with {first.label}", "effective: {from: …}"
            )
        elif first.ends is not None and first.ends >= second.begins:
            zh = f"与 {first.label} 的生效日期重叠(至 {first.ends})"
            en = f"overlaps {first.label}, which holds until {first.ends}"
            yield _problem(second.definition, "effective", zh, en, f"from: {first.ends + _DAY}")
        elif first.ends is not None and first.ends + _DAY < second.begins:
            zh = f"{first.ends} 之后没有生效的版本,直到 {second.begins}"
            en = f"no version holds between {first.ends} and {second.begins}"
            yield _problem(second.definition, "effective", zh, en, f"from: {first.ends + _DAY}")


def _problem(definition: Definition, key: str, zh: str, en: str, suggestion: str = "") -> Problem:
    return Problem(str(definition.file), definition.at(key), key, zh, en, suggestion)

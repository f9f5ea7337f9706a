"""The mappings of one hospital: the shipped ones with the operator's over them, or this hospital's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.contract import ConfigError
from mappings import SHIPPED, DefinitionError, Mapping, load
from mappings.catalogue import catalogue
from mappings.definition import Definition, GroupLine, InsideLine, Line


class Formats:
    """Finds mappings by name and day.

    Args:
        own: files for this hospital alone, which hold at all times in place of those of the same name.
        folders: the operator's mappings for all partners.

    Raises:
        ConfigError: a file is no mapping, or replaces none of ours.
    """

    def __init__(self, own: tuple[Path, ...] = (), folders: tuple[Path, ...] = ()) -> None:
        self._catalogue = catalogue(SHIPPED / "hospital", SHIPPED / "settlement", *folders)
        try:
            self._catalogue.check()
            loaded = [load(file, self._catalogue.tables) for file in own]
        except DefinitionError as error:
            raise _broken(error) from error
        self._own = {mapping.name: mapping for mapping in loaded}
        for mapping in loaded:
            self._require(mapping)

    def compile(self, names: Iterable[str]) -> None:
        """What holds next month is compiled now: its errors are found now.

        Raises:
            ConfigError: a version of one of them is wrong.
        """
        try:
            for name in names:
                for version in self._catalogue.versions(name):
                    self._require(self._catalogue.find(version.label, dt.date.max))
        except DefinitionError as error:
            raise _broken(error) from error

    def find(self, name: str, day: dt.date) -> Mapping:
        """
        Raises:
            NoMapping: it has no version for that day.
        """
        return self._own.get(name) or self._catalogue.find(name, day)

    def _require(self, mapping: Mapping) -> None:
        """Other fields may be in it, but it must be about the same document and message, and ask for no more."""
        shipped = catalogue(SHIPPED / "hospital", SHIPPED / "settlement").versions(mapping.name)
        if not any(_replaces(mapping, version.definition) for version in shipped):
            raise ConfigError(
                f"{mapping.file} 不能替换任何医院映射",
                f"{mapping.file} replaces no hospital mapping",
                file=str(mapping.file),
                path="mappings",
            )


def _replaces(mapping: Mapping, shipped: Definition) -> bool:
    own = mapping.plan.definition
    return (
        own.canonical == shipped.canonical
        and own.codec.root == shipped.codec.root
        and set(own.elsewhere) <= set(shipped.elsewhere)
    )


def _broken(error: DefinitionError) -> ConfigError:
    return ConfigError(f"映射有误：{error}", f"not a mapping: {error}", path="mappings")


def field_names(mapping: Mapping) -> dict[str, str]:
    """Wire path without row numbers → its Chinese name: `feedetail/cnt` → 数量."""
    return dict(_names(mapping.plan.definition.fields, ""))


def _names(lines: Iterable[Line], prefix: str) -> Iterator[tuple[str, str]]:
    for line in lines:
        if isinstance(line, GroupLine):
            yield prefix + line.each, line.name
            yield from _names(line.fields, f"{prefix}{line.each}/")
        elif isinstance(line, InsideLine):
            yield prefix + line.at, line.name
            yield from _names(line.fields, f"{prefix}{line.at}/")
        else:
            yield prefix + line.at, line.name

"""The mappings that one partner uses: shipped ones, the operator's over them, and some for this partner alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from collections.abc import Mapping as Mapped
from pathlib import Path
from typing import Any

from gateway.canonical import Body
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED
from mappings.catalogue import NoMapping, catalogue, china_day
from mappings.errors import DefinitionError, MappingError
from mappings.mapping import Mapping, load


class Selection:
    """Which version holds is decided by the time of the message, not of the attempt: question and answer are of one
    version, and tomorrow's retry is read as today's request was written.

    Args:
        prefix: of the names in the catalogue: `police.` makes `find("nciic_check", …)` look for `police.nciic_check`.
        names: those the partner uses, without the prefix.
        own: files for this partner alone, by name, which hold at all times.
        folders: the operator's mappings for all partners.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(
        self,
        shipped: Path,
        prefix: str,
        names: Iterable[str],
        own: Mapped[str, Path] | None = None,
        folders: tuple[Path, ...] = (),
    ) -> None:
        self._prefix = prefix
        self._catalogue = catalogue(shipped, *folders)
        try:
            self._own = {name: load(file, self._catalogue.tables) for name, file in (own or {}).items()}
            self._catalogue.check()
            for name in names:
                self._compile(prefix + name)
        except DefinitionError as error:
            raise ConfigError(f"映射文件有误：{error}", f"a mapping cannot be used: {error}") from error
        self._chosen: dict[tuple[str, dt.date], Mapping] = {}

    def _compile(self, name: str) -> None:
        """An operator's file is compiled now, also the one that holds next month: its errors are found now. The shipped
        ones have been, and most are never used: each waits for its first message."""
        for version in self._catalogue.versions(name):
            if not version.definition.file.is_relative_to(SHIPPED):
                self._catalogue.find(version.label, dt.date.max)

    def mapping(self, name: str, at: dt.datetime) -> Mapping:
        """The mapping in use for messages of that time.

        Raises:
            Reject: no version holds then.
        """
        key = name, china_day(at)
        if key not in self._chosen:
            try:
                own = self._own.get(name)
                self._chosen[key] = own or self._catalogue.find(self._prefix + name, key[1])
            except NoMapping as error:
                raise Reject(error.zh, error.en, code="no-mapping") from None
        return self._chosen[key]

    def encode(self, name: str, body: Body, at: dt.datetime, envelope: dict[str, str] | None = None) -> bytes:
        """The partner's document.

        Raises:
            Reject: the message, or a setting, holds something this interface cannot say.
        """
        try:
            return self.mapping(name, at).encode(body, envelope)
        except MappingError as error:
            raise unsayable(error) from None

    def encode_raw(self, name: str, body: Body, at: dt.datetime) -> dict[str, Any]:
        """JSON only, see `Mapping.encode_raw`. Raises as `encode`."""
        try:
            return self.mapping(name, at).encode_raw(body)
        except MappingError as error:
            raise unsayable(error) from None

    def label(self, name: str, at: dt.datetime) -> str:
        """`name@version`, for the record."""
        mapping = self.mapping(name, at)
        return f"{mapping.name}@{mapping.version}"


def unsayable(error: MappingError) -> Reject:
    """What keeps a message from being written, as its sender is told."""
    return Reject(error.zh, error.en, code="invalid", field=error.canonical or error.field, rule=error.rule)

"""The mappings of one partner: the shipped ones with the operator's over them, or the partner's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final, get_args

from adapters.police.contracts import Unreadable
from adapters.police.settings import FormatName
from gateway.canonical import Body
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED, DefinitionError, Mapping, MappingError, load
from mappings.catalogue import NoMapping, catalogue, china_day

_FOLDER: Final = SHIPPED / "police"
FORMATS: Final[tuple[FormatName, ...]] = get_args(FormatName)


class Formats:
    """Which version holds is decided by the time of the message, so that question and answer are of one version.

    Args:
        own: files for this partner alone, which hold at all times.
        folders: the operator's mappings for all partners.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(self, own: dict[FormatName, Path], folders: tuple[Path, ...] = ()) -> None:
        self._catalogue = catalogue(_FOLDER, *folders)
        try:
            self._own = {name: load(file, self._catalogue.tables) for name, file in own.items()}
            self._catalogue.check()
        except DefinitionError as error:
            raise ConfigError(f"映射文件有误：{error}", f"a mapping cannot be used: {error}") from error
        self._chosen: dict[tuple[FormatName, dt.date], Mapping] = {}

    def mapping(self, name: FormatName, at: dt.datetime) -> Mapping:
        """The mapping in use for messages of that time. Raises Reject where no version holds then."""
        key = name, china_day(at)
        if key not in self._chosen:
            try:
                own = self._own.get(name)
                self._chosen[key] = own or self._catalogue.find(f"police.{name}", key[1])
            except NoMapping as error:
                raise Reject(error.zh, error.en, code="no-mapping") from None
        return self._chosen[key]

    def write(self, name: FormatName, body: Any, at: dt.datetime, envelope: dict[str, str]) -> bytes:
        """The document.

        Raises:
            Reject: the message, or a setting, holds something this service cannot be told.
        """
        try:
            return self.mapping(name, at).encode(body, envelope)
        except MappingError as error:
            raise Reject(
                error.zh, error.en, code="invalid", field=error.canonical or error.field, rule=error.rule
            ) from None

    def read(self, name: FormatName, document: bytes, at: dt.datetime, **elsewhere: Any) -> Body:
        """The document as a canonical body.

        Raises:
            Unreadable: it is not what the service promises.
        """
        try:
            return self.mapping(name, at).decode(document, **elsewhere)
        except MappingError as error:
            raise Unreadable(f"{name} {error.field} {error.rule}") from None

    def label(self, name: FormatName, at: dt.datetime) -> str:
        """`name@version`, for the record."""
        mapping = self.mapping(name, at)
        return f"{mapping.name}@{mapping.version}"

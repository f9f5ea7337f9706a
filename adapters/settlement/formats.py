"""The mappings between canonical messages and the national interface, chosen by the time of the message."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final

from adapters.settlement.codec import Answer, Unreadable
from adapters.settlement.transactions import FORMATS
from gateway.canonical import Body
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED, DefinitionError, Mapping, MappingError, load
from mappings.catalogue import NoMapping, catalogue, china_day

_FOLDER: Final = SHIPPED / "settlement"
_NAME: Final = "settlement.{}".format


class Formats:
    """The mappings of one partner: the shipped ones with the operator's over them, or the province's own.

    Which version holds is decided by the time of the message, not of the attempt: request and answer are of one
    version, and a retry of tomorrow is read as the request of today was written.

    Args:
        own: files for this partner alone, which hold at all times.
        folders: the operator's mappings for all partners.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(self, own: dict[str, Path], folders: tuple[Path, ...] = ()) -> None:
        self._catalogue = catalogue(_FOLDER, *folders)
        try:
            self._own = {name: load(file, self._catalogue.tables) for name, file in own.items()}
            self._catalogue.check()
            for name in FORMATS:
                for version in self._catalogue.versions(_NAME(name)):
                    # An operator's file is compiled now, also the one that holds next month: its errors are found
                    # now. The shipped ones have been, and most are never used: each waits for its first message.
                    if not version.definition.file.is_relative_to(SHIPPED):
                        self._catalogue.find(version.label, dt.date.max)
        except DefinitionError as error:
            raise ConfigError(f"映射文件有误：{error}", f"a mapping cannot be used: {error}") from error
        self._chosen: dict[tuple[str, dt.date], Mapping] = {}

    def mapping(self, name: str, at: dt.datetime) -> Mapping:
        """The mapping in use for messages of that time.

        Raises:
            Reject: no version holds then.
        """
        key = name, china_day(at)
        if key not in self._chosen:
            try:
                own = self._own.get(name)
                self._chosen[key] = own or self._catalogue.find(_NAME(name), key[1])
            except NoMapping as error:
                raise Reject(error.zh, error.en, code="no-mapping") from None
        return self._chosen[key]

    def write(self, name: str, body: Body, at: dt.datetime) -> dict[str, Any]:
        """The `input` subtree.

        Raises:
            Reject: the message holds something this interface cannot say.
        """
        try:
            return self.mapping(name, at).encode_raw(body)
        except MappingError as error:
            raise Reject(
                error.zh, error.en, code="invalid", field=error.canonical or error.field, rule=error.rule
            ) from None

    def read(self, name: str, answer: Answer, at: dt.datetime, output: dict[str, Any] | None = None) -> Body:
        """The answer's `output` (or the given one) as a canonical body.

        Raises:
            Unreadable: it is not what the interface promises.
        """
        tree = answer.output if output is None else output
        try:
            return self.mapping(name, at).decode_tree(
                tree, raw_code=answer.infcode, raw_text=answer.err_msg or None
            )
        except MappingError as error:
            raise Unreadable(f"{name} {error.field} {error.rule}") from None

    def label(self, name: str, at: dt.datetime) -> str:
        """`name@version`, for the record."""
        mapping = self.mapping(name, at)
        return f"{mapping.name}@{mapping.version}"

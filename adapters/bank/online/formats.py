"""The mappings of one bank, with the bank's names of fields that have no canonical one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping as Mapped
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from adapters.bank.online.settings import FormatName
from gateway.canonical import Body
from mappings import SHIPPED, Mapping, MappingError
from mappings.selection import Selection, unsayable


class Unreadable(Exception):
    """Not what the bank's interface promises. The text names field and rule, never a value."""


class Formats:
    """See `Selection` for `own` and `folders`. `at` is the time of the batch, so that one version holds for it all.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(self, own: Mapped[FormatName, Path], folders: tuple[Path, ...] = ()) -> None:
        names = get_args(FormatName)
        mine = {str(name): file for name, file in own.items()}
        self._mappings = Selection(SHIPPED / "bank", "bank.", names, mine, folders)

    def write(self, name: FormatName, body: Struct, at: dt.datetime, known: Mapped[str, str]) -> bytes:
        """A document; `known` are the values for fields without a canonical one, by their name in small letters. Those
        that the mapping has not, and empty ones, are left out.

        Raises:
            Reject: the message, or a setting, holds something this bank cannot be told.
        """
        mapping = self._mapping(name, at)
        envelope = {place: known[last] for place in mapping.envelope if known.get(last := _last(place))}
        try:
            return mapping.encode(body, envelope)
        except MappingError as error:
            raise unsayable(error) from None

    def parse(self, name: FormatName, document: bytes, at: dt.datetime) -> Any:
        """The tree of a document. Raises Unreadable."""
        try:
            return self._mapping(name, at).parse(document)
        except MappingError as error:
            raise _unreadable(name, error) from None

    def read(self, name: FormatName, tree: Any, at: dt.datetime, **elsewhere: Any) -> Body:
        """A tree as a canonical body; of `elsewhere` the mapping gets what it wants.

        Raises:
            Unreadable: it is not what the bank promises.
        """
        mapping = self._mapping(name, at)
        wanted = {field: elsewhere.get(field) for field in mapping.elsewhere}
        try:
            return mapping.decode_tree(tree, **wanted)
        except MappingError as error:
            raise _unreadable(name, error) from None

    def envelope(self, name: FormatName, tree: Any, at: dt.datetime) -> dict[str, str]:
        """What stands in fields without a canonical one, by their names in small letters. Raises Unreadable."""
        try:
            found = self._mapping(name, at).read_envelope(tree)
        except MappingError as error:
            raise _unreadable(name, error) from None
        return {_last(place): value for place, value in found.items()}

    def label(self, name: FormatName, at: dt.datetime) -> str:
        """`name@version`, for the record."""
        return self._mappings.label(name, at)

    def _mapping(self, name: FormatName, at: dt.datetime) -> Mapping:
        return self._mappings.mapping(name, at)


def _last(place: str) -> str:
    return place.rpartition("/")[2].lower()


def _unreadable(name: str, error: MappingError) -> Unreadable:
    return Unreadable(f"{name} {error.field} {error.rule}")

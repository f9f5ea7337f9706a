"""The mappings of one access point, by message number: a canonical body and a head ↔ a document. Pure but for files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping as Mapped
from pathlib import Path
from typing import Final

from adapters.treasury.wire.envelope import tree_of
from adapters.treasury.wire.errors import Unreadable
from adapters.treasury.wire.head import Head
from gateway.canonical import Body
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED, Mapping, MappingError, codes
from mappings.catalogue import catalogue, china_day
from mappings.selection import Selection, unsayable

_FOLDER: Final = SHIPPED / "treasury"
_PREFIX: Final = "treasury."
RESULTS: Final = "tips_result"
#: A partner's own mapping holds at all times.
_ANY_DAY: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _shipped() -> dict[str, str]:
    """`1001` → `1001.debit`, for every number with a mapping."""
    names = (name.removeprefix(_PREFIX) for name in catalogue(_FOLDER).names())
    return {name.partition(".")[0]: name for name in names}


class Formats:
    """See `Selection` for `own` and `folders`; `own` is by message number. `at` is the time of the message.

    Raises:
        ConfigError: a mapping file cannot be used, or is for a number that nothing here sends or receives, or means
            another canonical message than the shipped one.
    """

    def __init__(self, own: Mapped[str, Path] | None = None, folders: tuple[Path, ...] = ()) -> None:
        self._names = _shipped()
        for number in own or {}:
            if number not in self._names:
                known = "、".join(sorted(self._names))
                raise ConfigError(
                    f"没有报文 {number}；可替换的有：{known}",
                    f"there is no message {number}; those that may be replaced: {known}",
                )
        mine = {self._names[number]: file for number, file in (own or {}).items()}
        self._mappings = Selection(_FOLDER, _PREFIX, self._names.values(), mine, folders)
        self._tables = catalogue(_FOLDER, *folders).tables
        for number in own or {}:
            self._same_message(number)

    def knows(self, number: str) -> bool:
        """Whether there is a mapping for this message number."""
        return number in self._names

    def write(self, number: str, body: Body, head: Head, at: dt.datetime) -> bytes:
        """The document, without a seal. `number` is one that is known, and the head's.

        Raises:
            Reject: the message, or a setting, holds something that this network cannot be told.
        """
        mapping = self._mappings.mapping(self._names[number], at)
        known = head.elements()
        envelope = {place: known[name] for place in mapping.envelope if (name := _last(place)) in known}
        try:
            return mapping.encode(body, envelope)
        except MappingError as error:
            raise unsayable(error) from None

    def read(self, number: str, document: bytes, at: dt.datetime) -> Body:
        """What a document says.

        Raises:
            Unreadable: the number is not known, or the document is not what its mapping promises.
        """
        mapping = self._reading(number, at)
        try:
            return mapping.decode_tree(tree_of(document))
        except MappingError as error:
            raise Unreadable(error.field, error.rule, error.zh, error.en) from None

    def label(self, number: str, at: dt.datetime) -> str:
        """`name@version` of the mapping, for the record. Raises Reject where none holds then."""
        return self._mappings.label(self._names[number], at)

    def meaning(self, code: str, at: dt.datetime, table: str = RESULTS) -> codes.Code | None:
        """What a result code means on that day: its names, and `outcome`, which may be empty. None where the table,
        which an operator may replace, has no such code: then it proves nothing."""
        rows = codes.table(table, self._tables, china_day(at)).codes
        return next((row for row in rows if row.code == code), None)

    def _same_message(self, number: str) -> None:
        name = self._names[number]
        shipped = catalogue(_FOLDER).versions(_PREFIX + name)[-1].definition
        own = self._mappings.mapping(name, _ANY_DAY)
        if (own.canonical_type, own.direction) != (shipped.canonical, shipped.direction):
            raise ConfigError(
                f"报文 {number} 的映射须为 {shipped.canonical}，方向 {shipped.direction}",
                f"a mapping for {number} must be of {shipped.canonical}, direction {shipped.direction}",
            )

    def _reading(self, number: str, at: dt.datetime) -> Mapping:
        place = "HEAD/MsgNo"
        if number not in self._names:
            raise Unreadable(place, "unknown", f"{place}:未知的报文编号", f"{place} is not known here")
        try:
            return self._mappings.mapping(self._names[number], at)
        except Reject as error:
            raise Unreadable(place, "no-mapping", error.zh, error.en) from None


def _last(place: str) -> str:
    return place.rpartition("/")[2]

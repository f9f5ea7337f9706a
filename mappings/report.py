"""Collects what is wrong with one message while it is being mapped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from gateway.contract.privacy import mask_name, mask_text
from mappings.errors import Fault, MappingError, Refused
from mappings.lenses import TextLens
from mappings.plan import Leaf, Repeat

#: Where in nested rows we are: the place around, the group, the row counted from 0. None at the top.
#: A linked tuple costs nothing until there is something to say.
Where: TypeAlias = "tuple[Where, Repeat, int] | None"

#: Enough to repair a message in one go, too few to be a way to make us write megabytes.
MAX_FAULTS = 20
_QUOTED = 40
_UNPRINTED = "\N{REPLACEMENT CHARACTER}"
#: Of a value that is refused; masked before it is cut to what is quoted.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the partner's bytes."""

    line: int  #: counted from 1; 0 where nobody knows
    column: int  #: counted from 1: the number of a column, or its first byte
    offset: int  #: in bytes from the beginning, counted from 0

    @property
    def zh(self) -> str:
        return f"(第 {self.line} 行第 {self.column} 列)" if self.line else ""

    @property
    def en(self) -> str:
        return f" (line {self.line}, column {self.column})" if self.line else ""


NOWHERE = Position(0, 0, 0)


def _nowhere(leaf: Leaf, where: Where) -> Position | None:
    return None


class Full(Exception):
    """So many faults that looking for more is no use."""


class Report:
    __slots__ = ("_silent", "controls", "faults", "kept", "locate", "mapping")

    def __init__(self, mapping: str) -> None:
        self.mapping = mapping
        self.faults: list[Fault] = []
        self.kept: dict[str, Any] = {}
        self.controls: list[tuple[Leaf, Any]] = []  #: control totals, as they were read
        #: Says where in the partner's bytes a leaf stands, if the codec knows.
        self.locate: Callable[[Leaf, Where], Position | None] = _nowhere
        self._silent: tuple[Where, str] | None = None

    def error(self) -> MappingError:
        return MappingError(self.mapping, tuple(self.faults))

    def add(self, fault: Fault) -> None:
        self.faults.append(fault)
        if len(self.faults) >= MAX_FAULTS:
            raise Full

    def silence(self, where: Where, path: str) -> None:
        """After a fault of a whole place, nothing more is said about what would have stood in it."""
        self._silent = where, path

    def missing(self, leaf: Leaf, where: Where) -> None:
        if self._silent is not None and self._silent[0] is where and leaf.path.startswith(self._silent[1]):
            return
        self._leaf(leaf, where, "missing", "必填项缺失", "required, but missing", "")

    def refused(self, leaf: Leaf, where: Where, why: Refused, value: object) -> None:
        """`value` is quoted unless it says something about a person."""
        self._leaf(leaf, where, why.rule, why.zh, why.en, _quoted(leaf, value))

    def _leaf(self, leaf: Leaf, where: Where, rule: str, zh: str, en: str, value: str) -> None:
        wire, canonical = places(where)
        field = wire + leaf.path
        own = canonical + leaf.attr if leaf.role == "field" else leaf.canonical
        said_zh, said_en = (f"(值为“{value}”)", f" (is {value!r})") if value else ("", "")
        label = f"{leaf.name} {field}" if leaf.name else field
        at = self.locate(leaf, where) or NOWHERE
        zh, en = f"{label}{at.zh}:{zh}{said_zh}", f"{field}{at.en}: {en}{said_en}"
        self.add(Fault(field, leaf.name, own, rule, zh, en, at.line, at.column, at.offset))

    def place(
        self, path: str, where: Where, rule: str, zh: str, en: str, at: Position = NOWHERE, name: str = ""
    ) -> None:
        """Something wrong with a place that is no leaf; `path` may come from outside, so it is cut."""
        field = plain(mask_text(places(where)[0] + path))[:120].rstrip("/")
        zh, en = f"{name} {field}{at.zh}:{zh}".lstrip(), f"{field}{at.en}: {en}"
        self.add(Fault(field, name, "", rule, zh, en, at.line, at.column, at.offset))

    def body(self, canonical: str, rule: str, zh: str, en: str, field: str = "", name: str = "") -> None:
        """Something wrong with the canonical body as a whole."""
        label = f"{name} {field or canonical}".strip()
        self.add(Fault(field, name, canonical, rule, f"{label}:{zh}", f"{field or canonical}: {en}"))

    def keep(self, steps: tuple[str, ...], where: Where, key: str, value: object) -> None:
        """Notes a field the mapping does not know, under the place where it stood."""
        node = self.kept
        for step in (*_steps(where), *steps):
            node = node.setdefault(step, {})
        node[key] = value


def plain(text: str) -> str:
    """A text from outside that commands no terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _UNPRINTED for c in text)


def _quoted(leaf: Leaf, value: object) -> str:
    """A refused value as far as it may be said. In a file whose columns have moved, anybody's name or number may stand
    anywhere: numbers of persons are masked by their look, and names wherever no text is expected."""
    if leaf.personal or not isinstance(value, str | int | Decimal | dt.date):
        return ""
    text = plain(mask_text(str(value)[:_LOOKED_AT]))
    text = text if text.isascii() or isinstance(leaf.lens, TextLens) else mask_name(text)
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def places(where: Where) -> tuple[str, str]:
    """Prefixes of a path: in the partner's tree (rows from 1), in the canonical body (rows from 0)."""
    if where is None:
        return "", ""
    outer, repeat, row = where
    wire, canonical = places(outer)
    return f"{wire}{repeat.path}[{row + 1}]/", f"{canonical}{repeat.attr}[{row}]."


def _steps(where: Where) -> tuple[str, ...]:
    if where is None:
        return ()
    outer, repeat, row = where
    return (*_steps(outer), *repeat.steps, str(row + 1))

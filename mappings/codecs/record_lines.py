"""The parts of a file of records: columns, records, lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mappings.codecs.codec import value_of
from mappings.errors import Refused
from mappings.plan import Leaf, Repeat
from mappings.report import Where
from mappings.source import Source


class Cell:
    """One column of one record: how a text lies in it."""

    __slots__ = ("at", "leaf", "value")

    def __init__(self, leaf: Leaf, at: int) -> None:
        self.leaf = leaf
        self.at = at  #: its number or its first byte, counted from 1
        source = Source()
        found = "None" if leaf.role == "const" else value_of(leaf)
        if leaf.role == "control":  # in a stream the rows are not there
            found = f"envelope[{leaf.path!r}] if {leaf.path!r} in envelope else {found}"
        with source.block("def value(b, parent, where, envelope):"):
            source(f"return {found}")
        self.value: Callable[..., Any] = source.compile(leaf.step)["value"]


@dataclass(slots=True)
class Record:
    """A line that there may be, with its columns in their order."""

    name: str
    path: str
    starts: bytes
    cells: tuple[Any, ...]
    repeat: Repeat | None = None


@dataclass(slots=True)
class Line:
    """One line of a file, without its line end."""

    record: Record
    data: bytes
    number: int  #: counted from 1
    offset: int  #: its first byte in the file, counted from 0


@dataclass(slots=True)
class Tree:
    """The lines of a file."""

    single: dict[str, Line]
    rows: list[Line]
    absent: list[Record] = field(default_factory=list)
    data: bytes = b""

    def line(self, leaf: Leaf, where: Where) -> Line | None:
        """Where a column stands; None for what is no column of this file, as when the file is inside a message."""
        if len(leaf.steps) > 1:
            return self.single.get(leaf.steps[0])
        return self.rows[where[2]] if where is not None and where[2] < len(self.rows) else None


class Unread:
    """Stands for the text of a column that has none, as when a character is cut in two."""

    __slots__ = ("why",)

    def __init__(self, why: Refused) -> None:
        self.why = why


#: Stands for a line that no record was declared for.
NOTHING = Record("", "", b"", ())

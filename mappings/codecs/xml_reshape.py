"""XML whose shape is no tree of named fields: tables, rows of captions, values in boxes.

A reshape turns such XML into the tree it stands for before a mapping reads it, and back after it is written.
There are three, each as a line of `codec.reshape`; they are applied in their order, and undone in the reverse one.

* `{table: Value, row: Row, cell: Data, lead: [Code, Text]}`: rows of cells without names. The first row becomes
  one element for each of `lead`, the second names the columns, and in all others the cells become elements
  of those names; empty cells are left out. Written: the columns of the first row, so `empty: blank`.
* `{captions: ROW, texts: {XM: 姓名}}`: the first of the rows holds nothing but what people call the columns.
* `{unwrap: ROW/OUTPUT/ITEM, echo: result_}`: boxes of one value each, which becomes a child of what is around
  the box. With `echo`, a value `result_x` has an empty `x` beside it in its box.

Paths start below the root; names have no namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from mappings.errors import Refused
from mappings.keys import Keys

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


class Reshape(Protocol):
    """Both work on the tree they are given. What `write` makes, `read` turns into what it was made from."""

    def read(self, root: etree._Element) -> None:
        """Raises `Refused` where the tree has not the shape."""

    def write(self, root: etree._Element) -> None: ...


@dataclass(frozen=True, slots=True)
class Table:
    at: str
    row: str
    cell: str
    lead: tuple[str, ...]

    def read(self, root: etree._Element) -> None:
        for table in root.iterfind(self.at):
            rows = list(table.iterchildren(self.row))
            if len(rows) != len(table) or not rows:
                raise _shape(self.at, f"应只含 {self.row}", f"must hold {self.row} and nothing else")
            lead = self._cells(rows[0])
            if any(lead[len(self.lead) :]):
                raise _shape(
                    self.at, f"首行超过 {len(self.lead)} 列", f"has more than {len(self.lead)} cells first"
                )
            self._name(table, lead, self.lead)
            table.remove(rows[0])
            if len(rows) > 1:
                self._rows(rows[1:])
                table.remove(rows[1])

    def _rows(self, rows: list[etree._Element]) -> None:
        columns = tuple(self._cells(rows[0]))
        if len(set(columns)) != len(columns) or not all(map(_NAME.fullmatch, columns)):
            raise _shape(self.at, "列名无效或重复", "its columns have impossible names, or one twice")
        for row in rows[1:]:
            cells = self._cells(row)
            if len(cells) != len(columns):
                raise _shape(self.at, "各行列数不一致", "has rows of different length")
            row[:] = []
            self._name(row, cells, columns)

    def _cells(self, row: etree._Element) -> list[str]:
        if any(cell.tag != self.cell or len(cell) for cell in row):
            raise _shape(self.at, f"行内应只含 {self.cell}", f"has rows of other things than {self.cell}")
        return [cell.text or "" for cell in row]

    @staticmethod
    def _name(place: etree._Element, texts: list[str], names: tuple[str, ...]) -> None:
        for text, name in zip(texts, names, strict=False):
            if text:
                etree.SubElement(place, name).text = text

    def write(self, root: etree._Element) -> None:
        for table in root.iterfind(self.at):
            rows = list(table.iterchildren(self.row))
            lead = [table.findtext(name) or "" for name in self.lead]
            columns = [str(cell.tag) for cell in rows[0]] if rows else []
            table[:] = [self._row(lead), *([self._row(columns)] if rows else []), *rows]
            for row in rows:
                row[:] = list(self._row([cell.text or "" for cell in row]))

    def _row(self, texts: list[str]) -> etree._Element:
        row = etree.Element(self.row)
        for text in texts:
            etree.SubElement(row, self.cell).text = text
        return row


@dataclass(frozen=True, slots=True)
class Captions:
    row: str
    texts: tuple[tuple[str, str], ...]

    def read(self, root: etree._Element) -> None:
        for place in _parents(root, self.row):
            first = next(place.iterchildren(_last(self.row)))
            if len(first.attrib) or [(c.tag, c.text) for c in first] != list(self.texts):
                raise _shape(self.row, "首行应为约定的列标题", "must begin with the agreed captions")
            place.remove(first)

    def write(self, root: etree._Element) -> None:
        for place in _parents(root, self.row):
            captions = etree.Element(_last(self.row))
            for name, text in self.texts:
                etree.SubElement(captions, name).text = text
            next(place.iterchildren(_last(self.row))).addprevious(captions)


@dataclass(frozen=True, slots=True)
class Boxes:
    box: str
    echo: str

    def read(self, root: etree._Element) -> None:
        for place in _parents(root, self.box):
            for box in list(place):
                if box.tag != _last(self.box) or not self._holds_one(list(box)):
                    raise _shape(self.box, "应只含一个值", "must hold one value")
                place.replace(box, box[-1])

    def _holds_one(self, values: list[etree._Element]) -> bool:
        echoes = values[:-1]
        blank = all(not len(e) and not (e.text or "").strip() for e in echoes)
        return bool(values) and blank and [e.tag for e in echoes] == list(self._echo_of(values[-1]))

    def _echo_of(self, value: etree._Element) -> Iterator[str]:
        name = str(value.tag)
        if self.echo and name.startswith(self.echo):
            yield name.removeprefix(self.echo)

    def write(self, root: etree._Element) -> None:
        outer, _, name = self.box.rpartition("/")
        for place in root.iterfind(outer) if outer else (root,):
            for value in list(place):
                box = etree.Element(name)
                place.replace(value, box)
                for echo in self._echo_of(value):
                    etree.SubElement(box, echo)
                box.append(value)


def _parents(root: etree._Element, path: str) -> list[etree._Element]:
    """The elements around those at the path, each once."""
    outer = path.rpartition("/")[0]
    places = list(root.iterfind(outer)) if outer else [root]
    return [place for place in places if place.find(_last(path)) is not None]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _shape(path: str, zh: str, en: str) -> Refused:
    return Refused("shape", f"{path}:{zh}", f"{path} {en}")


def options(keys: Keys) -> tuple[Reshape, ...]:
    """The lines of `reshape` among a codec's keys; what is wrong with them goes to the reader."""
    return keys.rows("reshape", _reshape)


def _reshape(keys: Keys) -> Reshape:
    made: Reshape
    if "table" in keys.table.entries:
        made = Table(keys.text("table"), keys.text("row"), keys.text("cell"), keys.texts("lead"))
    elif "captions" in keys.table.entries:
        row, texts = keys.text("captions"), keys.table_of("texts")
        made = Captions(row, tuple((name, texts.text(name)) for name in texts.table.entries))
    else:
        made = Boxes(keys.text("unwrap"), keys.text("echo", ""))
    keys.done()
    return made

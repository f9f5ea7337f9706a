"""Generates the functions that write JSON."""

from __future__ import annotations

from mappings.codecs.codec import inside_writer, needed, presence, value_of
from mappings.codecs.json_places import named, wrapped
from mappings.lens import Lens
from mappings.lenses_numbers import SequenceLens
from mappings.plan import Branch, Document, Inside, Item, Leaf, Repeat
from mappings.source import Source


class Writer:
    """Functions that build the objects of one message."""

    def __init__(self, source: Source, document: Document, name: str, as_numbers: bool) -> None:
        self.source = source
        self.name = name
        self.empty = {"absent": "", "blank": "''", "null": "None"}[document.empty]
        self.as_numbers = as_numbers

    def function(self, name: str, items: list[Item]) -> None:
        rows = self._rows(items)
        with self.source.block(f"def {name}(b, parent, report, where, envelope):"):
            self.source("o = {}")
            self._items("o", items, rows)
            self.source("return o")

    def _rows(self, items: list[Item]) -> dict[int, str]:
        names: dict[int, str] = {}
        for item in items:
            if isinstance(item, Repeat):
                names[id(item)] = self.source.new("row")
                self.function(names[id(item)], item.items)
            elif isinstance(item, Branch):
                names |= self._rows(item.items)
        return names

    def _items(self, out: str, items: list[Item], rows: dict[int, str]) -> None:
        for item in items:
            place = f"{out}[{named(item.step)!r}]"
            if isinstance(item, Branch):
                self._branch(place, item, rows)
            elif isinstance(item, Repeat):
                this = self.source.new("repeat", item)
                call = f"{rows[id(item)]}(r, b, report, (where, {this}, i), envelope)"
                self.source(f"{place} = [{call} for i, r in enumerate(b.{item.attr})]")
            elif isinstance(item, Inside):
                write = self.source.new("inside", inside_writer(item, self.name))
                self.source(f"v = {write}(b, parent, report, where, envelope)")
                self.source(f"if v is not None: {place} = v")
                self.source(f"else: {f'{place} = {self.empty}' if self.empty else 'pass'}")
            elif item.role == "const":
                self.source(f"{place} = {item.lens.write(None)!r}")
            elif item.written:
                self._leaf(place, item)

    def _branch(self, place: str, branch: Branch, rows: dict[int, str]) -> None:
        inner = self.source.new("o")
        source = self.source
        always = self.empty or needed(branch.items) or any(isinstance(i, Repeat) for i in branch.items)
        with source.block(f"if {'True' if always else presence(branch.items)}:"):
            source(f"{inner} = {{}}")
            source(f"{place} = {f'[{inner}]' if wrapped(branch.step) else inner}")
            self._items(inner, branch.items, rows)

    def _leaf(self, place: str, leaf: Leaf) -> None:
        source = self.source
        this = source.new("leaf", leaf)
        write = source.new("write", leaf.lens.write)
        source(f"v = {value_of(leaf)}")
        if leaf.required or self.empty:
            with source.block("if v is None:"):
                source(f"report.missing({this}, where)" if leaf.required else f"{place} = {self.empty}")
        with source.block("if v is not None:"):
            with source.block("try:"):
                number = self.as_numbers and leaf.lens.numeric and not _numbered(leaf.lens)
                source(f"{place} = {f'number({write}(v))' if number else f'{write}(v)'}")
            with source.block("except Refused as no:"):
                source(f"report.refused({this}, where, no, v)")


def _numbered(lens: Lens) -> bool:
    """Whether its zeros at the left count, which a number would lose."""
    return isinstance(lens, SequenceLens) and lens.digits > 0

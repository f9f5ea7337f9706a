"""Generates the function that reads a tree into a canonical body. The same for every codec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from mappings.codec import Codec, shape
from mappings.errors import Refused
from mappings.plan import Branch, Item, Leaf, Plan, Repeat
from mappings.report import Report
from mappings.shape import fields_of
from mappings.source import Source

#: (tree, report, values from elsewhere, what to do with what was kept) → body, None after faults.
Decode = Callable[[Any, Report, dict[str, Any]], Any]


def compile_decode(plan: Plan, codec: Codec, kept: Callable[[dict[str, Any]], str | None]) -> Decode:
    """The decode function of a plan. `kept` writes the unknown fields as the text of the `keep` field."""
    source = Source(fetch=codec.fetch, rows_of=codec.rows, text_of=codec.text, Refused=Refused, kept=kept)
    generator = _Decoder(source, plan, codec)
    generator.function("decode", plan.struct, plan.items, root=True)
    decode: Decode = source.compile(plan.definition.name)["decode"]
    return decode


class _Decoder:
    def __init__(self, source: Source, plan: Plan, codec: Codec) -> None:
        self.source = source
        self.plan = plan
        self.codec = codec

    def function(self, name: str, struct: type[Struct], items: list[Item], root: bool) -> None:
        rows = self._rows(items)
        source = self.source
        arguments = "node, report, elsewhere" if root else "node, report, where"
        with source.block(f"def {name}({arguments}):"):
            if root:
                source("where = None")
            source("before = len(report.faults)")
            values = self._items("node", "", items, rows)
            if root:
                self._unmapped(values)
            source("if len(report.faults) > before: return None")
            made = source.new("Struct", struct)
            source(f"return {made}({', '.join(f'{k}={v}' for k, v in values.items())})")

    def _rows(self, items: list[Item]) -> dict[int, str]:
        """Row functions come first, so that the function of the body can name them."""
        names: dict[int, str] = {}
        for item in items:
            if isinstance(item, Repeat):
                names[id(item)] = self.source.new("row")
                self.function(names[id(item)], item.struct, item.items, root=False)
            elif isinstance(item, Branch):
                names |= self._rows(item.items)
        return names

    def _items(self, node: str, path: str, items: list[Item], rows: dict[int, str]) -> dict[str, str]:
        """Reads what stands in `node`; returns canonical field → variable."""
        source = self.source
        known = source.new("shape", shape(self.codec, self.plan, path, items))
        get = source.new("get")
        source(f"{get} = fetch({node}, {known}, report, where).get")
        values: dict[str, str] = {}
        for item in items:
            key = repr(self.codec.key(item.step))
            if isinstance(item, Branch):
                inner = source.new("node")
                source(f"{inner} = {get}({key})")
                values |= self._items(inner, item.path, item.items, rows)
            elif isinstance(item, Repeat):
                values[item.attr] = self._repeat(item, f"{get}({key})", rows[id(item)])
            elif item.role in ("field", "const"):
                variable = self._leaf(item, f"{get}({key})")
                if item.role == "field":
                    values[item.attr] = variable
        return values

    def _leaf(self, leaf: Leaf, found: str) -> str:
        source = self.source
        value = source.new("v")
        this = source.new("leaf", leaf)
        read = source.new("read", leaf.lens.read)
        default = source.new("default")
        source.names[default] = leaf.default
        source(f"t = {found}")
        # A JSON zero is a value; in XML everything false is emptiness.
        with source.block('if t is None or t == "":' if self.codec.typed else "if not t:"):
            source(f"{value} = " + (f"report.missing({this}, where)" if leaf.required else default))
        with source.block("else:"):
            with source.block("try:"):
                source(f"{value} = {read}({self._text(leaf)})")
            with source.block("except Refused as no:"):
                source(f"{value} = report.refused({this}, where, no, t)")
        return value

    def _text(self, leaf: Leaf) -> str:
        if not self.codec.typed:
            return "t"
        return f"t if type(t) is str else text_of(t, {leaf.lens.numeric})"

    def _repeat(self, repeat: Repeat, found: str, row: str) -> str:
        source = self.source
        value = source.new("v")
        this = source.new("repeat", repeat)
        # A list comprehension into tuple() is the fastest way to a tuple.
        source(f"found = rows_of({found}, {this}, report, where)")
        source(f"{value} = tuple([{row}(r, report, (where, {this}, i)) for i, r in enumerate(found)])")
        return value

    def _unmapped(self, values: dict[str, str]) -> None:
        """Canonical fields that come from the adapter, from an assumption, or from unknown fields."""
        source = self.source
        for name, target in self.plan.elsewhere.items():
            default = source.new("default")
            source.names[default] = target.default
            values[name] = (
                f"elsewhere[{name!r}]" if target.required else f"elsewhere.get({name!r}, {default})"
            )
        for name, value in self.plan.assumed.items():
            if name in fields_of(self.plan.struct):
                values[name] = source.new("assumed")
                source.names[values[name]] = value
        if self.plan.keep:
            values[self.plan.keep] = "kept(report.kept)"

"""Generates the function that reads a tree into a canonical body. The same for every codec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from mappings.checks import MISCOUNTED, control
from mappings.codecs.codec import Codec, made, shape
from mappings.errors import Refused
from mappings.plan import Branch, Document, Inside, Item, Leaf, Plan, Repeat
from mappings.report import Report, Where
from mappings.source import Source

#: (tree, report, values from elsewhere) → body, None after faults.
Decode = Callable[[Any, Report, dict[str, Any]], Any]


def compile_decode(plan: Plan, codec: Codec, kept: Callable[[dict[str, Any]], str | None]) -> Decode:
    """The decode function of a plan. `kept` writes the unknown fields as the text of the `keep` field."""
    source = Source(
        Refused=Refused, kept=kept, enter=_enter, either=_either, miscounted=MISCOUNTED, control=control
    )
    _Decoder(source, plan.document, codec).body(plan)
    decode: Decode = source.compile(plan.definition.name)["decode"]
    return decode


#: Roles of leaves that are read for what they say.
_READ = ("field", "const", "control", "sequence")


def compile_row(plan: Plan, codec: Codec, repeat: Repeat) -> Callable[[Any, Report, Where], Any]:
    """The function that reads one row at the top: (node, report, where) → row, None after faults."""
    source = Source(Refused=Refused, enter=_enter, either=_either, miscounted=MISCOUNTED, control=control)
    name = _Decoder(source, plan.document, codec)._row(repeat)
    row: Callable[[Any, Report, Where], Any] = source.compile(plan.definition.name)[name]
    return row


class _Decoder:
    """Functions for one document; what is inside of it has its own."""

    def __init__(self, source: Source, document: Document, codec: Codec) -> None:
        self.source = source
        self.document = document
        self.codec = codec
        self.fetch = source.new("fetch", codec.fetch)
        self.rows_of = source.new("rows_of", codec.rows)
        self.text_of = source.new("text_of", codec.text)
        self.functions: dict[int, str] = {}  #: of rows and of documents inside, by the item
        self.inner: dict[int, tuple[Codec, dict[str, Any]]] = {}
        self.texts: dict[int, str] = {}  #: leaves that have other spellings, and those
        self.later: list[Leaf] = []
        self.controls: list[tuple[Leaf, str]] = []  #: of the function that is being written

    def body(self, plan: Plan) -> None:
        self._prepare(plan.items)
        source = self.source
        with source.block("def decode(node, report, elsewhere):"):
            source("where = None")
            source("before = len(report.faults)")
            values = self._values(plan.items)
            self._later_controls()
            self._unmapped(plan, values)
            self._return(plan.struct, values)

    def _row(self, repeat: Repeat) -> str:
        self._prepare(repeat.items)
        name, source = self.source.new("row"), self.source
        with source.block(f"def {name}(node, report, where):"):
            source("before = len(report.faults)")
            values = self._values(repeat.items)
            for leaf, value in self.controls:
                this = source.new("leaf", leaf)
                rows = values[leaf.sum.rows] if leaf.sum is not None else ""
                source(f"if len(report.faults) == before: control({this}, {value}, {rows}, report, where)")
            self._assumed(repeat.assumed, values)
            self._return(repeat.struct, values)
        return name

    def _return(self, struct: type[Struct], values: dict[str, str]) -> None:
        self.source("if len(report.faults) > before: return None")
        parts = ", ".join(f"{k}={v}" for k, v in values.items())
        self.source(f"return {self.source.new('Struct', struct)}({parts})")

    def _inside(self, inside: Inside) -> str:
        """A function that gives the values of a document inside, in the order of `self.inner`."""
        codec = made(inside.document)
        decoder = _Decoder(self.source, inside.document, codec)
        decoder._prepare(inside.items)
        name, source = self.source.new("inside"), self.source
        with source.block(f"def {name}(node, report, where):"):
            values = decoder._values(inside.items, inside.path)
            decoder._later_controls()
            source(f"return ({''.join(f'{v}, ' for v in values.values())})")
        self.inner[id(inside)] = codec, dict.fromkeys(values)
        return name

    def _prepare(self, items: list[Item]) -> None:
        """These functions come first, so that the function of the body can name them."""
        for item in items:
            if isinstance(item, Repeat):
                self.functions[id(item)] = self._row(item)
            elif isinstance(item, Inside):
                self.functions[id(item)] = self._inside(item)
            elif isinstance(item, Branch):
                self._prepare(item.items)

    def _values(self, items: list[Item], path: str = "") -> dict[str, str]:
        """Reads everything in `node`; returns canonical field → variable."""
        self.later, self.controls = [], []
        values = self._items("node", path, (), items)
        for leaf in self.later:
            texts = ", ".join(self.texts[id(x)] for x in (leaf, *leaf.also))
            found = f"either(({texts}), {self.source.new('leaf', leaf)}, report, where)"
            self._read(leaf, found, values)
        return values

    def _items(self, node: str, path: str, steps: tuple[str, ...], items: list[Item]) -> dict[str, str]:
        source = self.source
        known = source.new("shape", shape(self.codec, self.document, path, steps, items))
        get = source.new("get")
        source(f"{get} = {self.fetch}({node}, {known}, report, where).get")
        values: dict[str, str] = {}
        for item in items:
            found = f"{get}({self.codec.key(item.step)!r})"
            if isinstance(item, Branch):
                inner = source.new("node")
                source(f"{inner} = {found}")
                values |= self._items(inner, item.path, item.steps, item.items)
            elif isinstance(item, Repeat):
                values[item.attr] = self._repeat(item, found)
            elif isinstance(item, Inside):
                values |= self._enter(item, found)
            elif item.also or item.role == "also":
                self.texts[id(item)] = source.new("t")
                source(f"{self.texts[id(item)]} = {found}")
                self.later += [item] if item.role in _READ else []
            elif item.role in _READ:
                self._read(item, found, values)
        return values

    def _later_controls(self) -> None:
        """What rows add up to is only known when all are read."""
        for leaf, value in self.controls:
            self.source(f"report.controls.append(({self.source.new('leaf', leaf)}, {value}))")

    def _read(self, leaf: Leaf, found: str, values: dict[str, str]) -> None:
        """Reads a leaf for what it is there for."""
        value = self._leaf(leaf, found)
        if leaf.role == "field":
            values[leaf.attr] = value
        elif leaf.role == "control":
            self.controls.append((leaf, value))
        elif leaf.role == "sequence":
            wrong = f"report.refused({self.source.new('leaf', leaf)}, where, miscounted, t)"
            self.source(f"if {value} is not None and {value} != where[2] + 1: {wrong}")

    def _leaf(self, leaf: Leaf, found: str) -> str:
        source = self.source
        value = source.new("v")
        this = source.new("leaf", leaf)
        read = source.new("read", leaf.lens.read)
        source(f"t = {found}")
        with source.block(self._absent()):
            missing = f"report.missing({this}, where)" if leaf.required else self._default(leaf)
            source(f"{value} = {missing}")
        with source.block("else:"):
            with source.block("try:"):
                source(f"{value} = {read}({self._text(leaf)})")
            with source.block("except Refused as no:"):
                source(f"{value} = report.refused({this}, where, no, t)")
        return value

    def _absent(self) -> str:
        # A JSON zero is a value; in XML everything false is emptiness.
        return 'if t is None or t == "":' if self.codec.typed else "if not t:"

    def _default(self, leaf: Leaf) -> str:
        name = self.source.new("default")
        self.source.names[name] = leaf.default
        return name

    def _text(self, leaf: Leaf) -> str:
        if not self.codec.typed:
            return "t"
        return f"t if type(t) is str else {self.text_of}(t, {leaf.lens.numeric})"

    def _enter(self, inside: Inside, found: str) -> dict[str, str]:
        """Reads the document that is a text here."""
        source = self.source
        codec, fields = self.inner[id(inside)]
        values = {name: source.new("v") for name in fields}
        this, inner = source.new("inside", inside), source.new("codec", codec)
        targets = f"[{', '.join(values.values())}]"
        nothing, default = source.new("nothing"), source.new("default")
        source.names[nothing] = (None,) * len(values)
        source.names[default] = tuple(_defaults(inside.items)[name] for name in fields)
        source(f"t = {found}")
        with source.block(self._absent()):
            if inside.required:
                lost = '"必填项缺失", "required, but missing"'
                source(f'report.place({this}.path, where, "missing", {lost})')
            source(f"{targets} = {nothing if inside.required else default}")
        with source.block("else:"):
            source(f"n = enter(t, {this}, {inner}, report, where)")
            source(f"{targets} = {nothing} if n is None else {self.functions[id(inside)]}(n, report, where)")
        return values

    def _repeat(self, repeat: Repeat, found: str) -> str:
        source = self.source
        value = source.new("v")
        this = source.new("repeat", repeat)
        row = self.functions[id(repeat)]
        # A list comprehension into tuple() is the fastest way to a tuple.
        source(f"found = {self.rows_of}({found}, {this}, report, where)")
        source(f"{value} = tuple([{row}(r, report, (where, {this}, i)) for i, r in enumerate(found)])")
        return value

    def _unmapped(self, plan: Plan, values: dict[str, str]) -> None:
        """Canonical fields that come from the adapter, from an assumption, or from unknown fields."""
        source = self.source
        for name, target in plan.elsewhere.items():
            default = source.new("default")
            source.names[default] = target.default
            values[name] = (
                f"elsewhere[{name!r}]" if target.required else f"elsewhere.get({name!r}, {default})"
            )
        self._assumed(plan.assumed, values)
        if plan.keep:
            values[plan.keep] = "kept(report.kept)"

    def _assumed(self, assumed: dict[str, Any], values: dict[str, str]) -> None:
        for name, value in assumed.items():
            values[name] = self.source.new("assumed")
            self.source.names[values[name]] = value


def _defaults(items: list[Item]) -> dict[str, Any]:
    """What is read where a document is not there."""
    found: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Repeat):
            found[item.attr] = ()
        elif not isinstance(item, Leaf):
            found |= _defaults(item.items)
        elif item.role == "field":
            found[item.attr] = item.default
    return found


def _enter(value: Any, inside: Inside, codec: Codec, report: Report, where: Where) -> Any:
    """The tree of a document that is a text (or bytes) within another; None, with a fault, if it is none."""
    before = len(report.faults)
    try:
        tree = codec.parse_any(value)
    except Refused as no:
        report.place(inside.path, where, no.rule, no.zh, no.en)
        return None
    codec.check(tree, report, where, inside.path)
    return tree if len(report.faults) == before else None


def _either(found: tuple[Any, ...], leaf: Leaf, report: Report, where: Where) -> Any:
    """What stands at one of the places a leaf may have."""
    there = [value for value in found if value is not None and value != ""]
    if any(value != there[0] for value in there):
        report.place(leaf.path, where, "duplicate", "两处写法的值不同", "is given in two places, differently")
    return there[0] if there else None
